"""A frozen network out of a file of weights, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from torch import Tensor, nn

from slotcon_mm.checkpoints.backbone import backbone_of, noted_source
from slotcon_mm.checkpoints.bounded_memory import network_of_file
from slotcon_mm.checkpoints.build import build_from_checkpoint, config_of_weights
from slotcon_mm.checkpoints.candidates import find_known
from slotcon_mm.checkpoints.config_in_file import config_in_file, harmless, without_weights
from slotcon_mm.checkpoints.contents import flat_tensors, side_of
from slotcon_mm.checkpoints.filling import grid_of
from slotcon_mm.checkpoints.fit import check_finite
from slotcon_mm.checkpoints.foreign import backbone_for
from slotcon_mm.checkpoints.formats import is_plain_resnet
from slotcon_mm.checkpoints.network_facts import facts_in
from slotcon_mm.checkpoints.pixel_facts import IMAGENET, read_pixels
from slotcon_mm.checkpoints.registered import build_registered, class_of
from slotcon_mm.checkpoints.safe_loading import meta_of, state_dict_of
from slotcon_mm.checkpoints.standard_resnet import backbone_of_shapes
from slotcon_mm.checkpoints.view_size import USUAL, views_noted, views_of_config
from slotcon_mm.checkpoints.weight_files import read_weights
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.models.backbones.timm_features import TimmFeatures
from slotcon_mm.models.backbones.torchvision_features import TorchvisionFeatures, torchvision_names
from slotcon_mm.signatures import parameters_of

__all__ = ["Kind", "kind_of_name", "network_of_model", "network_of_weights"]

USUAL_VIEWS = (USUAL, USUAL)
ADDRESSES = ("torchvision://", "timm://")  # which name a network, too


class Kind(NamedTuple):
    """A kind of network: how it is built, with random weights, and what images it takes."""

    build: Callable[[], nn.Module]
    pixels: Mapping[str, Any] = IMAGENET
    views: tuple[int, int] = USUAL_VIEWS
    in_index: int = -1


def network_of_weights(given: str | Path, *, backbone: str | None = None, source: str | None = None) -> FrozenNetwork:
    """The network of a file, on the CPU, with its weights.

    Args:
        given: A work dir; a checkpoint of this package or of MMPretrain, MMDetection or MMSegmentation; an exported
            backbone; weights of any library that ``checkpoints/names`` knows, wrapped or not; ``torchvision://NAME`` or
            ``timm://NAME``.
        backbone: What network a file is of that does not say it: see ``kind_of_name``. A ResNet-18 to -152 needs none.
        source: ``'teacher'`` or ``'student'`` of a pretraining; by default the teacher. A file that tells none from the
            other is measured as it is.

    Raises:
        ValueError: The file does not say what its network is, or its weights do not fill the network.
    """
    file, checkpoint = read_weights(given, "WEIGHTS")
    config = config_of(file, checkpoint, backbone)
    if "teacher.neck.prototypes" in state_dict_of(checkpoint):
        check_finite(state_dict_of(checkpoint), file)
        return network_of_pretraining(checkpoint, config, source)
    if backbone is None and file.startswith(ADDRESSES):
        backbone = named_in(file)
    source = source if tells_sides(checkpoint) else None
    with network_of_file(checkpoint):
        kind = kind_in_file(checkpoint, config, backbone, source)
        network = kind.build() if kind else None
    if kind is None or network is None:
        raise ValueError(
            f"expected {file} to say what network it is of, got weights alone: pass --backbone, the config of that "
            "network, or torchvision/NAME or timm/NAME"
        )
    origin = fill(network, checkpoint, source, file)
    return frozen(
        FrozenNetwork(network, kind.pixels, kind.views, kind.build, in_index=kind.in_index, origin=origin), "cpu"
    )


def tells_sides(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a file says whose weights it holds: teacher's or student's."""
    return noted_source(meta_of(checkpoint)) is not None or any(side_of(name) for name in flat_tensors(checkpoint))


def named_in(address: str) -> str:
    """The network of an address's weights, as ``kind_of_name`` takes it."""
    library, _, name = address.partition("://")
    return f"{library}/{name.partition('.')[0] if library == 'torchvision' else name}"


def config_of(file: str, checkpoint: Mapping[str, Any], backbone: str | None) -> dict[str, Any] | None:
    """The config in a file, if there is one; one that no network is built of need not be there if ``backbone`` is."""
    try:
        return config_in_file(checkpoint)
    except ValueError as error:
        if backbone is None:
            raise ValueError(f"{file}: {error}; --backbone can name the network instead") from None
        return None


def network_of_pretraining(
    checkpoint: Mapping[str, Any], config: Mapping[str, Any] | None, source: str | None
) -> FrozenNetwork:
    """With its projector and prototypes."""
    facts = facts_in(checkpoint) if config is None else None
    if config is None:  # an official file, converted
        config = dict(model=config_of_weights(state_dict_of(checkpoint), facts), default_scope="mmpretrain")
    kind = kind_of_config(config)
    if facts is not None:
        kind = kind._replace(pixels=with_channels(facts["pixels"]))
    origin = backbone_of(checkpoint, source).describe()
    return network_of_grouping(build_from_checkpoint(checkpoint), kind, source)._replace(origin=origin)


def network_of_grouping(model: GroupingAlgorithm, kind: Kind, source: str | None) -> FrozenNetwork:
    chosen = model if source == "student" else model.teacher
    return FrozenNetwork(
        chosen.backbone, kind.pixels, kind.views, kind.build, neck=chosen.neck, in_index=chosen.neck.in_index
    )


def network_of_model(model: Any, config: Mapping[str, Any]) -> FrozenNetwork:
    """A model's own backbone, that of a teacher where there is one, while it is trained; ``config`` is the run's."""
    kind = kind_of_config(config)
    if isinstance(model, GroupingAlgorithm):
        return network_of_grouping(model, kind, None)
    return FrozenNetwork(model.backbone, kind.pixels, kind.views, kind.build, in_index=kind.in_index)


def kind_in_file(
    checkpoint: Mapping[str, Any], config: Mapping[str, Any] | None, name: str | None, source: str | None
) -> Kind | None:
    """Of its config, or of what an export notes, or of the name that was given, or of a ResNet's shapes."""
    facts = facts_in(checkpoint)
    if config is not None:
        return kind_of_config(config)
    if facts is not None and "type" in facts["backbone"]:
        return Kind(
            partial(fresh, harmless(facts["backbone"], "mmpretrain"), "mmpretrain"), with_channels(facts["pixels"]),
            views_noted(meta_of(checkpoint)) or USUAL_VIEWS,
        )  # fmt: skip
    if name is not None:
        return kind_of_name(name)
    resnet = plain_resnet_in(checkpoint, source)
    return Kind(partial(fresh, backbone_of_shapes(resnet), "mmpretrain")) if resnet else None


def plain_resnet_in(checkpoint: Mapping[str, Any], source: str | None) -> dict[str, Tensor]:
    """By torchvision's names; empty where the file holds none."""
    found = find_known(flat_tensors(checkpoint), source)
    return found.tensors if found is not None and is_plain_resnet(found.tensors) else {}


def kind_of_config(config: Mapping[str, Any]) -> Kind:
    """Of the backbone of a config of any OpenMMLab package, made to yield a feature map."""
    scope = str(config.get("default_scope") or "mmpretrain")
    backbone = dict(without_weights(config["model"]["backbone"]))
    if "out_type" in parameters_of(class_of(backbone, scope)):
        backbone["out_type"] = "featmap"
    neck = config["model"].get("neck") or {}
    index = neck.get("in_index", -1) if isinstance(neck, Mapping) else -1
    index = index if isinstance(index, int) else -1
    return Kind(
        partial(fresh, backbone, scope), with_channels(read_pixels(config, scope)), views_of_config(config),
        in_index=index,
    )  # fmt: skip


def kind_of_name(name: str) -> Kind:
    """Of a config file, of ``PACKAGE::CONFIG`` of an installed package, of ``torchvision/NAME`` or ``timm/NAME``.

    Raises:
        ValueError: There is none of that name.
    """
    library, _, short = name.partition("/")
    if library == "torchvision" or name in torchvision_names():
        return Kind(partial(TorchvisionFeatures, short or name))
    if library == "timm":
        return Kind(partial(TimmFeatures, short), TimmFeatures(short).pixels)
    if not name.endswith((".py", ".yaml", ".yml", ".json")):
        raise ValueError(
            f"expected a config, torchvision/NAME or timm/NAME for --backbone, got {name}: torchvision's networks are "
            f"{', '.join(torchvision_names()[:6])}, ..."
        )
    config = Config.fromfile(name)
    if not (config.get("model") or {}).get("backbone"):
        raise ValueError(f"expected a config with model.backbone for --backbone, got {name} without one")
    return kind_of_config(config.to_dict())


def fresh(backbone: Mapping[str, Any], scope: str) -> nn.Module:
    """Built, and initialized with the process's random numbers."""
    built = build_registered(backbone, scope)
    if hasattr(built, "init_weights"):  # timm's networks draw their weights as they are built
        built.init_weights()
    return built


def with_channels(pixels: Mapping[str, Any]) -> dict[str, Any]:
    """Where a pipeline does not tell the order of channels, RGB."""
    return {**pixels, "channels": pixels.get("channels") or "RGB"}


def fill(network: nn.Module, checkpoint: Mapping[str, Any], source: str | None, file: str) -> str:
    """Returns whose weights they are. ValueError unless every tensor is filled, and nothing but heads is left over."""
    try:
        found = backbone_for(network.state_dict(), checkpoint, source, grid_of(network))
    except ValueError as error:
        raise ValueError(
            f"{file}: {error}. Is it a file of another network? Pass --backbone with the right one"
        ) from None
    check_finite(found.tensors, file)
    network.load_state_dict(found.tensors, strict=False)  # what no file has stays as it was built
    return found.describe()
