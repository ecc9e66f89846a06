"""SlotMIM against the reference: losses, gradients, state, and ten training steps of AdamW."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import (
    TOTAL_STEPS,
    TinyBackbone,
    as_samples,
    random_batch,
    random_masks,
    run_on_two_processes,
    set_total_steps,
    tiny_slotmim,
)
from mmengine.logging import MessageHub
from reference.slotmim_run import ReferenceSlotMIM
from torch import Tensor

from slotcon_mm.engine.optimizers.clipped_adamw import ClippedAdamW
from slotcon_mm.models import SlotMIM

EXACT = dict(rtol=1e-9, atol=1e-12)
ROUNDING = dict(rtol=1e-11, atol=1e-13)  # after ten steps
STEPS_PER_EPOCH = 3
LOSSES = dict(cross="loss_cross_view", within="loss_within_view", slot="loss_slot")


@pytest.fixture(autouse=True)
def _steps():
    set_total_steps()
    set_epoch(0)
    yield
    set_epoch(0)


def set_epoch(epoch: int) -> None:
    MessageHub.get_current_instance().update_info("epoch", epoch)


def reference_of(model: SlotMIM, **kwargs: Any) -> ReferenceSlotMIM:
    settings = dict(
        heads=2, total_steps=TOTAL_STEPS, steps_per_epoch=STEPS_PER_EPOCH, temperature_epochs=4, warmup_epochs=1,
        frozen_epochs=2, peak_lr=0.01,
    )  # fmt: skip
    return ReferenceSlotMIM(model.state_dict(), **{**settings, **kwargs})


def batch(seed: int = 0) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    return (*random_batch(size=16, seed=seed), random_masks(seed=seed))


def losses_of(model: SlotMIM, seed: int = 0) -> dict[str, Tensor]:
    views, boxes, flipped, masks = batch(seed)
    result = model(views, as_samples(boxes, flipped, masks), mode="loss")
    return {name: value for name, value in result.items() if "loss" in name}


def test_losses_gradients_and_state_of_a_step_equal_the_reference():
    model = tiny_slotmim()
    reference = reference_of(model)
    losses = losses_of(model)
    sum(losses.values()).backward()
    views, boxes, flipped, masks = batch()
    expected = reference.step(views, boxes, flipped, list(masks.unbind(1)))

    assert min(expected) > 0.01
    for name, value in zip(LOSSES.values(), expected, strict=True):
        torch.testing.assert_close(losses[name].item(), value, **EXACT)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(
                parameter.grad, reference.grads[name], **EXACT, msg=lambda m, n=name: f"{n}: {m}"
            )
    for name, value in model.state_dict().items():
        if name.startswith("teacher.") or name == "group_head.center":
            torch.testing.assert_close(value, reference.state[name].detach(), check_dtype=False, **EXACT)


@pytest.mark.parametrize("one_pass", [False, True])
def test_ten_training_steps_equal_the_reference(one_pass):
    """With the paper's clipping, schedules of rate, decay and temperature, and prototypes that are frozen at first."""
    model = tiny_slotmim(seed=1, views_in_one_pass=one_pass)
    reference = reference_of(model)
    decayed = [p for p in model.parameters() if p.requires_grad and p.dim() > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.dim() <= 1]
    groups = [dict(params=decayed), dict(params=others, weight_decay=0.0)]
    optimizer = ClippedAdamW(groups, lr=0.0, max_norm=0.3)
    for step in range(10):
        epoch = step // STEPS_PER_EPOCH
        set_epoch(epoch)
        for group in optimizer.param_groups:
            group["lr"] = reference_lr(step)
        optimizer.param_groups[0]["weight_decay"] = reference_decay(step)
        optimizer.zero_grad()
        losses = losses_of(model, seed=step)
        sum(losses.values()).backward()
        if epoch < 2:
            model.neck.prototypes.grad = None
        optimizer.step()
        views, boxes, flipped, masks = batch(step)
        expected = reference.step(views, boxes, flipped, list(masks.unbind(1)))
        found = [losses[name].item() for name in LOSSES.values()]
        torch.testing.assert_close(found, list(expected), **ROUNDING)
    for name, value in model.state_dict().items():
        expected_value = reference.state[name].detach()
        if name.endswith("qkv.bias"):
            (queries, keys, values), expected_parts = value.chunk(3), expected_value.chunk(3)
            # the true gradient of the keys' biases is 0, and Adam makes its rounding as large as any other
            torch.testing.assert_close(keys, expected_parts[1], rtol=0, atol=1e-8)
            value, expected_value = torch.cat([queries, values]), torch.cat(expected_parts[::2])
        torch.testing.assert_close(
            value, expected_value, check_dtype=False, **ROUNDING, msg=lambda m, n=name: f"{n}: {m}"
        )


def reference_lr(step: int) -> float:
    warmup = STEPS_PER_EPOCH
    if step < warmup:
        return 0.01 * step / (warmup - 1)
    return 2e-6 + (0.01 - 2e-6) * (1 + math.cos(math.pi * (step - warmup) / (TOTAL_STEPS - warmup))) / 2


def reference_decay(step: int) -> float:
    return 0.4 - 0.36 * (1 + math.cos(math.pi * step / TOTAL_STEPS)) / 2


@pytest.mark.parametrize(
    ("options", "used"),
    [
        (dict(cross_view_weight=0.0), ("within", "slot")),
        (dict(within_view_weight=0.0), ("cross", "slot")),
        (dict(group_weight=1.0), ("cross", "within")),
        (dict(group_weight=0.0), ("slot",)),
    ],
)
def test_each_loss_can_be_switched_off(options, used):
    model = tiny_slotmim(**options)
    reference = reference_of(model, losses=used, patch_weight=options.get("group_weight", 0.5))
    losses = losses_of(model)
    views, boxes, flipped, masks = batch()
    expected = dict(zip(LOSSES, reference.step(views, boxes, flipped, list(masks.unbind(1))), strict=True))
    for key, name in LOSSES.items():
        assert losses.get(name, torch.zeros(())).item() == pytest.approx(expected[key], rel=1e-9)
    assert {key for key, value in expected.items() if value} == set(used)
    sum(losses.values()).backward()
    # what distributed training asks for
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_the_temperature_is_that_of_the_epoch():
    model = tiny_slotmim()
    found = {}
    for epoch in (0, 1, 3, 9):
        set_epoch(epoch)
        views, boxes, flipped, masks = batch()
        result = model(views, as_samples(boxes, flipped, masks), mode="loss")
        found[epoch] = result["teacher_temperature"].item()
    assert found == pytest.approx({0: 0.04, 1: 0.05, 3: 0.07, 9: 0.07})


def test_a_batch_without_masked_patches_has_no_loss_within_views():
    model = tiny_slotmim()
    views, boxes, flipped, masks = batch()
    result = model(views, as_samples(boxes, flipped, torch.zeros_like(masks)), mode="loss")
    assert result["loss_within_view"] == 0
    assert result["loss_cross_view"] > 0
    sum(value for name, value in result.items() if "loss" in name).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


def test_any_backbone_trains_without_masks():
    model = SlotMIM(
        backbone=TinyBackbone(),
        neck=dict(type="slotcon_mm.GroupingNeck", in_channels=6, hidden_channels=8, out_channels=7, num_prototypes=5),
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=9),
        within_view_weight=0.0,
    ).double()
    views, boxes, flipped = random_batch()
    assert model(views, as_samples(boxes, flipped), mode="loss")["loss_cross_view"] > 0
    with pytest.raises(ValueError, match=r"a backbone that takes masks, got TinyBackbone: take slotcon_mm\.Masked"):
        model(views, as_samples(boxes, flipped, random_masks()), mode="loss")


def test_the_mask_is_the_students_alone():
    model = tiny_slotmim()
    views, boxes, flipped, masks = batch()
    seen = {}
    for name, network in (("student", model.backbone), ("teacher", model.teacher.backbone)):
        network.register_forward_pre_hook(lambda _, args, name=name: seen.setdefault(name, []).append(len(args)))
    model(views, as_samples(boxes, flipped, masks), mode="loss")
    assert seen == dict(student=[2, 2], teacher=[1, 1])


def test_what_the_published_recipe_begins_with_is_the_default():
    parts = tiny_slotmim()
    model = SlotMIM(parts.backbone, parts.neck, parts.group_head, parts.slot_head)
    assert (model.teacher.momentum, model.first_temperature, model.temperature_epochs) == (0.996, 0.04, 50)


def test_groups_are_predicted_as_slotcon_predicts_them():
    model = tiny_slotmim().eval()
    images = torch.randn(2, 3, 32, 24, dtype=torch.float64)
    samples = model(images, mode="predict")
    scores = model.teacher(images).scores
    expected = torch.nn.functional.interpolate(scores, (32, 24), mode="bilinear").argmax(dim=1)
    assert torch.equal(torch.stack([sample.group_map for sample in samples]), expected)


def rank_step(rank: int, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Half of a batch's losses and gradients, as DistributedDataParallel averages them."""
    set_total_steps()
    set_epoch(1)
    model = tiny_slotmim()
    model.load_state_dict(state)
    views, boxes, flipped, masks = (*random_batch(images=4, size=16), random_masks(images=4))
    half = slice(2 * rank, 2 * rank + 2)
    samples = as_samples(boxes[half], flipped[half], masks[half])
    result = model([view[half] for view in views], samples, mode="loss")
    losses = {name: value for name, value in result.items() if "loss" in name}
    sum(losses.values()).backward()
    found = {name: value.detach() for name, value in losses.items()}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            found[f"gradient of {name}"] = parameter.grad
    for value in found.values():
        torch.distributed.all_reduce(value)
        value /= 2
    found["center"] = model.group_head.center
    return found


def test_two_processes_compute_what_one_does(tmp_path: Path):
    model = tiny_slotmim()
    found = run_on_two_processes(rank_step, tmp_path, model.state_dict())
    set_epoch(1)
    views, boxes, flipped, masks = (*random_batch(images=4, size=16), random_masks(images=4))
    result = model(views, as_samples(boxes, flipped, masks), mode="loss")
    losses = {name: value for name, value in result.items() if "loss" in name}
    sum(losses.values()).backward()
    for rank in found:
        for name, value in losses.items():
            torch.testing.assert_close(rank[name], value.detach(), **EXACT)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                torch.testing.assert_close(rank[f"gradient of {name}"], parameter.grad, **EXACT)
        torch.testing.assert_close(rank["center"], model.group_head.center, **EXACT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(first_temperature=0.0), "first_temperature above 0"),
        (dict(temperature_epochs=-1), "temperature_epochs of 0 or more"),
        (dict(cross_view_weight=-1.0), "cross_view_weight of 0 or more"),
        (dict(group_weight=1.0, cross_view_weight=0.0, within_view_weight=0.0), "expected a loss"),
    ],
)
def test_senseless_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tiny_slotmim(**options)


def test_two_temperatures_of_the_teacher_and_missing_masks_are_refused():
    with pytest.raises(ValueError, match=r"one temperature of the teacher, got .*=0.07 and neck.temperature=0.06"):
        SlotMIM(
            backbone=TinyBackbone(),
            neck=dict(type="slotcon_mm.GroupingNeck", in_channels=6, temperature=0.06),
            group_head=dict(type="slotcon_mm.GroupLossHead"),
            slot_head=dict(type="slotcon_mm.SlotLossHead"),
        )
    views, boxes, flipped, _ = batch()
    with pytest.raises(ValueError, match=r"masks in the data samples, got none: give PairedViews mask="):
        tiny_slotmim()(views, as_samples(boxes, flipped), mode="loss")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_under_autocast_scores_and_losses_stay_in_fp32_and_near_it(dtype):
    model = tiny_slotmim().float()
    views, boxes, flipped, masks = batch()
    views = [view.float() for view in views]
    plain = model(views, as_samples(boxes.float(), flipped, masks), mode="loss")
    model = tiny_slotmim().float()
    with torch.autocast("cpu", dtype):
        mixed = model(views, as_samples(boxes.float(), flipped, masks), mode="loss")
    for name in LOSSES.values():
        assert mixed[name].dtype == torch.float32
        torch.testing.assert_close(mixed[name], plain[name], rtol=0.1, atol=0.02)
