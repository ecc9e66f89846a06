"""The best images of each prototype."""

from __future__ import annotations

import numpy as np

from slotcon_mm.visualization.gallery import Gallery

K = 5


def images(count: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(K, 3, 4)) for _ in range(count)]


def filled(top: int = 3) -> Gallery:
    gallery = Gallery(K, top, class_names=("a", "b"))
    for number, scores in enumerate(images()):
        gallery.add(f"{number}.jpg", scores)
    return gallery


def test_the_top_images_are_those_of_a_full_sort():
    gallery = filled()
    for prototype in range(K):
        everything = []
        for number, scores in enumerate(images()):
            region = scores.argmax(axis=0) == prototype
            if region.any():
                everything.append((scores[prototype][region].mean(), f"{number}.jpg"))
        expected = sorted(everything, reverse=True)[:3]
        assert [(round(o.score, 9), o.path) for o in gallery.of(prototype)] == [(round(s, 9), p) for s, p in expected]


def test_an_occurrence_keeps_its_region():
    found = filled().of(2)[0]
    scores = images()[int(found.path.removesuffix(".jpg"))]
    np.testing.assert_array_equal(found.region, scores.argmax(axis=0) == 2)


def test_usage_counts_pixels_and_images():
    gallery, scores = filled(), images()
    winners = np.stack([s.argmax(axis=0) for s in scores])
    assert gallery.pixels_K.tolist() == [int((winners == k).sum()) for k in range(K)]
    assert gallery.images_K.tolist() == [int((winners == k).any(axis=(1, 2)).sum()) for k in range(K)]
    assert gallery.by_usage() == sorted(range(K), key=lambda k: -int((winners == k).sum()))


def test_equal_images_keep_the_earliest():
    gallery = Gallery(2, 2)
    for number in range(5):
        gallery.add(str(number), np.ones((2, 1, 1)))
    assert [found.path for found in gallery.of(0)] == ["0", "1"]
    assert gallery.of(1) == []
    assert gallery.by_usage() == [0]


def test_memory_is_bounded_by_the_top():
    assert all(len(filled(top=2).best[k]) == 2 for k in range(K))


def test_purity_is_the_share_of_the_commonest_class():
    gallery = filled()
    gallery.confusion_KC[1] = [1, 3]
    assert gallery.purity(1) == (1, 0.75)
    assert gallery.purity(0) is None
