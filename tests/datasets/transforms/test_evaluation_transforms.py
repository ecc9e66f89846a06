"""Resizing and cropping for the score, on images and labels that tell where a pixel came from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from slotcon_mm.datasets.label_sets import label_set_of
from slotcon_mm.datasets.transforms.evaluation_transforms import (
    CenterCrop,
    LoadInstances,
    LoadLabels,
    ResizeShortSide,
)


def coded(height: int, width: int) -> dict:
    """An image that grows smoothly to the right and down, and labels of its columns' and rows' numbers modulo 251."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([255 * (x + 0.5) / width, 255 * (y + 0.5) / height, 0 * x], axis=-1)
    return dict(img=np.round(image).astype(np.uint8), gt_sem_seg=((x + 7 * y) % 251).astype(np.uint8))


@given(st.integers(8, 90), st.integers(8, 90), st.integers(4, 64))
@settings(max_examples=40, deadline=None)
def test_the_shorter_side_becomes_the_size_and_places_are_kept(height, width, size):
    found = ResizeShortSide(size).transform(coded(height, width))
    new_height, new_width = found["img"].shape[:2]
    assert found["gt_sem_seg"].shape == (new_height, new_width)
    assert min(new_height, new_width) == size
    assert max(new_height, new_width) == int(size * max(height, width) / min(height, width))
    # smooth images resized bilinearly keep the relative place of every inner pixel
    x = 255 * (np.arange(new_width) + 0.5) / new_width
    inner = slice(new_width // 4, -(new_width // 4) or None)
    np.testing.assert_allclose(found["img"][new_height // 2, inner, 0], x[inner], atol=255 / width + 2)


@given(st.integers(8, 60), st.integers(8, 60), st.integers(4, 40))
@settings(max_examples=40, deadline=None)
def test_labels_are_taken_from_the_nearest_pixel(height, width, size):
    given_map = coded(height, width)["gt_sem_seg"]
    found = ResizeShortSide(size).transform(coded(height, width))["gt_sem_seg"]
    positions = [(np.arange(new) + 0.5) * old / new for old, new in zip((height, width), found.shape, strict=True)]
    for position in positions:  # between two pixels either is nearest
        assume(np.abs(position - np.round(position)).min() > 1e-6)
    rows, columns = (np.floor(position).astype(int) for position in positions)
    np.testing.assert_array_equal(found, given_map[rows][:, columns])


def test_results_can_be_written_to_as_torch_wants_it():
    found = ResizeShortSide(20).transform(coded(48, 64))
    assert all(array.flags.writeable for array in found.values())


def test_images_are_resized_as_pillow_does():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    found = ResizeShortSide(20).transform(dict(img=image))["img"]
    expected = np.asarray(Image.fromarray(image).resize((26, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("side", "corner"), [(7, 2), (8, 2), (9, 2), (10, 3), (11, 4), (4, 0), (3, 0)])
def test_the_crop_is_picies(side, corner):
    """int(round((w - size) / 2)), Python's rounding to even."""
    labels = np.arange(side, dtype=np.uint8)[None].repeat(4, axis=0)
    found = CenterCrop(4).transform(dict(img=np.zeros((4, side, 3), np.uint8), gt_sem_seg=labels))
    assert found["gt_sem_seg"][0].tolist() == list(range(corner, min(corner + 4, side)))


def test_labels_of_another_size_than_the_image_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "l.png"), np.zeros((4, 5), np.uint8))
    results = dict(img=np.zeros((5, 4, 3), np.uint8), img_path="p.jpg", seg_map_path=str(tmp_path / "l.png"))
    with pytest.raises(ValueError, match=r"label map of \(5, 4\) for p.jpg, got \(4, 5\)"):
        LoadLabels("voc-21").transform(results)


@pytest.mark.parametrize("transform", [ResizeShortSide, CenterCrop])
def test_sizes_are_positive(transform):
    with pytest.raises(ValueError, match="size above 0"):
        transform(0)


def test_labels_of_other_classes_than_the_datasets_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "l.png"), np.zeros((5, 4), np.uint8))
    results = dict(img=np.zeros((5, 4, 3), np.uint8), img_path="p.jpg", seg_map_path=str(tmp_path / "l.png"))
    mine = label_set_of(dict(classes=("a", "b")))
    assert not LoadLabels().transform(dict(results, label_set=mine))["gt_sem_seg"].any()
    with pytest.raises(ValueError, match=r"the classes of the dataset, a, b, in LoadLabels, got background, aeroplane"):
        LoadLabels("voc-21").transform(dict(results, label_set=mine))
    with pytest.raises(ValueError, match=r"LoadLabels\(label_set=...\), or a dataset that has one"):
        LoadLabels().transform(results)


def annotated(**facts: object) -> dict:
    square = dict(id=1, label=3, segmentation=[[2, 0, 4, 0, 4, 4, 2, 4]], is_crowd=False)
    image = dict(img=np.zeros((4, 8, 3), np.uint8), img_path="p.jpg", height=4, width=8, annotations=[square])
    return dict(image, label_set=label_set_of(dict(classes=tuple("abcd"))), **facts)


def test_instances_are_resized_and_cut_with_the_image():
    steps = [LoadLabels(), LoadInstances(), ResizeShortSide(8), CenterCrop(8)]
    results = annotated()
    for step in steps:
        results = step.transform(results)
    expected = np.zeros((8, 8), int)
    expected[:, :4] = 1  # columns 2 and 3 of 8, doubled, and the crop begins at 4 of 16
    assert results["gt_instances"].tolist() == expected.tolist()
    assert results["gt_sem_seg"].tolist() == (3 * expected).tolist()


def test_annotations_of_another_size_are_refused_with_the_image():
    with pytest.raises(ValueError, match=r"expected p.jpg of 4 x 9 pixels, as its annotations say, got 4 x 8"):
        LoadLabels().transform(annotated() | dict(width=9))
    assert LoadLabels().transform(annotated() | dict(width=None, height=None))["gt_sem_seg"].any()


def test_a_bad_mask_is_refused_with_the_image():
    results = annotated()
    results["annotations"][0]["segmentation"] = [[1]]
    with pytest.raises(ValueError, match=r"p.jpg: expected a mask .* annotation 1"):
        LoadInstances().transform(results)
    del results["annotations"]
    with pytest.raises(ValueError, match=r"LabelMapDataset\(ann_file=JSON\), got one without"):
        LoadInstances().transform(results)
