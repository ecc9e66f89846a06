"""SlotMIM's reference where others have the same thing: torch, torchvision, mmpretrain, timm, numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce

import pytest
import torch
from mmpretrain.models import VisionTransformer
from reference import slotmim, slotmim_vit
from reference.slotmim_run import ReferenceSlotMIM
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import roi_align

HEADS, GRID, PATCH, IMAGES, K = 3, 3, 4, 2, 4
SIZES = dict(channels=12, layers=2, size=GRID, patch=PATCH, hidden=10, out=7, prototypes=K)


def random_state(seed: int = 0) -> dict[str, Tensor]:
    """A model in the middle of its training: no value is special, and the teacher is another than the student."""
    generator = torch.Generator().manual_seed(seed)
    state = slotmim_vit.initial_state(generator, **SIZES)
    for name, value in state.items():
        if name != "teacher.steps":
            spread = 0.05 if name.startswith("group_head") else 0.3
            state[name] = value + spread * torch.randn(value.shape, generator=generator, dtype=torch.float64)
    return state


def random_batch(seed: int = 0) -> tuple[list[Tensor], Tensor, Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    side = GRID * PATCH
    views = list(torch.randn(2, IMAGES, 3, side, side, generator=generator, dtype=torch.float64))
    corners = torch.rand(IMAGES, 2, 2, 2, generator=generator, dtype=torch.float64)
    low, high = corners[..., 0, :] * 0.4, 0.6 + corners[..., 1, :] * 0.4
    flipped = torch.rand(IMAGES, 2, generator=generator) < 0.5
    masks = list(torch.rand(2, IMAGES, GRID, GRID, generator=generator) < 0.3)
    return views, torch.cat([low, high], dim=-1), flipped, masks


def run(state: dict[str, Tensor] | None = None, **options) -> ReferenceSlotMIM:
    arguments = dict(heads=HEADS, total_steps=40, steps_per_epoch=4, temperature_epochs=3, warmup_epochs=1)
    return ReferenceSlotMIM(state or random_state(), **{**arguments, **options})


def part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}


def features(images: Tensor, params: dict[str, Tensor], masks: Tensor | None = None) -> Tensor:
    hidden = [None] * len(images) if masks is None else masks.flatten(1)
    return torch.stack([slotmim_vit.vit(i, params, HEADS, m) for i, m in zip(images, hidden, strict=True)])


def mmpretrain_vit() -> VisionTransformer:
    arch = dict(embed_dims=12, num_layers=2, num_heads=HEADS, feedforward_channels=48)
    return VisionTransformer(
        arch, img_size=GRID * PATCH, patch_size=PATCH, out_type="featmap", norm_cfg=dict(type="LN", eps=1e-6)
    ).double()


def test_the_transformer_without_a_mask_is_mmpretrains_with_its_names():
    params, images = part(random_state(), "backbone."), random_batch()[0][0]
    network = mmpretrain_vit()
    network.load_state_dict({n: p for n, p in params.items() if n != "mask_token"})
    torch.testing.assert_close(features(images, params).mT.unflatten(2, (GRID, GRID)), network(images)[0])


def test_the_transformer_without_a_mask_is_timms():
    timm = pytest.importorskip("timm")
    network = timm.models.VisionTransformer(
        img_size=GRID * PATCH, patch_size=PATCH, embed_dim=12, depth=2, num_heads=HEADS, num_classes=0
    ).double()
    params, images = part(random_state(), "backbone."), random_batch()[0][0]
    renamed = {}
    for name, value in params.items():
        for ours, theirs in (
            ("patch_embed.projection", "patch_embed.proj"), ("layers.", "blocks."), ("ffn.blocks.0.0", "mlp.fc1"),
            ("ffn.blocks.1", "mlp.fc2"), ("ln1", "norm1"), ("ln2", "norm2"),
        ):  # fmt: skip
            name = name.replace(ours, theirs)
        renamed[name.replace("norm1", "norm") if name.startswith("norm1") else name] = value
    del renamed["mask_token"]
    network.load_state_dict(renamed)
    torch.testing.assert_close(features(images, params), network.forward_features(images)[:, 1:])


def test_attention_is_torchs():
    params = part(random_state(), "backbone.")
    tokens = torch.randn(6, 12, dtype=torch.float64)
    qkv, proj = ([params[f"layers.0.attn.{n}.{part}"] for part in ("weight", "bias")] for n in ("qkv", "proj"))
    rows = tokens[:, None]
    expected, _ = F.multi_head_attention_forward(
        rows, rows, rows, 12, HEADS, *qkv, bias_k=None, bias_v=None, add_zero_attn=False, dropout_p=0.0,
        out_proj_weight=proj[0], out_proj_bias=proj[1],
    )  # fmt: skip
    torch.testing.assert_close(slotmim_vit.attention(tokens, params, "layers.0.attn", HEADS), expected[:, 0])


def test_masked_patches_are_seen_by_nothing_and_replaced_before_positions_are_added():
    params, (views, _, _, masks) = part(random_state(), "backbone."), random_batch()
    pixels = masks[0].repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)[:, None]
    other = torch.where(pixels, views[1], views[0])
    torch.testing.assert_close(features(other, params, masks[0]), features(views[0], params, masks[0]), rtol=0, atol=0)
    assert not torch.allclose(features(other, params), features(views[0], params))
    gray = dict(params, mask_token=params["patch_embed.projection.bias"][None])  # what a patch of zeros gives
    torch.testing.assert_close(
        features(views[0], gray, masks[0]), features(torch.where(pixels, 0, views[0]), gray), rtol=1e-12, atol=1e-12
    )


def test_no_mask_and_an_empty_mask_are_the_same():
    params, views = part(random_state(), "backbone."), random_batch()[0]
    empty = torch.zeros(IMAGES, GRID, GRID, dtype=torch.bool)
    torch.testing.assert_close(features(views[0], params, empty), features(views[0], params), rtol=0, atol=0)


def torch_mlp(params: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
    """Of a Sequential 0, 2, 4 or 0, 2; the tensors themselves, so that gradients reach them."""
    layers = []
    for n in sorted({name.split(".")[0] for name in params}):
        weight, bias = params[f"{n}.weight"].flatten(1), params[f"{n}.bias"]
        layers += [partial(F.linear, weight=weight, bias=bias), F.gelu]
    return lambda rows: reduce(lambda x, layer: layer(x), layers[:-1], rows)


@pytest.mark.parametrize("prefix", ["neck.projector.", "slot_head.predictor."])
def test_projector_and_predictor_are_torchs_linear_and_gelu_layers(prefix):
    params = part(random_state(), prefix)
    rows = torch.randn(4, params["0.weight"].shape[1], dtype=torch.float64)
    torch.testing.assert_close(slotmim.mlp(rows, params), torch_mlp(params)(rows))


def soft_cross_entropy(student: Tensor, teacher: Tensor, center: Tensor, tau: float) -> Tensor:
    """Rows (R, K); torch's mean over rows."""
    return F.cross_entropy(student / 0.1, ((teacher - center) / tau).softmax(dim=1))


def aligned(scores: Tensor, boxes: Tensor, flipped: Tensor) -> Tensor:
    """(B, K, H, W) to rows (B * H * W, K)."""
    numbers = torch.arange(len(boxes), dtype=boxes.dtype)[:, None]
    maps = roi_align(scores, torch.cat([numbers, boxes * GRID], dim=1), (GRID, GRID), aligned=True)
    maps = torch.where(flipped[:, None, None, None], maps.flip(-1), maps)
    return maps.movedim(1, -1).flatten(0, 2)


def contrast(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], predictor: Callable[[Tensor], Tensor]
) -> Tensor:
    """One direction of the slot loss from (scores, slots)."""
    wins = [
        F.one_hot(scores.flatten(2).argmax(dim=1), K).sum(dim=1).bool().flatten() for scores, _ in (student, teacher)
    ]
    is_query, is_key = wins[0] & wins[1], wins[1]
    queries = F.normalize(predictor(student[1].flatten(0, 1)[is_query]), dim=1)
    keys = F.normalize(teacher[1].flatten(0, 1)[is_key], dim=1)
    return 0.4 * F.cross_entropy(queries @ keys.T / 0.2, (is_key.cumsum(0) - 1)[is_query])


def test_losses_gradients_center_and_teacher_of_a_step_are_those_of_torchs_functions():
    """Step 5 of 40, in epoch 1 of 3 in which the temperature rises: 0.055."""
    state, (views, boxes, flipped, masks) = random_state() | {"teacher.steps": torch.tensor(5)}, random_batch()
    reference = run(state)
    found = reference.step(views, boxes, flipped, masks)

    tau = 0.055
    m = 1 - 0.004 * (math.cos(math.pi * 5 / 40) + 1) / 2
    for name in [n for n in state if n.startswith(("backbone.", "neck."))]:
        state[f"teacher.{name}"] = torch.lerp(state[name], state[f"teacher.{name}"], m)
    center = state["group_head.center"]
    student = {name: state[name].requires_grad_() for name in reference.trained}
    grouped = {}
    for owner in ("", "teacher."):
        params = {name[len(owner) :]: value for name, value in state.items() if name.startswith(owner)}
        for v in (0, 1):
            rows = torch_mlp(part(params, "neck.projector."))(
                features(views[v], part(params, "backbone."), None if owner else masks[v])
            )
            scores = F.normalize(rows, dim=2) @ F.normalize(params["neck.prototypes"], dim=1).T
            shares = (scores / tau).softmax(dim=2) + 1e-12
            slots = (shares / shares.sum(dim=1, keepdim=True)).mT @ rows
            grouped[owner, v] = scores.mT.unflatten(2, (GRID, GRID)), slots
    lined_up = {(o, v): aligned(s, boxes[:, v], flipped[:, v]) for (o, v), (s, _) in grouped.items()}
    predictor = torch_mlp(part(state, "slot_head.predictor."))
    losses = dict(cross=0.0, within=0.0, slot=0.0)
    for v in (0, 1):
        losses["cross"] += 0.25 * soft_cross_entropy(lined_up["", v], lined_up["teacher.", 1 - v], center, tau)
        s, t = (grouped[owner, v][0].movedim(1, -1)[masks[v]] for owner in ("", "teacher."))
        losses["within"] += 0.25 * soft_cross_entropy(s, t, center, tau)
        losses["slot"] += 0.25 * contrast(grouped["", v], grouped["teacher.", 1 - v], predictor)
    assert found == pytest.approx([loss.item() for loss in losses.values()], rel=1e-12)
    gradients = torch.autograd.grad(sum(losses.values()), list(student.values()))
    for name, gradient in zip(student, gradients, strict=True):
        torch.testing.assert_close(reference.grads[name], gradient, rtol=1e-9, atol=1e-13)
    both = torch.cat([grouped["teacher.", v][0] for v in (0, 1)])
    expected = 0.9 * center + 0.1 * both.movedim(1, -1).flatten(0, 2).mean(dim=0)
    torch.testing.assert_close(reference.state["group_head.center"], expected)
    for name in state:
        if name.startswith("teacher.") and name != "teacher.steps":
            torch.testing.assert_close(reference.state[name], state[name].detach(), rtol=1e-13, atol=1e-14)


def random_scores() -> list[Tensor]:
    return list(torch.rand(2, IMAGES, K, GRID, GRID, dtype=torch.float64) * 2 - 1)


def test_pairs_without_a_shared_region_add_zero_and_stay_in_the_mean():
    _, boxes, flipped, _ = random_batch()
    student, teacher, center = random_scores(), random_scores(), torch.zeros(K, dtype=torch.float64)
    losses = {}
    for absent in ((), (0,), (1,), (0, 1)):
        some = boxes.clone()
        some[list(absent)] = 0
        losses[absent] = slotmim.cross_view_loss(student, teacher, center, some, flipped, 0.05)
    assert losses[0, 1] == 0
    torch.testing.assert_close(losses[()], losses[0,] + losses[1,])


def test_the_within_view_loss_is_a_mean_over_the_batchs_tokens_not_a_mean_of_images():
    student, teacher = random_scores()
    mask = torch.zeros(IMAGES, GRID, GRID, dtype=torch.bool)
    mask[0, 0, 1] = mask[1, 0] = True
    center = torch.randn(K, dtype=torch.float64)
    rows = [scores.movedim(1, -1)[mask] for scores in (student, teacher)]
    found = slotmim.within_view_loss(student, teacher, center, mask, 0.05)
    torch.testing.assert_close(found, soft_cross_entropy(*rows, center, 0.05))
    assert slotmim.within_view_loss(student, teacher, center, mask & False, 0.05) == 0


def test_a_step_without_masked_tokens_and_shared_regions_trains_on_slots_alone():
    views, boxes, flipped, masks = random_batch()
    reference = run()
    cross, within, slot = reference.step(views, 0 * boxes, flipped, [mask & False for mask in masks])
    assert cross == within == 0
    assert slot > 0
    assert reference.grads["backbone.mask_token"].abs().max() == 0
    assert reference.grads["backbone.cls_token"].abs().max() > 0


def grouping(winners: list[int], seed: int) -> tuple[Tensor, Tensor]:
    """Every cell of an image is won by one prototype."""
    scores = torch.zeros(len(winners), K, 2, 2, dtype=torch.float64)
    for image, winner in enumerate(winners):
        scores[image, winner] = 1
    slots = torch.randn(len(winners), K, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return scores, slots.requires_grad_()


def test_one_query_is_enough_for_the_slot_loss_and_none_gives_zero():
    params = part(random_state(), "slot_head.predictor.")
    student, teacher = grouping([0, 1], 0), grouping([0, 2], 1)
    one = slotmim.slot_loss([student, student], [teacher, teacher], params)
    torch.testing.assert_close(one, contrast(student, teacher, torch_mlp(params)))
    assert one > 0
    none = slotmim.slot_loss([student, student], [grouping([2, 3], 1)] * 2, params)
    assert none == 0
    assert none.requires_grad


@pytest.fixture(scope="module")
def losses_of_a_step() -> tuple[float, float, float]:
    return run().step(*random_batch())


@pytest.mark.parametrize("off", [0, 1, 2])
def test_each_loss_can_be_switched_off_and_leaves_the_others(off, losses_of_a_step):
    names = ("cross", "within", "slot")
    reference = run(losses=tuple(name for n, name in enumerate(names) if n != off))
    found = reference.step(*random_batch())
    assert found == tuple(0.0 if n == off else loss for n, loss in enumerate(losses_of_a_step))
    assert (reference.grads["slot_head.predictor.0.weight"].abs().max() == 0) == (off == 2)


def test_the_weight_goes_to_both_patch_losses_and_the_rest_to_slots(losses_of_a_step):
    cross, within, slot = losses_of_a_step
    assert run(patch_weight=0.75).step(*random_batch()) == pytest.approx([1.5 * cross, 1.5 * within, 0.5 * slot])


def test_steps_are_those_of_torchs_adamw_with_each_tensor_clipped_and_frozen_prototypes_left_out():
    """Four steps of two an epoch, the first epoch frozen; decay, rate and temperature of every step are others."""
    reference = run(random_state(1), steps_per_epoch=2, frozen_epochs=1, warmup_epochs=1, peak_lr=0.01)
    start = reference.state["neck.prototypes"].clone()
    theirs = {name: nn.Parameter(reference.state[name].clone()) for name in reference.trained}
    decayed = [p for n, p in theirs.items() if p.ndim > 1 and not n.endswith(".bias")]
    others = [p for n, p in theirs.items() if p.ndim == 1 or n.endswith(".bias")]
    optimizer = torch.optim.AdamW([dict(params=decayed), dict(params=others, weight_decay=0.0)])
    rates = [0, 0.01] + [2e-6 + (0.01 - 2e-6) * (1 + math.cos(math.pi * t / 38)) / 2 for t in range(2)]
    clips = 0
    for step, rate in enumerate(rates):
        reference.step(*random_batch(step))
        for name, parameter in theirs.items():
            parameter.grad = reference.grads[name].clone()
            clips += int(nn.utils.clip_grad_norm_([parameter], 0.3) > 0.3)
        if step < 2:
            assert torch.equal(reference.state["neck.prototypes"], start)
            assert reference.grads["neck.prototypes"].abs().max() > 0
            theirs["neck.prototypes"].grad = None
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.param_groups[0]["weight_decay"] = 0.4 - 0.36 * (1 + math.cos(math.pi * step / 40)) / 2
        optimizer.step()
        for name, parameter in theirs.items():
            torch.testing.assert_close(reference.state[name], parameter.detach(), rtol=1e-12, atol=1e-13)
    assert 0 < clips < 4 * len(theirs)
    assert reference.moments["neck.prototypes"][0] == 2
    assert reference.moments["backbone.cls_token"][0] == 4


def test_the_first_move_of_a_teacher_that_starts_as_the_student_changes_nothing():
    state = slotmim_vit.initial_state(torch.Generator().manual_seed(0), **SIZES)
    reference = run(state)
    reference.move_teacher()
    assert reference.steps == 1
    for name in reference.trained:
        if name.startswith(("backbone.", "neck.")):
            torch.testing.assert_close(reference.state[f"teacher.{name}"], state[name])
