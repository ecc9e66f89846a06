"""An image in, its groups out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.fileio import get
from mmengine.infer import BaseInferencer
from torch import Tensor
from tqdm import tqdm

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checkpoints.view_size import bit_depth_of_checkpoint, views_of_checkpoint
from slotcon_mm.checks import expect_positive, printable
from slotcon_mm.datasets.image_files import decode_image, read_image
from slotcon_mm.datasets.image_samples import unknown_bit_depth
from slotcon_mm.datasets.white_value import expect_bit_depth
from slotcon_mm.inference.coco_file import coco_file
from slotcon_mm.inference.group_names import fingerprint_of, read_names
from slotcon_mm.inference.label_maps import label_maps
from slotcon_mm.inference.labelme_files import labelme_files
from slotcon_mm.inference.outputs import Source, list_sources, write_outputs
from slotcon_mm.launch.machine.device import device_named
from slotcon_mm.models.fitting_sizes import group_at_fitting_size
from slotcon_mm.models.functional import upsampled_argmax
from slotcon_mm.models.input_sizes import input_size, usual_size
from slotcon_mm.models.one_size import batches_of_one_size
from slotcon_mm.visualization.overlay import overlay_groups

__all__ = ["NAMED_FORMATS", "SlotInferencer"]

NamedFormat = Literal["coco", "labelmap", "labelme"]
NAMED_FORMATS = dict(coco=coco_file, labelmap=label_maps, labelme=labelme_files)


class SlotInferencer(BaseInferencer):
    """Groups of images by a pretraining's teacher.

        inferencer = SlotInferencer("work_dirs/slotcon_r50_coco")
        result = inferencer("street.jpg")["predictions"][0]
        result["group_map"]     # (H, W), a prototype id for every pixel

    Args:
        weights: A work dir, or a raw, published or converted pretraining checkpoint.
        device: ``'cpu'``, ``'cuda:0'``, ...; by default a CUDA device if there is one.
        size: Pixels of the shorter side at which images go through the network; None: as they are; by default the
            scale at which the training's views showed them, 320 for views of 224.
        show_progress: Whether a bar is shown.
        bit_depth: How many bits of 16-bit images are used; None: 16; by default as the training read them.
    """

    def __init__(
        self,
        weights: str | Path,
        device: str | None = None,
        size: int | Literal["views"] | None = "views",
        show_progress: bool = True,
        bit_depth: int | Literal["training's"] | None = "training's",
    ) -> None:
        if isinstance(size, int):
            expect_positive(size=size)
        if bit_depth != "training's":
            expect_bit_depth(bit_depth)
        self.given_size, self.given_bit_depth = size, bit_depth
        checkpoint = str(resolve_checkpoint(weights, "weights"))
        super().__init__(
            model={},
            weights=checkpoint,
            device=device_named(device),
            scope="mmpretrain",
            show_progress=show_progress,
        )

    def _init_model(self, cfg: Any, weights: str, device: str = "cpu") -> torch.nn.Module:
        checkpoint = load_from_safe_local(weights, "cpu")
        self.views = views_of_checkpoint(checkpoint)
        self.size = usual_size(self.views) if self.given_size == "views" else self.given_size
        trained = bit_depth_of_checkpoint(checkpoint)
        self.bit_depth = trained if self.given_bit_depth == "training's" else self.given_bit_depth
        return build_from_checkpoint(checkpoint).to(device)

    def _init_pipeline(self, cfg: Any) -> Callable[[Any], dict[str, Any]]:
        return partial(load_input, bit_depth=self.bit_depth)

    def _init_collate(self, cfg: Any) -> Callable[[list], list]:
        return list

    def _init_visualizer(self, cfg: Any) -> None:
        return None

    def list_inputs(self, inputs: Any) -> list:
        """Files, folders (all images below), arrays (H, W, 3) uint8 RGB, addresses, or a list of these."""
        return [source.given for source in list_sources(inputs, once=False)]

    def __call__(self, inputs: Any, batch_size: int = 8, draw: bool = False, out_dir: str | Path | None = None) -> dict:
        """Groups images and returns all results; ``write`` keeps none of them.

        Args:
            inputs: A file, folder, array (H, W, 3) uint8 RGB, address, or a list of these.
            batch_size: Images that are read at a time; those of one size go through the network together.
            draw: Whether overlays are returned.
            out_dir: Folder for ``NAME.png``, the overlay, and ``NAME.json``, the groups as COCO's RLE masks, in a tree
                like that of the inputs.

        Returns:
            ``predictions``, in the order of the inputs, each a dict of ``name``; ``group_map`` (H, W), the prototype id
            of every pixel of the image as its EXIF orientation turns it, in the smallest unsigned integer type that
            holds K ids; ``prototypes`` (N,), the ids that occur, and of each its ``areas`` (N,) in pixels and its slot,
            ``slots`` (N, D); or of ``name`` and ``error`` for an image that cannot be read. ``visualization``: overlays
            (H, W, 3) uint8 RGB, None where there is none.
        """
        predictions, overlays = [], []
        for prediction, overlay in self._drawn(list_sources(inputs, once=False), batch_size, draw, out_dir):
            predictions.append(prediction)
            overlays.append(overlay if draw else None)
        return dict(predictions=predictions, visualization=overlays)

    def write(self, inputs: Any, out_dir: str | Path, batch_size: int = 8) -> Iterator[dict[str, Any]]:
        """Groups images and writes what a call with ``out_dir`` writes, an image at a time.

        Memory is bounded by the batch, whatever the number of images.

        Yields:
            For each image once, in order, its ``name`` and the ``path`` of its overlay; or its ``name`` and ``error``.
        """
        for prediction, _ in self._drawn(list_sources(inputs), batch_size, False, out_dir):
            yield {key: prediction[key] for key in ("name", "path", "error") if key in prediction}

    def write_named(
        self, inputs: Any, out_dir: str | Path, names: str | Path, file_format: NamedFormat, batch_size: int = 8
    ) -> Iterator[dict[str, Any]]:
        """Groups images and writes masks of the groups that were given a name, an image at a time, in bounded memory.

        Args:
            inputs: As of a call.
            out_dir: Folder to write into.
            names: ``names.json``, from the page of ``tools/visualize_slots.py`` or written by hand (``read_names``).
            file_format: ``'coco'``: ``instances.json``, one for all images, whole once all are through; ``'labelmap'``:
                palette PNGs in Pascal VOC's layout; ``'labelme'``: labelme's JSON, one for each image.
            batch_size: As of a call.

        Yields:
            For each image once, in order, its ``name`` and the ``path`` of what holds its masks; or its ``name`` and
            ``error``.

        Raises:
            ValueError: The names are not for these weights, or not such as the format can hold.
        """
        named = read_names(names, self.model.neck.num_prototypes, fingerprint_of(self.model))
        sources = list_sources(inputs)
        with NAMED_FORMATS[file_format](Path(out_dir), named, sources) as add:
            for source, prediction in self._grouped(sources, batch_size):
                if "error" in prediction:
                    yield dict(name=prediction["name"], error=prediction["error"])
                else:
                    yield dict(name=prediction["name"], path=str(add(source, prediction)))

    def _drawn(
        self, sources: list[Source], batch_size: int, draw: bool, out_dir: str | Path | None
    ) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
        for source, prediction in self._grouped(sources, batch_size):
            overlay = overlay_of(prediction) if draw or out_dir is not None else None
            prediction.pop("image", None)
            if out_dir is not None and overlay is not None:
                prediction["path"] = str(write_outputs(Path(out_dir), source, prediction, overlay))
            yield prediction, overlay

    def _grouped(self, sources: list[Source], batch_size: int) -> Iterator[tuple[Source, dict[str, Any]]]:
        expect_positive(batch_size=batch_size)
        files = [str(source.given) for source in sources if not isinstance(source.given, np.ndarray)]
        if reason := unknown_bit_depth(files, self.bit_depth):
            warnings.warn(f"{reason}. Pass bit_depth (--bit-depth of infer.py)", stacklevel=3)
        stream = self.stream([source.given for source in sources], batch_size)
        if self.show_progress:
            stream = iter(tqdm(stream, "images", len(sources)))
        yield from zip(sources, stream, strict=True)

    def stream(self, inputs: Iterable[Any], batch_size: int = 8) -> Iterator[dict[str, Any]]:
        """As a call, one prediction after the other, each with its ``image``; nothing is kept."""
        for batch in self.preprocess(inputs, batch_size=batch_size):
            yield from self.forward(batch)

    @torch.no_grad()
    def forward(self, inputs: list[dict[str, Any]], **kwargs: Any) -> list[dict[str, Any]]:
        """Predictions of loaded images; those of one size in the network go through it together."""
        device = next(self.model.parameters()).device
        readable = [i for i, item in enumerate(inputs) if "image" in item]
        resized = [self._resize(inputs[i]["image"], device) for i in readable]
        predictions = [dict(item) for item in inputs]
        for places, batch in batches_of_one_size(resized):
            normalized = self.model.data_preprocessor(dict(inputs=batch))["inputs"]
            grouping = group_at_fitting_size(self.model, normalized, self.views)
            for place, scores, slots in zip(places, grouping.scores, grouping.slots, strict=True):
                index = readable[place]
                # an image at a time: scores of many prototypes at full resolution are large
                group_map = upsampled_argmax(scores[None], inputs[index]["image"].shape[:2])[0].cpu()
                predictions[index].update(describe(group_map, slots.cpu()))
        return predictions

    def _resize(self, image: np.ndarray, device: torch.device) -> Tensor:
        """(3, h, w) floats at the network's size."""
        pixels = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float()
        return F.interpolate(
            pixels, input_size(image.shape[0], image.shape[1], self.size), mode="bilinear", antialias=True
        )[0]

    def visualize(self, inputs: list, preds: Any, **kwargs: Any) -> list[np.ndarray | None]:
        return [overlay_of(prediction) for prediction in preds]

    def postprocess(self, preds: Any, visualization: Any, return_datasamples: bool = False, **kwargs: Any) -> dict:
        return dict(predictions=preds, visualization=visualization)


def load_input(given: Any, bit_depth: int | None = None) -> dict[str, Any]:
    """``name`` and ``image`` (H, W, 3) uint8 RGB; ``name`` and ``error`` for what cannot be read."""
    if isinstance(given, np.ndarray):
        if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3 or 0 in given.shape:
            raise ValueError(f"expected an array (H, W, 3) of uint8, RGB, got {given.dtype} of shape {given.shape}")
        return dict(name="array", image=given)
    name = str(given)
    try:
        if "://" in name:
            return dict(name=name, image=decode_image(get(name), name, bit_depth=bit_depth))
        return dict(name=name, image=read_image(name, bit_depth=bit_depth))
    except (ValueError, KeyError, OSError) as error:
        warnings.warn(f"left out: {printable(name)}: {error}", stacklevel=2)
        return dict(name=name, error=str(error))


def describe(group_map_HW: Tensor, slots_KD: Tensor) -> dict[str, Any]:
    prototypes, areas = group_map_HW.unique(return_counts=True)
    return dict(
        group_map=group_map_HW.numpy().astype(np.min_scalar_type(len(slots_KD) - 1)),
        prototypes=prototypes.numpy(),
        areas=areas.numpy(),
        slots=slots_KD[prototypes].numpy(),
    )


def overlay_of(prediction: dict[str, Any]) -> np.ndarray | None:
    return overlay_groups(prediction["image"], prediction["group_map"]) if "group_map" in prediction else None
