"""A folder of images into a gallery."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import tiny_slotcon
from PIL import Image

from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.scenes import CLASSES
from slotcon_mm.datasets.scenes.objects import THINGS
from slotcon_mm.inference.fill_gallery import fill_gallery, read_square
from slotcon_mm.visualization.overlay import color_table


@pytest.fixture
def model():
    return tiny_slotcon().float().eval()


def fill(model, folder, **kwargs):
    return fill_gallery(model, str(folder), top=6, size=48, batch_size=4, workers=0, **kwargs)


def test_each_image_is_seen_as_the_model_sees_its_middle_square(model, scenes):
    gallery, unreadable = fill(model, scenes / "val2017")
    assert (gallery.seen, unreadable) == (6, [])
    first = list_images(scenes / "val2017")[0]
    image = torch.from_numpy(read_square(first, 48).copy()).permute(2, 0, 1)[None]
    winners = model.teacher(model.data_preprocessor(dict(inputs=image))["inputs"]).scores.argmax(1)[0]
    occurrences = [found for k in range(5) for found in gallery.of(k) if found.path == first]
    assert occurrences
    for k in range(5):
        for found in gallery.of(k):
            if found.path == first:
                assert torch.from_numpy(found.region).equal(winners == k)


@pytest.mark.parametrize("takes", [(64, 64), (40, 80)], ids=["multiples of 32", "its views"])
def test_a_network_that_takes_some_sizes_only_is_shown_one_of_them(model, scenes, takes):
    def refuse(_, inputs):
        if tuple(inputs[0].shape[-2:]) != takes:
            raise RuntimeError("The size of tensor a (13) must match the size of tensor b (12)")

    model.teacher.backbone.register_forward_pre_hook(refuse)
    gallery, _ = fill(model, scenes / "val2017", views=(40, 80))
    assert gallery.seen == 6


def test_labels_give_purity(model, scenes):
    labels = str(scenes / "stuffthingmaps/val2017")
    gallery, _ = fill(model, scenes / "val2017", labels=labels, label_set="scenes")
    assert gallery.confusion_KC.sum() == 6 * 48 * 48


def test_an_image_that_cannot_be_read_is_named_and_the_rest_goes_on(model, scenes, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    (tmp_path / "b.jpg").write_bytes((scenes / "val2017/000000000001.jpg").read_bytes())
    gallery, unreadable = fill(model, tmp_path)
    assert gallery.seen == 1
    assert len(unreadable) == 1
    assert "a.jpg" in unreadable[0]


def test_labels_of_a_json_and_of_colors_give_purity_and_names(model, scenes, tmp_path):
    json = str(scenes / "annotations/instances_val2017.json")
    gallery, _ = fill(model, scenes / "val2017", labels=json)
    assert gallery.class_names == ("background", *THINGS)
    assert gallery.confusion_KC.sum() == 6 * 48 * 48
    by_value, _ = fill(
        model, scenes / "val2017", labels=str(scenes / "stuffthingmaps/val2017"), label_set=dict(classes=CLASSES)
    )
    colors = color_table(len(CLASSES))
    for path in (scenes / "stuffthingmaps/val2017").glob("*.png"):
        Image.fromarray(colors[np.array(Image.open(path))]).save(tmp_path / f"{path.stem}_drawn.png")
    by_color, unreadable = fill(
        model, scenes / "val2017", labels=str(tmp_path), label_suffix="_drawn.png",
        label_set=dict(classes=CLASSES, palette=[[int(c) for c in color] for color in colors]),
    )  # fmt: skip
    assert not unreadable
    assert (by_color.confusion_KC == by_value.confusion_KC).all()
    # a thing's pixels are those of its label map, and of no other class
    counts = by_value.confusion_KC.sum(axis=0)[: len(THINGS)]
    assert counts.tolist() == gallery.confusion_KC.sum(axis=0)[1:].tolist()


def test_labels_that_are_those_of_no_image_are_refused(model, scenes, tmp_path):
    with pytest.raises(
        ValueError, match=r"expected labels of the images below .*val2017 in .*, got none for .* 5 others"
    ):
        fill(model, scenes / "val2017", labels=str(tmp_path), label_set="scenes")
