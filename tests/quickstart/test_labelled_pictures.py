"""Pictures in memory, with labels where there are some."""

from __future__ import annotations

import numpy as np

from slotcon_mm.quickstart.labelled_pictures import cut_middle, read_labelled, read_unlabelled


def test_labelled_pictures_are_pairs_in_order(scenes):
    pictures = read_labelled(scenes, "val2017", 4)
    assert pictures.images.shape == (4, 96, 128, 3)
    assert pictures.labels.shape == (4, 96, 128)


def test_pictures_of_any_size_are_cut_to_the_reports(scenes):
    assert read_unlabelled(scenes / "train2017", 5).images.shape == (5, 192, 256, 3)
    for shape in ((10, 300, 3), (500, 20, 3), (1, 1, 3)):
        assert cut_middle(np.zeros(shape, np.uint8), 64, 48).shape == (48, 64, 3)
