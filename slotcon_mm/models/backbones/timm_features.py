"""timm's networks, up to their last feature map."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

from torch import Tensor, nn

from slotcon_mm.checks import printable
from slotcon_mm.registry import MODELS
from slotcon_mm.requirements import require

__all__ = ["TimmFeatures", "expect_tag", "unknown_network"]

FOLLOWING = (".vision_transformer", ".eva")  # timm's modules with networks that can be told to


@MODELS.register_module()
class TimmFeatures(nn.Module):
    """Normalized images (B, 3, H, W) to the last feature map (B, D, h, w), behind the network's final norm, if any.

    Unlike mmpretrain's TIMMBackbone (1.2.0) it yields a map of vision transformers too, and puts channels first where
    timm has them last, and lets position embeddings follow the size of images. Parameters have timm's names after
    ``network.``. It is how configs use what mmpretrain lacks: DINOv3's rotary vision transformers, say.

    Args:
        name: As ``timm.create_model`` takes it. Its weights are random: nothing is downloaded.

    Attributes:
        pixels: ``mean`` and ``std`` of RGB, 0 to 255, that timm's weights of this name were trained with.

    Raises:
        ImportError: timm is not installed.
        ValueError: timm has no such network, or it yields no intermediate maps.
    """

    network: Any  # nn.Module's own annotation would hide forward_intermediates

    def __init__(self, name: str) -> None:
        super().__init__()
        require("timm", purpose=f"timm/{name}")
        import timm

        if not timm.is_model(name):
            raise ValueError(unknown_network(name, timm))
        options: dict[str, Any] = {}
        if inspect.getmodule(timm.model_entrypoint(name)).__name__.endswith(FOLLOWING):  # type: ignore[union-attr]
            options["dynamic_img_size"] = True  # position embeddings follow the size of images
        expect_tag(name, timm)
        self.network = timm.create_model(name, pretrained=False, num_classes=0, **options)
        if not hasattr(self.network, "forward_intermediates"):
            raise ValueError(
                f"expected a network of timm with forward_intermediates, got {name}: another version has it"
            )
        self.depths: dict[str, int] | None = None
        shown = self.network.default_cfg
        self.pixels = dict(
            mean=[255 * value for value in shown["mean"]], std=[255 * value for value in shown["std"]], channels="RGB"
        )

    def forward(self, images: Tensor) -> Tensor:
        # indices=1: the last one
        return self.network.forward_intermediates(
            images, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
        )[-1]

    def get_layer_depth(self, param_name: str, prefix: str = "") -> tuple[int, int]:
        """(depth, layers) by timm's own grouping of its parameters, as mmpretrain's backbones tell it."""
        if self.depths is None:
            from timm.models import group_parameters

            self.depths = group_parameters(self.network, self.network.group_matcher(coarse=False), reverse=True)
        layers = max(self.depths.values()) + 2
        if not param_name.startswith(prefix):
            return layers - 1, layers
        return self.depths[param_name.removeprefix(f"{prefix}network.")], layers


def expect_tag(name: str, timm: Any) -> None:
    """ValueError where a name has a tag, as of its weights, that the network has not."""
    network, _, tag = name.partition(".")
    offered = timm.list_pretrained(f"{network}.*")
    if tag and name not in offered:
        there = ", ".join(get_close_matches(name, offered, n=3, cutoff=0)) or "none"
        raise ValueError(
            f"expected weights that timm {timm.__version__} offers ({there}), got {printable(name)}: {network} "
            "alone is a network, too"
        )


def unknown_network(name: str, timm: Any) -> str:
    """The error for a name that timm does not have: names like it, and what brings newer ones."""
    network = name.partition(".")[0]
    near = get_close_matches(network, timm.list_models(), n=3)
    like = f" (near it: {', '.join(near)})" if near else ""
    return (
        f"expected a network of timm {timm.__version__}, got {printable(name)}{like}: take a name of "
        f"timm.list_models(), or a newer timm by python -m pip install --upgrade timm"
    )
