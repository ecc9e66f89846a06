"""The whole algorithm against the reference: losses, gradients, state, and ten training steps."""

from __future__ import annotations

import pytest
import torch
from helpers import TOTAL_STEPS, TinyBackbone, as_samples, random_batch, set_total_steps, tiny_slotcon
from reference.run import ReferenceRun
from torch import nn
from torch.utils.checkpoint import checkpoint

from slotcon_mm.engine.optimizers.lars import LARS
from slotcon_mm.models import GroupLossHead, SlotCon
from slotcon_mm.models.layers.batch_norm import SyncBatchNorm

EXACT = dict(rtol=1e-9, atol=1e-12)


@pytest.fixture(autouse=True)
def _steps():
    set_total_steps()


def test_losses_gradients_and_state_of_a_step_equal_the_reference():
    model = tiny_slotcon()
    views, boxes, flipped = random_batch()
    reference = ReferenceRun(model.state_dict(), TinyBackbone().double(), TOTAL_STEPS)
    result = model(views, as_samples(boxes, flipped), mode="loss")
    (result["loss_group"] + result["loss_slot"]).backward()
    expected = reference.step(views, boxes, flipped, lr=0.0)

    torch.testing.assert_close(result["loss_group"].item(), expected[0], **EXACT)
    torch.testing.assert_close(result["loss_slot"].item(), expected[1], **EXACT)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(
                parameter.grad, reference.grads[name], **EXACT, msg=lambda m, n=name: f"{n}: {m}"
            )
    assert_same_state(model, reference)


def step_of(model: SlotCon) -> dict[str, torch.Tensor]:
    """Losses, gradients and state of one step."""
    views, boxes, flipped = random_batch()
    result = model(views, as_samples(boxes, flipped), mode="loss")
    (result["loss_group"] + result["loss_slot"]).backward()
    gradients = {f"gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {"loss_group": result["loss_group"], "loss_slot": result["loss_slot"], **gradients, **model.state_dict()}


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, SyncBatchNorm, nn.SyncBatchNorm])
@pytest.mark.parametrize("options", [dict(views_in_one_pass=True), dict(channels_last=True)], ids=str)
def test_one_pass_and_channels_last_compute_what_two_passes_do(options, norm):
    model, plain_model = tiny_slotcon(norm=norm, **options), tiny_slotcon(norm=norm)
    model.load_state_dict(plain_model.state_dict())  # random numbers fill a kernel in the order of its memory
    ours, plain = step_of(model), step_of(plain_model)
    assert ours.keys() == plain.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, plain[name], **EXACT, msg=lambda m, n=name: f"{n}: {m}")


def test_one_pass_computes_the_same_gradients_where_the_backward_runs_layers_again():
    class CheckpointedBackbone(TinyBackbone):
        def forward(self, x):
            return checkpoint(super().forward, x.requires_grad_(), use_reentrant=True)

    found = []
    for one_pass in (True, False):
        model = tiny_slotcon(views_in_one_pass=one_pass)
        model.backbone.__class__ = CheckpointedBackbone
        found.append({name: value for name, value in step_of(model).items() if name.startswith("gradient of")})
    assert "gradient of backbone.conv1.weight" in found[0]
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], **EXACT, msg=lambda m, n=name: f"{n}: {m}")


def test_features_of_a_batch_share_statistics_after_a_step_in_one_pass():
    model, plain = tiny_slotcon(views_in_one_pass=True), tiny_slotcon(views_in_one_pass=False)
    images = random_batch(seed=1)[0][0]
    for one in (model, plain):
        step_of(one)
    torch.testing.assert_close(model(images)[0], plain(images)[0], **EXACT)


def test_shared_statistics_would_be_seen(monkeypatch):
    monkeypatch.setattr("slotcon_mm.models.algorithms.grouping_algorithm.separate_statistics", lambda *_: None)
    ours, plain = step_of(tiny_slotcon(views_in_one_pass=True)), step_of(tiny_slotcon())
    assert not torch.allclose(ours["loss_slot"], plain["loss_slot"])


def test_channels_last_kernels_stay_so_when_weights_are_drawn_and_loaded():
    model = tiny_slotcon(channels_last=True)
    model.load_state_dict(tiny_slotcon().state_dict())
    for network in (model.backbone, model.teacher.backbone):
        assert network.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_one_pass_refuses_other_kinds_of_batch_normalization():
    class OtherNorm(nn.BatchNorm2d):
        pass

    with pytest.raises(ValueError, match="got OtherNorm: leave out views_in_one_pass"):
        tiny_slotcon(norm=OtherNorm, views_in_one_pass=True)
    assert tiny_slotcon(norm=OtherNorm).views_in_one_pass is False


def test_ten_training_steps_equal_the_reference():
    model = tiny_slotcon(seed=1)
    reference = ReferenceRun(model.state_dict(), TinyBackbone().double(), TOTAL_STEPS)
    optimizer = LARS(model.parameters(), lr=0.5)
    for step in range(10):
        views, boxes, flipped = random_batch(seed=step)
        result = model(views, as_samples(boxes, flipped), mode="loss")
        optimizer.zero_grad()
        (result["loss_group"] + result["loss_slot"]).backward()
        optimizer.step()
        expected = reference.step(views, boxes, flipped, lr=0.5)
        torch.testing.assert_close(
            [result["loss_group"].item(), result["loss_slot"].item()], list(expected), rtol=1e-8, atol=1e-11
        )
    assert_same_state(model, reference, rtol=1e-7, atol=1e-9)
    assert int(model.teacher.steps) == 10


def assert_same_state(model: SlotCon, reference: ReferenceRun, **tolerance: float) -> None:
    state = model.state_dict()
    assert set(state) == set(reference.state)
    for name, value in state.items():
        torch.testing.assert_close(
            value, reference.state[name].detach(), check_dtype=False, **(tolerance or EXACT),
            msg=lambda m, n=name: f"{n}: {m}",
        )  # fmt: skip


def test_group_weight_splits_the_loss():
    views, boxes, flipped = random_batch()
    parts = {}
    for weight in (0.0, 0.25, 1.0):
        parts[weight] = tiny_slotcon(group_weight=weight)(views, as_samples(boxes, flipped), mode="loss")
    assert parts[0.0]["loss_group"] == 0
    assert parts[1.0]["loss_slot"] == 0
    torch.testing.assert_close(parts[0.25]["loss_group"] * 4, parts[1.0]["loss_group"])
    torch.testing.assert_close(parts[0.25]["loss_slot"] / 0.75, parts[0.0]["loss_slot"])


def test_only_two_scalars_are_summed_into_the_training_loss():
    views, boxes, flipped = random_batch()
    result = tiny_slotcon()(views, as_samples(boxes, flipped), mode="loss")
    assert [name for name in result if "loss" in name] == ["loss_group", "loss_slot"]
    assert set(result) > {"slots_per_view", "prototype_perplexity", "center_norm", "teacher_momentum"}


def test_a_pair_without_overlap_adds_nothing_to_the_grouping_loss_but_stays_in_its_mean():
    model = tiny_slotcon()
    views, boxes, flipped = random_batch(images=2)
    student = torch.randn(2, 5, 4, 4, dtype=torch.float64)
    head = model.group_head
    both = head([student, student], [student, student], torch.tensor([True, True]))
    first = head([student, student], [student, student], torch.tensor([True, False]))
    second = head([student, student], [student, student], torch.tensor([False, True]))
    torch.testing.assert_close(both, first + second)
    boxes[:] = 0
    result = model(views, as_samples(boxes, flipped), mode="loss")
    assert result["loss_group"] == 0
    assert result["loss_slot"] > 0


@pytest.mark.parametrize("box", [(1.4, 0.2, -0.6, 0.9), (0.3, 0.3, 0.3, 0.9), (2.0, 0.1, 1.5, 0.4)])
def test_a_box_without_an_area_is_as_one_of_zeros_whatever_its_numbers(box):
    views, boxes, flipped = random_batch()
    losses = []
    for written in (box, (0.0, 0.0, 0.0, 0.0)):
        boxes[-1] = torch.tensor(written, dtype=boxes.dtype)
        losses.append(tiny_slotcon()(views, as_samples(boxes, flipped), mode="loss"))
    assert torch.equal(losses[0]["loss_group"], losses[1]["loss_group"])


def test_teacher_starts_as_the_student_after_init_weights_with_its_own_statistics():
    model = tiny_slotcon()
    model._is_init = False
    model.init_weights()
    for name, value in model.backbone.named_parameters():
        assert torch.equal(value, model.teacher.backbone.get_parameter(name))
    for name, value in model.neck.named_parameters():
        assert torch.equal(value, model.teacher.neck.get_parameter(name))


def test_loading_weights_without_a_teacher_copies_the_student_and_with_one_copies_nothing():
    source, target = tiny_slotcon(seed=1), tiny_slotcon(seed=2)
    state = source.state_dict()
    target.load_state_dict({n: v for n, v in state.items() if not n.startswith("teacher.")}, strict=False)
    torch.testing.assert_close(target.teacher.neck.prototypes, source.neck.prototypes)
    target.load_state_dict(state)
    torch.testing.assert_close(target.teacher.neck.prototypes, source.teacher.neck.prototypes)
    assert not torch.equal(target.teacher.neck.prototypes, target.neck.prototypes)


def test_mmengine_loading_treats_the_teacher_alike():
    from mmengine.runner.checkpoint import _load_checkpoint_to_model

    source, target = tiny_slotcon(seed=1), tiny_slotcon(seed=2)
    student_only = {n: v for n, v in source.state_dict().items() if not n.startswith("teacher.")}
    _load_checkpoint_to_model(target, dict(state_dict=student_only))
    torch.testing.assert_close(target.teacher.neck.prototypes, source.neck.prototypes)


def test_state_dict_names_are_those_that_configs_of_other_packages_rely_on():
    names = set(tiny_slotcon().state_dict())
    assert {
        "backbone.conv1.weight",
        "neck.prototypes",
        "teacher.backbone.conv1.weight",
        "teacher.neck.prototypes",
    } < names
    assert {"teacher.steps", "group_head.center", "slot_head.predictor.0.weight", "neck.projector.0.weight"} < names
    assert {n.split(".")[0] for n in names} == {"backbone", "neck", "teacher", "group_head", "slot_head"}


def test_predict_gives_each_pixel_its_prototype_and_the_slots():
    model = tiny_slotcon().eval()
    before = {n: v.clone() for n, v in model.state_dict().items()}
    images = torch.randn(2, 3, 13, 22, dtype=torch.float64)
    samples = model(images, mode="predict")
    grouping = model.teacher(images)
    for i, sample in enumerate(samples):
        assert sample.group_map.shape == (13, 22)
        torch.testing.assert_close(sample.slots, grouping.slots[i])
        upsampled = torch.nn.functional.interpolate(grouping.scores[i : i + 1], (13, 22), mode="bilinear")
        assert torch.equal(sample.group_map, upsampled[0].argmax(dim=0))
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())


def test_predict_can_average_with_the_mirrored_image():
    model = tiny_slotcon(test_cfg=dict(flip=True)).eval()
    images = torch.randn(2, 3, 16, 24, dtype=torch.float64)
    mirrored = model.teacher(images.flip(-1)).scores.flip(-1)
    scores = (model.teacher(images).scores + mirrored) / 2
    upsampled = torch.nn.functional.interpolate(scores, (16, 24), mode="bilinear")
    for sample, expected in zip(model(images, mode="predict"), upsampled.argmax(dim=1), strict=True):
        assert sample.group_map.equal(expected)
        assert sample.prototypes.equal(model.teacher.neck.prototypes)


def test_tensor_mode_gives_the_backbones_features():
    model = tiny_slotcon().eval()
    images = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(model(images)[-1], model.backbone(images)[-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v, s: (v[:1], s), "two views of one shape"),
        (lambda v, s: ([v[0], v[1][:, :, :10]], s), "two views of one shape"),
        (lambda v, s: (v, s[:1]), "a data sample for each of the 3 pairs"),
        (lambda v, s: (v, None), "a data sample for each of the 3 pairs"),
    ],
)
def test_a_batch_of_the_wrong_shape_is_refused(change, message):
    views, boxes, flipped = random_batch()
    with pytest.raises(ValueError, match=message):
        tiny_slotcon()(*change(views, as_samples(boxes, flipped)), mode="loss")


def test_boxes_of_the_wrong_shape_are_refused():
    views, boxes, flipped = random_batch()
    with pytest.raises(ValueError, match=r"overlap_boxes of shape \(2, 4\)"):
        tiny_slotcon()(views, as_samples(boxes[:, :1], flipped), mode="loss")


def test_a_head_of_another_size_than_the_neck_is_refused():
    parts = dict(neck=dict(type="slotcon_mm.GroupingNeck", in_channels=6, hidden_channels=8, out_channels=7))
    with pytest.raises(ValueError, match=r"group_head.num_prototypes to equal neck.num_prototypes = 256, got 3"):
        SlotCon(torch.nn.Identity(), parts["neck"], GroupLossHead(3), dict(type="slotcon_mm.SlotLossHead"))


@pytest.mark.parametrize("weight", [-0.1, 1.5])
def test_a_group_weight_outside_its_range_is_refused(weight):
    with pytest.raises(ValueError, match="group_weight in"):
        tiny_slotcon(group_weight=weight)


def test_without_a_number_of_steps_the_message_says_where_it_comes_from():
    set_total_steps(0)
    views, boxes, flipped = random_batch()
    with pytest.raises(ValueError, match="max_iters"):
        tiny_slotcon()(views, as_samples(boxes, flipped), mode="loss")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_scores_and_losses_stay_in_fp32_and_near_it(dtype):
    model = tiny_slotcon().float()
    views, boxes, flipped = random_batch()
    views = [view.float() for view in views]
    exact = tiny_slotcon().float()(views, as_samples(boxes, flipped), mode="loss")
    with torch.autocast("cpu", dtype=dtype):
        result = model(views, as_samples(boxes, flipped), mode="loss")
        assert model.neck(model.backbone(views[0])).scores.dtype == torch.float32
    for name in ("loss_group", "loss_slot"):
        assert result[name].dtype == torch.float32
        torch.testing.assert_close(result[name], exact[name], rtol=0.05, atol=0.02)
    sum(result[n] for n in ("loss_group", "loss_slot")).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("flip", [False, True])
def test_images_of_different_sizes_are_grouped_as_each_alone(flip):
    model = tiny_slotcon(test_cfg=dict(flip=flip)).eval()
    images = [torch.randn(3, *size, dtype=torch.double) for size in ((16, 16), (16, 24), (16, 16), (24, 16))]
    found = model(images, mode="predict")
    for image, sample in zip(images, found, strict=True):
        (alone,) = model(image[None], mode="predict")
        assert sample.group_map.equal(alone.group_map)
        assert sample.counted.equal(alone.counted)
        torch.testing.assert_close(sample.slots, alone.slots)
