"""An image in, its groups out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.fileio import get
from mmengine.infer import BaseInferencer
from pycocotools import mask as coco_mask
from torch import Tensor
from tqdm import tqdm

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checkpoints.view_size import view_size_of_checkpoint
from slotcon_mm.checks import expect_positive, printable
from slotcon_mm.datasets.image_files import decode_image, read_image
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.models.functional import upsampled_argmax
from slotcon_mm.visualization.overlay import overlay_groups

__all__ = ["SlotInferencer"]

# of an image, in sides of a view: a crop of half its area shows it at this scale
SHORTER_SIDE = 320 / 224
LONGEST = 4  # times the shorter side: what longer images are squeezed to
SMALLEST = 32  # a side, in pixels


class SlotInferencer(BaseInferencer):
    """Groups of images by a pretraining's teacher.

        inferencer = SlotInferencer("work_dirs/slotcon_r50_coco")
        result = inferencer("street.jpg")["predictions"][0]
        result["group_map"]     # (H, W), a prototype id for every pixel

    Args:
        weights: A work dir, or a raw, published or converted pretraining checkpoint.
        device: ``'cpu'``, ``'cuda:0'``, ...; by default a GPU if there is one.
        size: Pixels of the shorter side at which images go through the network; None: as they are; by default the
            scale at which the training's views showed them, 320 for views of 224.
        show_progress: Whether a bar is shown.
    """

    def __init__(
        self,
        weights: str | Path,
        device: str | None = None,
        size: int | Literal["views"] | None = "views",
        show_progress: bool = True,
    ) -> None:
        if isinstance(size, int):
            expect_positive(size=size)
        self.given_size = size
        checkpoint = str(resolve_checkpoint(weights, "weights"))
        super().__init__(model={}, weights=checkpoint, device=device, scope="mmpretrain", show_progress=show_progress)

    def _init_model(self, cfg: Any, weights: str, device: str = "cpu") -> torch.nn.Module:
        checkpoint = load_from_safe_local(weights, "cpu")
        views = round(SHORTER_SIDE * view_size_of_checkpoint(checkpoint))
        self.size = views if self.given_size == "views" else self.given_size
        return build_from_checkpoint(checkpoint).to(device)

    def _init_pipeline(self, cfg: Any) -> Callable[[Any], dict[str, Any]]:
        return load_input

    def _init_collate(self, cfg: Any) -> Callable[[list], list]:
        return list

    def _init_visualizer(self, cfg: Any) -> None:
        return None

    def list_inputs(self, inputs: Any) -> list:
        """Files, folders (all images below), arrays (H, W, 3) uint8 RGB, addresses, or a list of these."""
        items = inputs if isinstance(inputs, list | tuple) else [inputs]
        found: list[Any] = []
        for item in items:
            is_folder = isinstance(item, str | Path) and Path(item).is_dir()
            found += list_images(item) if is_folder else [item]
        return found

    def __call__(self, inputs: Any, batch_size: int = 8, draw: bool = False, out_dir: str | Path | None = None) -> dict:
        """Groups images.

        Args:
            inputs: A file, folder, array (H, W, 3) uint8 RGB, address, or a list of these.
            batch_size: Images of one shape that go through the network together.
            draw: Whether overlays are returned.
            out_dir: Folder for ``NAME.png``, the overlay, and ``NAME.json``, the groups as COCO's RLE masks.

        Returns:
            ``predictions``, in the order of the inputs, each a dict of ``name``; ``group_map`` (H, W) int64, the
            prototype id of every pixel of the image; ``prototypes`` (N,), the ids that occur, and of each its
            ``areas`` (N,) in pixels and its slot, ``slots`` (N, D); or of ``name`` and ``error`` for an image that
            cannot be read. ``visualization``: overlays (H, W, 3) uint8 RGB, None where there is none.
        """
        listed = self.list_inputs(inputs)
        stream = self.stream(listed, batch_size)
        predictions = list(tqdm(stream, "images", len(listed)) if self.show_progress else stream)
        drawn = draw or out_dir is not None
        overlays = [overlay_of(prediction) if drawn else None for prediction in predictions]
        for prediction in predictions:
            prediction.pop("image", None)
        if out_dir is not None:
            save(Path(out_dir), predictions, overlays)
        return dict(predictions=predictions, visualization=overlays)

    def stream(self, inputs: Iterable[Any], batch_size: int = 8) -> Iterator[dict[str, Any]]:
        """As a call, one prediction after the other, each with its ``image``; nothing is kept."""
        for batch in self.preprocess(inputs, batch_size=batch_size):
            yield from self.forward(batch)

    @torch.no_grad()
    def forward(self, inputs: list[dict[str, Any]], **kwargs: Any) -> list[dict[str, Any]]:
        """Predictions of loaded images; those of one shape go through the network together."""
        shapes: dict[tuple[int, ...], list[int]] = {}
        for index, item in enumerate(inputs):
            if "image" in item:
                shapes.setdefault(item["image"].shape, []).append(index)
        predictions = [dict(item) for item in inputs]
        for indices in shapes.values():
            images = [inputs[index]["image"] for index in indices]
            for index, prediction in zip(indices, self.group(images), strict=True):
                predictions[index].update(prediction)
        return predictions

    def group(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        """Predictions of images of one shape."""
        height, width = images[0].shape[:2]
        stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(next(self.model.parameters()).device)
        resized = F.interpolate(stacked.float(), input_size(height, width, self.size), mode="bilinear", antialias=True)
        grouping = self.model.teacher(self.model.data_preprocessor(dict(inputs=resized))["inputs"])
        # an image at a time: scores of many prototypes at full resolution are large
        maps = [upsampled_argmax(scores[None], (height, width))[0].cpu() for scores in grouping.scores]
        return [describe(group_map, slots.cpu()) for group_map, slots in zip(maps, grouping.slots, strict=True)]

    def visualize(self, inputs: list, preds: Any, **kwargs: Any) -> list[np.ndarray | None]:
        return [overlay_of(prediction) for prediction in preds]

    def postprocess(self, preds: Any, visualization: Any, return_datasamples: bool = False, **kwargs: Any) -> dict:
        return dict(predictions=preds, visualization=visualization)


def load_input(given: Any) -> dict[str, Any]:
    """``name`` and ``image`` (H, W, 3) uint8 RGB; ``name`` and ``error`` for what cannot be read."""
    if isinstance(given, np.ndarray):
        if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3 or 0 in given.shape:
            raise ValueError(f"expected an array (H, W, 3) of uint8, RGB, got {given.dtype} of shape {given.shape}")
        return dict(name="array", image=given)
    name = str(given)
    try:
        if "://" in name:
            return dict(name=name, image=decode_image(get(name), name))
        return dict(name=name, image=read_image(name))
    except (ValueError, KeyError, OSError) as error:
        warnings.warn(f"left out: {printable(name)}: {error}", stacklevel=2)
        return dict(name=name, error=str(error))


def input_size(height: int, width: int, size: int | None) -> tuple[int, int]:
    """Height and width in the network: the shorter side ``size``, the longer at most ``LONGEST`` times as much."""
    if size is None:
        return max(height, SMALLEST), max(width, SMALLEST)
    scale = size / min(height, width)
    height, width = (max(SMALLEST, min(round(scale * side), LONGEST * size)) for side in (height, width))
    return height, width


def describe(group_map_HW: Tensor, slots_KD: Tensor) -> dict[str, Any]:
    prototypes, areas = group_map_HW.unique(return_counts=True)
    return dict(
        group_map=group_map_HW.numpy(),
        prototypes=prototypes.numpy(),
        areas=areas.numpy(),
        slots=slots_KD[prototypes].numpy(),
    )


def overlay_of(prediction: dict[str, Any]) -> np.ndarray | None:
    return overlay_groups(prediction["image"], prediction["group_map"]) if "group_map" in prediction else None


def save(folder: Path, predictions: list[dict[str, Any]], overlays: list[np.ndarray | None]) -> None:
    """``NAME.png`` and ``NAME.json`` for each; equal names are numbered."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (prediction, overlay) in enumerate(zip(predictions, overlays, strict=True)):
        if overlay is None:
            continue
        stem = printable(Path(prediction["name"].partition("?")[0]).stem) or "image"
        path = folder / f"{stem}.png"
        if path.exists():
            path = folder / f"{stem}-{number}.png"
        cv2.imwrite(str(path), cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
        path.with_suffix(".json").write_text(json.dumps(as_coco(prediction)))


def as_coco(prediction: dict[str, Any]) -> dict[str, Any]:
    """The groups as COCO's RLE masks; a group's ``category_id`` is its prototype."""
    groups = []
    for prototype, area in zip(prediction["prototypes"], prediction["areas"], strict=True):
        rle = coco_mask.encode(np.asfortranarray(prediction["group_map"] == prototype, np.uint8))
        mask = dict(size=list(rle["size"]), counts=rle["counts"].decode("ascii"))
        box = coco_mask.toBbox(rle).tolist()
        groups.append(dict(category_id=int(prototype), area=int(area), bbox=box, segmentation=mask))
    height, width = prediction["group_map"].shape
    return dict(file_name=prediction["name"], height=height, width=width, groups=groups)
