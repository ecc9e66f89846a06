"""Images of sizes that are not whole patches of a vision transformer lie on its map as on the image."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from helpers import TinyBackbone, tiny_slotmim
from torch import Tensor

from slotcon_mm.models.algorithms.linear_probe import LinearProbe
from slotcon_mm.models.patches import at_whole_patches, patch_of

SIZE, WHOLE = (17, 30), (20, 32)


def random_images() -> Tensor:
    return torch.rand(2, 3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def resized(images: Tensor) -> Tensor:
    return F.interpolate(images, WHOLE, mode="bilinear", antialias=True)


def upsampled(maps: Tensor) -> Tensor:
    return F.interpolate(maps, SIZE, mode="bilinear").argmax(dim=1)


def test_only_images_of_other_sizes_are_resized():
    backbone, images = tiny_slotmim().backbone, random_images()
    assert at_whole_patches(images, backbone).equal(resized(images))
    whole = resized(images)
    assert at_whole_patches(whole, backbone) is whole
    assert at_whole_patches(images, TinyBackbone()) is images
    assert (patch_of(backbone), patch_of(TinyBackbone())) == (4, 1)


@pytest.mark.parametrize("flip", [False, True])
def test_groups_are_predicted_where_they_are(flip):
    """Filled up with zeros to 20 x 32, what is seen at pixel 17 of 17 would lie at 14.5."""
    model = tiny_slotmim(test_cfg=dict(flip=flip)).eval()
    images, neck = random_images(), model.teacher.neck
    with torch.no_grad():  # prototypes that win pixels: what is seen at five places
        seen = neck.projector(model.teacher.backbone(resized(images))[-1])[0].flatten(1).T
        neck.prototypes.copy_(seen[[0, 9, 17, 26, 39]])
    scores = model.teacher(resized(images)).scores
    if flip:
        scores = (scores + model.teacher(resized(images.flip(-1))).scores.flip(-1)) / 2
    found = torch.stack([sample.group_map for sample in model(images, mode="predict")])
    assert found.equal(upsampled(scores))
    assert len(found.unique()) > 1
    assert not found.equal(upsampled(model.teacher(images).scores))


def test_a_linear_probe_sees_its_labels_where_they_are():
    arch = dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16)
    backbone = dict(type="mmpretrain.VisionTransformer", arch=arch, img_size=16, patch_size=4, out_type="featmap")
    torch.manual_seed(0)
    model = LinearProbe(backbone, in_channels=16, num_classes=5).double().eval()
    images = random_images()
    logits = model.classifier(model.backbone(resized(images))[-1])
    found = torch.stack([sample.group_map for sample in model(images, mode="predict")])
    assert found.equal(upsampled(logits))
