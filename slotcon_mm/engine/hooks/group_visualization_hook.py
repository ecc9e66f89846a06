"""Groups of a few fixed images while training, in MMEngine's visualization backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from slotcon_mm.checkpoints.view_size import bit_depth_of_config, views_of_config
from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.image_files import UnreadableImageError, read_image
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.models.fitting_sizes import group_at_fitting_size
from slotcon_mm.models.functional import upsampled_argmax
from slotcon_mm.registry import HOOKS
from slotcon_mm.visualization.overlay import overlay_groups

__all__ = ["GroupVisualizationHook"]


@HOOKS.register_module()
class GroupVisualizationHook(Hook):
    """Draws images and their groups, one above the other, every ``interval`` epochs, and before the first.

    They go to every backend of the config's ``visualizer`` (files, TensorBoard, W&B) under the name ``groups``.

    Args:
        images: A folder; images spread evenly over its sorted list are taken. By default the training images.
        num_images: How many.
        interval: In epochs.
        size: Pixels of the sides of their middle squares, as drawn; the network sees them at the size of the views.
    """

    priority = "LOW"

    def __init__(self, images: str | None = None, num_images: int = 6, interval: int = 10, size: int = 224) -> None:
        expect_positive(num_images=num_images, interval=interval, size=size)
        self.images, self.num_images, self.interval, self.size = images, num_images, interval, size

    @master_only
    def before_train(self, runner: Runner) -> None:
        paths = list_images(self.images) if self.images else []
        dataset = runner.train_dataloader.dataset
        count = len(paths) or len(dataset)
        chosen = np.linspace(0, count - 1, min(self.num_images, count)).astype(int)
        chosen_paths = [paths[i] if paths else dataset.get_data_info(int(i))["img_path"] for i in chosen]
        self.squares = read_squares(chosen_paths, self.size, bit_depth_of_config(runner.cfg))
        self.views = views_of_config(runner.cfg)
        self.draw(runner)

    @master_only
    def after_train_epoch(self, runner: Runner) -> None:
        if self.every_n_epochs(runner, self.interval) or self.is_last_train_epoch(runner):
            self.draw(runner)

    def draw(self, runner: Runner) -> None:
        """A drawing that fails is said, and training goes on."""
        if not self.squares.size:
            return
        try:
            self.attempt_to_draw(runner)
        except Exception as error:
            runner.logger.warning(f"the groups could not be drawn ({type(error).__name__}: {error}); training goes on")

    def attempt_to_draw(self, runner: Runner) -> None:
        model = model_of(runner)
        maps = group_maps(model, self.squares, self.views)
        overlays = [overlay_groups(image, groups) for image, groups in zip(self.squares, maps, strict=True)]
        sheet = np.concatenate([np.concatenate(self.squares, axis=1), np.concatenate(overlays, axis=1)])
        runner.visualizer.add_image("groups", sheet, step=runner.epoch + 1 if runner.iter else 0)


def read_squares(paths: Sequence[str], size: int, bit_depth: int | None = None) -> np.ndarray:
    """(N, size, size, 3) of those that can be read."""
    squares = []
    for path in paths:
        try:
            squares.append(middle_square(read_image(path, bit_depth=bit_depth), size))
        except UnreadableImageError as error:
            print_log(f"not drawn: {error}", logger="current", level=30)
    return np.stack(squares) if squares else np.zeros((0, size, size, 3), np.uint8)


def middle_square(image: np.ndarray, size: int) -> np.ndarray:
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return cv2.resize(image[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)


@torch.no_grad()
def group_maps(model: Any, images_BHW3: np.ndarray, views: tuple[int, int]) -> np.ndarray:
    """(B, H, W) prototype ids of the teacher in evaluation mode, for squares seen at the views' shorter side."""
    size = min(views)
    was_training = model.training
    model.eval()
    try:
        inputs = model.data_preprocessor(dict(inputs=torch.from_numpy(images_BHW3).permute(0, 3, 1, 2)))["inputs"]
        resized = F.interpolate(inputs, (size, size), mode="bilinear", antialias=True)
        scores = group_at_fitting_size(model, resized, views).scores
    finally:
        model.train(was_training)
    return upsampled_argmax(scores, inputs.shape[-2:]).cpu().numpy()
