"""A frozen network out of a file of weights, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from torch import Tensor, nn

from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.fit import check_fit
from slotcon_mm.checkpoints.formats import is_plain_resnet
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.network_facts import facts_in, without_weights
from slotcon_mm.checkpoints.pixel_facts import read_pixels
from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.registered import build_registered, class_of
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, state_dict_of
from slotcon_mm.checkpoints.standard_resnet import backbone_of_shapes
from slotcon_mm.checkpoints.view_size import USUAL, views_of_config
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.models.algorithms.slotcon import SlotCon
from slotcon_mm.models.backbones.timm_features import TimmFeatures
from slotcon_mm.models.backbones.torchvision_features import TorchvisionFeatures, torchvision_names
from slotcon_mm.signatures import parameters_of

__all__ = ["Kind", "kind_of_name", "network_of_model", "network_of_weights"]

IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channels="RGB")
USUAL_VIEWS = (USUAL, USUAL)
OWN_CLASSIFIERS = ("fc.", "classifier.", "head.", "heads.")  # of torchvision and timm


class Kind(NamedTuple):
    """A kind of network: how it is built, with random weights, and what images it takes.

    ``prefix`` stands before the names of its tensors that files of its library do not have.
    """

    build: Callable[[], nn.Module]
    pixels: Mapping[str, Any] = IMAGENET
    views: tuple[int, int] = USUAL_VIEWS
    prefix: str = ""
    in_index: int = -1


def network_of_weights(given: str | Path, *, backbone: str | None = None, source: str | None = None) -> FrozenNetwork:
    """The network of a file, on the CPU, with its weights.

    Args:
        given: A work dir; a checkpoint of this package or of MMPretrain, MMDetection or MMSegmentation; an exported
            backbone; plain weights of another library.
        backbone: What network a file is of that does not say it: see ``kind_of_name``. A ResNet-18 to -152 of
            torchvision's names needs none.
        source: ``'teacher'`` or ``'student'`` of a pretraining; by default the teacher.

    Raises:
        ValueError: The file does not say what its network is, or its weights do not fill the network.
    """
    path = resolve_checkpoint(given, "WEIGHTS")
    checkpoint = load_from_safe_local(str(path), "cpu")
    weights = state_dict_of(checkpoint)
    config = config_in(checkpoint)
    if "teacher.neck.prototypes" in weights:
        return network_of_pretraining(checkpoint, config, source)
    is_export = "source" in (checkpoint.get("meta") or {})
    found = backbone_of(checkpoint, source if is_export else None)  # all else has neither teacher nor student
    kind = kind_in_file(checkpoint, config, found.tensors, backbone)
    if kind is None:
        raise ValueError(
            f"expected {path} to say what network it is of, got weights alone: pass --backbone, the config of that "
            "network, or torchvision/NAME or timm/NAME"
        )
    network = kind.build()
    fill(network, {kind.prefix + name: value for name, value in found.tensors.items()}, str(path))
    return frozen(FrozenNetwork(network, kind.pixels, kind.views, kind.build, in_index=kind.in_index), "cpu")


def config_in(checkpoint: Mapping[str, Any]) -> dict[str, Any] | None:
    """The config in a file's meta; None where there is none, or none with a backbone."""
    text = (checkpoint.get("meta") or {}).get("cfg")
    found = read_plain_config(text) if isinstance(text, str) else {}
    return found if (found.get("model") or {}).get("backbone") else None


def network_of_pretraining(
    checkpoint: Mapping[str, Any], config: Mapping[str, Any] | None, source: str | None
) -> FrozenNetwork:
    """With its projector and prototypes."""
    if config is None:  # an official file, converted
        kind = Kind(partial(fresh, backbone_of_shapes(state_dict_of(checkpoint), "backbone."), "mmpretrain"))
    else:
        kind = kind_of_config(config)
    return network_of_slotcon(build_from_checkpoint(checkpoint), kind, source)


def network_of_slotcon(model: SlotCon, kind: Kind, source: str | None) -> FrozenNetwork:
    chosen = model if source == "student" else model.teacher
    return FrozenNetwork(
        chosen.backbone, kind.pixels, kind.views, kind.build, neck=chosen.neck, in_index=chosen.neck.in_index
    )


def network_of_model(model: Any, config: Mapping[str, Any]) -> FrozenNetwork:
    """A model's own backbone, a SlotCon's teacher's, while it is trained; ``config`` is the run's."""
    kind = kind_of_config(config)
    if isinstance(model, SlotCon):
        return network_of_slotcon(model, kind, None)
    return FrozenNetwork(model.backbone, kind.pixels, kind.views, kind.build, in_index=kind.in_index)


def kind_in_file(
    checkpoint: Mapping[str, Any], config: Mapping[str, Any] | None, tensors: Mapping[str, Tensor], name: str | None
) -> Kind | None:
    """Of its config, or of what an export notes, or of the name that was given, or of a ResNet's shapes."""
    facts = facts_in(checkpoint)
    if config is not None:
        return kind_of_config(config)
    if facts is not None and "type" in facts["backbone"]:
        return Kind(partial(fresh, facts["backbone"], "mmpretrain"), with_channels(facts["pixels"]))
    if name is not None:
        return kind_of_name(name)
    if is_plain_resnet(tensors):
        return Kind(partial(fresh, backbone_of_shapes(tensors), "mmpretrain"))
    return None


def kind_of_config(config: Mapping[str, Any]) -> Kind:
    """Of the backbone of a config of any OpenMMLab package, made to yield a feature map."""
    scope = str(config.get("default_scope") or "mmpretrain")
    backbone = dict(without_weights(config["model"]["backbone"]))
    if "out_type" in parameters_of(class_of(backbone, scope)):
        backbone["out_type"] = "featmap"
    neck = config["model"].get("neck") or {}
    index = neck.get("in_index", -1) if isinstance(neck, Mapping) else -1
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
        return Kind(partial(TimmFeatures, short), TimmFeatures(short).pixels, prefix="network.")
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
    built.init_weights()
    return built


def with_channels(pixels: Mapping[str, Any]) -> dict[str, Any]:
    """Where a pipeline does not tell the order of channels, RGB."""
    return {**pixels, "channels": pixels.get("channels") or "RGB"}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: str) -> None:
    """ValueError unless every tensor of the network is filled, and nothing but a classifier is left over."""
    own = network.state_dict()
    kept = {
        name: value
        for name, value in tensors.items()
        if name in own or not name.removeprefix("network.").startswith(OWN_CLASSIFIERS)
    }
    try:
        check_fit(own, kept, every=True)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}. Is it a file of another network? Pass --backbone with the right one"
        ) from None
    network.load_state_dict(kept, strict=True)
