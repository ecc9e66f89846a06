"""One trained convolution on frozen features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor

from slotcon_mm.models import LinearProbe


def probe() -> LinearProbe:
    torch.manual_seed(0)
    return LinearProbe(dict(type="ResNet", depth=18, base_channels=8, stem_channels=8), in_channels=64, num_classes=4)


def labeled(labels: Tensor | list[Tensor]) -> list[DataSample]:
    samples = []
    for label in labels:
        sample = DataSample()
        sample.set_field(label, "gt_sem_seg")
        samples.append(sample)
    return samples


def test_only_the_convolution_learns_and_the_backbone_stays_in_evaluation_mode():
    model = probe().train()
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {"classifier.weight", "classifier.bias"}
    assert not model.backbone.training
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    labels = torch.randint(0, 4, (2, 64, 64))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    losses = []
    inputs = torch.randn(2, 3, 64, 64)
    for _ in range(20):
        loss = model(inputs, labeled(labels), mode="loss")["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(value.equal(before[name]) for name, value in model.backbone.state_dict().items())


def test_the_loss_is_cross_entropy_at_the_labels_size_without_ignored_pixels():
    model, inputs = probe().eval(), torch.randn(1, 3, 64, 64)
    labels = torch.randint(0, 4, (1, 64, 64))
    labels[:, :40] = 255
    full = F.interpolate(model(inputs), (64, 64), mode="bilinear")
    picked = full.log_softmax(1).gather(1, labels.clamp(max=3)[:, None])[:, 0]
    expected = -picked[labels != 255].mean()
    torch.testing.assert_close(model(inputs, labeled(labels), mode="loss")["loss"], expected)


def test_predictions_are_classes_of_every_pixel():
    model, inputs = probe().eval(), torch.randn(2, 3, 64, 96)
    samples = model(inputs, mode="predict")
    full = F.interpolate(model(inputs), (64, 96), mode="bilinear")
    assert torch.stack([sample.group_map for sample in samples]).equal(full.argmax(1))
    assert samples[0].prototypes.shape == (4, 64)


def test_in_index_chooses_the_feature_map():
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8, out_indices=(1, 3))
    model = LinearProbe(backbone, in_channels=16, num_classes=4, in_index=0)
    assert model(torch.randn(1, 3, 64, 64)).shape == (1, 4, 8, 8)


SIZES = ((64, 64), (64, 96), (64, 64), (32, 64))


def mixed() -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(3, *size, generator=generator, dtype=torch.double) for size in SIZES]
    labels = [torch.randint(0, 4, size, generator=generator) for size in SIZES]
    labels[0][:, :40] = 255
    labels[3][:] = 255  # an image, and a size, without a label
    return images, labels


def test_images_of_different_sizes_are_predicted_as_each_alone():
    model, (images, _) = probe().double().eval(), mixed()
    found = model(images, mode="predict")
    for image, sample in zip(images, found, strict=True):
        assert sample.group_map.equal(model(image[None], mode="predict")[0].group_map)


def test_the_loss_of_images_of_different_sizes_is_a_mean_over_all_labeled_pixels():
    model, (images, labels) = probe().double().eval(), mixed()
    picked = []
    for image, label in zip(images, labels, strict=True):
        full = F.interpolate(model(image[None]), label.shape, mode="bilinear").log_softmax(1)
        picked.append(full.gather(1, label.clamp(max=3)[None, None])[0, 0][label != 255])
    torch.testing.assert_close(model(images, labeled(labels), mode="loss")["loss"], -torch.cat(picked).mean())
    no_labels = model(images, labeled([torch.full_like(label, 255) for label in labels]), mode="loss")["loss"]
    assert float(no_labels.detach()) == 0
