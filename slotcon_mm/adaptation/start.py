"""The weights that an adaptation starts from, and the config that trains their network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from slotcon_mm.checkpoints.exporting import export_file
from slotcon_mm.checkpoints.filling import grid_of
from slotcon_mm.checkpoints.foreign import backbone_for
from slotcon_mm.checkpoints.formats import export_backbone
from slotcon_mm.checkpoints.network_facts import facts_of_config
from slotcon_mm.checkpoints.publish import write_weights
from slotcon_mm.checkpoints.registered import build_registered
from slotcon_mm.checkpoints.safe_loading import state_dict_of
from slotcon_mm.checkpoints.view_size import views_of_config
from slotcon_mm.checkpoints.weight_files import read_weights
from slotcon_mm.launch.overrides import merge_overrides

__all__ = ["CONFIGS", "config_for", "write_start"]

FOLDER = Path(__file__).parents[1] / ".mim/configs/adapt"
CONFIGS = ("slotcon_r50_folder", "slotcon_convnext-t_folder", "slotcon_vit-s16_folder", "slotcon_vit-s14_folder",
           "slotcon_r18_scenes")  # fmt: skip


def config_for(weights: str, options: Sequence[str] | None = None) -> Path:
    """The config of ``configs/adapt`` whose backbone the weights fill, to the last tensor.

    Args:
        weights: As ``--from`` takes them.
        options: ``--cfg-options``, which may change the backbone.

    Raises:
        ValueError: They fill none; what each lacks is said by ``--pretrained``.
    """
    _, checkpoint = read_weights(weights, "--from")
    for name in CONFIGS:
        path = FOLDER / f"{name}.py"
        config = Config.fromfile(path)
        merge_overrides(config, options)
        try:
            backbone = build_registered(config.model.backbone.to_dict(), "mmpretrain")
            backbone_for(backbone.state_dict(), checkpoint, None, grid_of(backbone))
        except (ValueError, TypeError, AssertionError, KeyError):  # the last three: options of another network
            continue
        return path
    raise ValueError(
        f"expected weights of a network of configs/adapt ({', '.join(CONFIGS)}), got {weights}: pass --config, a "
        "pretraining config whose backbone is the network of the weights (configs/README.md, other backbones)"
    )


def write_start(weights: str, config: Config, out: Path) -> str:
    """Writes the backbone of the weights, by the names of the config's network; returns what training starts from.

    That is the file itself where it holds a whole pretraining, whose projector and prototypes do not belong to these
    images, and else the weights as they were given.

    Raises:
        ValueError: The file is there, and of other weights: a run in its folder began with them.
    """
    file, checkpoint = read_weights(weights, "--from")
    is_pretraining = "neck.prototypes" in state_dict_of(checkpoint)
    written = out.with_name("start-now.pth")
    written.unlink(missing_ok=True)
    if is_pretraining:
        export_file(file, written)
    else:
        write_weights(start_of(checkpoint, config), written)
    if out.exists() and out.read_bytes() != written.read_bytes():
        written.unlink()
        raise ValueError(
            f"expected the weights that the run in {out.parent} started from, got other ones, {weights}: choose "
            "another --out, or remove that folder"
        )
    written.replace(out)
    return str(out) if is_pretraining else weights


def start_of(checkpoint: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """The backbone that weights of any library fill, as an export of this package."""
    backbone = build_registered(config.model.backbone.to_dict(), "mmpretrain")
    found = backbone_for(backbone.state_dict(), checkpoint, None, grid_of(backbone))
    return export_backbone(
        {**backbone.state_dict(), **found.tensors}, source="start", step=None, file_format="mm",
        network=facts_of_config(config.to_dict()), views=views_of_config(config),
    )  # fmt: skip
