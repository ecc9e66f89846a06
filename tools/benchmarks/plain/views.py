"""Two views of an image by PIL and torchvision, everything on the CPU, floats out."""

from __future__ import annotations

import random

from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torchvision.transforms import ColorJitter, RandomResizedCrop
from torchvision.transforms import functional as tf

__all__ = ["PlainViews"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PlainViews:
    """A file's two views (3, size, size), normalized floats, with the numbers of the paper.

    The second crop is drawn until it overlaps with the first, ten times at most.
    """

    def __init__(self, size: int = 224) -> None:
        self.size = size
        self.jitter = ColorJitter(0.4, 0.4, 0.2, 0.1)

    def __call__(self, path: str) -> tuple[list[Tensor], list[tuple[int, int, int, int]]]:
        with open(path, "rb") as file:
            image = Image.open(file).convert("RGB")
        crops = self.draw_crops(image)
        views = []
        for number, (top, left, height, width) in enumerate(crops):
            view = tf.resized_crop(image, top, left, height, width, [self.size, self.size], Image.Resampling.BICUBIC)
            views.append(self.photometric(view, blur=(1.0, 0.1)[number], solarize=(0.0, 0.2)[number]))
        return views, crops

    def draw_crops(self, image: Image.Image) -> list[tuple[int, int, int, int]]:
        first = RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3])
        for _ in range(10):
            second = RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3])
            if shared_area(first, second) >= 0.01 * second[2] * second[3]:
                break
        return [first, second]

    def photometric(self, view: Image.Image, *, blur: float, solarize: float) -> Tensor:
        if random.random() < 0.5:
            view = tf.hflip(view)
        if random.random() < 0.8:
            view = self.jitter(view)
        if random.random() < 0.2:
            view = tf.rgb_to_grayscale(view, 3)
        if random.random() < blur:
            view = view.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))
        if random.random() < solarize:
            view = ImageOps.solarize(view)
        return tf.normalize(tf.to_tensor(view), MEAN, STD)


def shared_area(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> int:
    height = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    width = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0, height) * max(0, width)
