"""What the authors' code would pass over in a converted model is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from slotcon_mm.checkpoints.beyond_official import beyond_official
from slotcon_mm.checkpoints.official import to_official
from slotcon_mm.registry import MODELS

SMALL = dict(embed_dims=384, num_layers=12, num_heads=6, feedforward_channels=1536)
NECK = dict(type="slotcon_mm.GroupingNeck", in_channels=384, hidden_channels=8, out_channels=4, num_prototypes=3)
PARTS = dict(group_head=dict(type="slotcon_mm.GroupLossHead"))
HEADS = {"layers.0.attn": dict(kind="attention", heads=6)}


def converted(layers: int = 2, **backbone: Any) -> dict[str, torch.Tensor]:
    """A SlotMIM of the authors' small ViT, but for what is given; on the meta device, where names and shapes are."""
    arch = dict(SMALL, **{name: backbone.pop(name) for name in [*backbone] if name in SMALL})
    vit = dict(type="slotcon_mm.MaskedVisionTransformer", arch=arch, img_size=64, out_type="featmap")
    head = dict(type="slotcon_mm.SlotLossHead", channels=4, hidden_channels=8, num_layers=layers, norm=False)
    model = dict(type="slotcon_mm.SlotMIM", backbone={**vit, **backbone}, neck=dict(NECK, norm=False, epsilon=1e-12),
                 slot_head=head, **PARTS)  # fmt: skip
    with torch.device("meta"):
        state = MODELS.build(model).state_dict()
    state["teacher.steps"] = torch.tensor(3)
    return to_official(dict(state_dict=state))["model"]


def test_the_authors_own_network_is_theirs_whole():
    assert beyond_official(converted()) == []
    assert beyond_official(converted(), dict(layers=HEADS)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(num_registers=4), r"no place for encoder_q\.register_tokens, encoder_k\.register_tokens: it passes over"),
        (dict(layer_scale_init_value=0.1), r"no place for encoder_q\.blocks\.0\.ls1\.gamma"),
        (dict(pre_norm=True), r"no place for encoder_q\.norm_pre\.weight"),
        (dict(final_norm=False), r"also has encoder_k\.norm\.bias, encoder_k\.norm\.weight, encoder_q\.norm\.bias"),
        (dict(qkv_bias=False), r"also has encoder_k\.blocks\.0\.attn\.qkv\.bias"),
        (dict(patch_size=8), r"no ViT of 384 channels, 12 blocks, 6 heads, patches of 8 pixels: it has those of 192"),
        (dict(num_layers=10), r"no ViT of 384 channels, 10 blocks, 6 heads, patches of 16 pixels"),
        (dict(layers=3), r"no place for predictor_slot\.mlp\.4\.weight"),
    ],
    ids=["registers", "layer scales", "first norm", "no last norm", "no biases", "patches", "blocks", "a deeper head"],
)  # fmt: skip
def test_what_their_code_lacks_is_named(arguments, said):
    lines = beyond_official(converted(**arguments))
    assert lines
    assert all(line.startswith("warning: the authors' code ") for line in lines)
    assert re.search(said, "\n".join(lines))


def test_heads_that_a_file_notes_are_compared():
    noted = dict(layers={"layers.0.attn": dict(kind="attention", heads=12)})
    (line,) = beyond_official(converted(), noted)
    assert "no ViT of 384 channels, 12 blocks, 12 heads" in line


def test_a_slotcon_on_another_network_than_a_resnet_is_told():
    resnet = {"module.encoder_k.conv1.weight": torch.ones(1), "module.center": torch.ones(1)}
    assert beyond_official(resnet) == []
    (line,) = beyond_official({**resnet, "module.encoder_k.layers.0.ln1.weight": torch.ones(1)})
    assert "torchvision's ResNets only" in line
