"""Whether it helped, in words."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.adaptation.verdict import judge, without_labels
from slotcon_mm.evaluation.frozen.scorers import ImageCounts, Score


def score(hits_of_100: int, seed: int = 0, images: int = 50) -> Score:
    """About so many hits of 100 pixels in each image."""
    rng = np.random.default_rng(seed)
    hits = np.clip(hits_of_100 + rng.integers(-3, 4, size=(images, 2)), 0, 100)
    counts = ImageCounts(tuple(map(tuple, hits.tolist())), ((100, 100),) * images)
    return Score(float(hits.mean()) / 100, images=counts)


def verdict(before: dict[str, int], after: dict[str, int]):
    scores = ({name: [score(value, seed)] for name, value in part.items()} for seed, part in enumerate((before, after)))
    return judge(*scores, images=50)


def test_what_rose_beyond_its_noise_helped():
    found = verdict(dict(knn=20, probe=30), dict(knn=25, probe=30))
    assert found.helped is True
    assert found.headline == "It helped."
    assert found.sentences[0].startswith("Dense k-NN rose to")
    assert "more than its noise" in found.sentences[0]
    assert "no more than its noise" in found.sentences[1]
    assert str(found).endswith("Use the adapted weights.")


def test_what_fell_beyond_its_noise_hurt_and_the_start_is_advised():
    found = verdict(dict(knn=25, probe=30), dict(knn=20, probe=30))
    assert found.helped is False
    assert "Dense k-NN fell to" in found.sentences[0]
    assert "Use the weights that you started from" in str(found)


def test_differences_within_their_noise_are_no_verdict():
    found = verdict(dict(knn=25), dict(knn=25))
    assert found.helped is None
    assert "50 held-out images show no difference beyond their noise" in str(found)


def test_measures_that_disagree_are_said_to():
    found = verdict(dict(knn=20, probe=30), dict(knn=25, probe=25))
    assert found.helped is None
    assert found.headline == "It helped by one measure and hurt by another."


def test_the_words_hold_the_numbers_of_the_table():
    before, after = score(20, 0), score(25, 1)
    found = judge(dict(knn=[before]), dict(knn=[after]), images=50)
    for number in (100 * before.value, 100 * after.value, 100 * (after.value - before.value)):
        assert f"{number:.1f}" in found.sentences[0]


def test_measures_without_counts_by_image_are_left_out_of_the_verdict():
    found = judge(
        dict(discovery=[Score(0.1)], knn=[score(20)]), dict(discovery=[Score(0.9)], knn=[score(20)]), images=50
    )
    assert found.helped is None
    assert "iscovery" not in str(found)


def test_without_labels_nothing_is_claimed():
    found = without_labels()
    assert found.helped is None
    assert found.headline == "Without labels, nobody can say whether it helped."
    assert "tools/evaluate.py" in str(found)


@pytest.mark.parametrize("after", [25, 15])
def test_the_same_scores_make_the_same_words(after):
    assert verdict(dict(knn=20), dict(knn=after)) == verdict(dict(knn=20), dict(knn=after))
