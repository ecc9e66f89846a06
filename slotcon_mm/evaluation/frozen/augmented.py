"""Random crops of labeled images, for more variety in a memory than the images have."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.transforms import RandomResizedCrop

__all__ = ["Augmented"]

AREA, RATIO = (0.25, 1.0), (3 / 4, 4 / 3)


class Augmented(Dataset):
    """The images as they are in epoch 0; later a crop of each, at the size of the whole, mirrored half of the time.

    A crop has a quarter to all of the area; labels and instances follow. The draws depend on (epoch, index) alone. The
    paper leaves the numbers open; these are this project's.
    """

    def __init__(self, dataset: Any, epoch: int) -> None:
        self.dataset, self.epoch = dataset, epoch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self.dataset[index]
        if self.epoch == 0:
            return sample
        image, labels = sample["img"], sample["gt_sem_seg"]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(np.random.SeedSequence((self.epoch, index)).generate_state(1)[0]))
            top, left, height, width = RandomResizedCrop.get_params(
                torch.empty(1, *image.shape[:2]), list(AREA), list(RATIO)
            )
            step = -1 if torch.rand(()) < 0.5 else 1
        window = np.s_[top : top + height, left : left + width]
        whole = image.shape[1], image.shape[0]
        return {
            "img": cv2.resize(image[window], whole, interpolation=cv2.INTER_CUBIC)[:, ::step],
            "gt_sem_seg": cv2.resize(labels[window], whole, interpolation=cv2.INTER_NEAREST_EXACT)[:, ::step],
        }
