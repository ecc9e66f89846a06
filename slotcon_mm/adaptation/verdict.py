"""Whether it helped, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.paired import Difference, paired_difference
from slotcon_mm.evaluation.frozen.scorers import Score

__all__ = ["ERRORS", "Verdict", "judge", "without_labels"]

ERRORS = 2.0  # standard errors that a difference must exceed to be one


class Verdict(NamedTuple):
    """``helped``: true, false, or None where the images do not tell; ``headline`` and ``sentences`` say so."""

    helped: bool | None
    headline: str
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.headline, *self.sentences])


def judge(before: Mapping[str, Sequence[Score]], after: Mapping[str, Sequence[Score]], *, images: int) -> Verdict:
    """Of the same measures of the same held-out images.

    A measure tells if its difference is more than two standard errors (``paired_difference``). It helped if one is
    better and none worse; it hurt if one is worse and none better.

    Args:
        before: Scores of the start, by measure.
        after: Of what training made of it.
        images: Held out.
    """
    found = {
        name: paired_difference(before[name][0], after[name][0])
        for name in before
        if before[name][0].images is not None
    }
    better = [name for name, difference in found.items() if difference.is_above(ERRORS)]
    worse = [name for name, difference in found.items() if difference.is_below(ERRORS)]
    sentences = [describe(name, before[name][0], after[name][0], found[name]) for name in found]
    if better and not worse:
        return Verdict(True, "It helped.", (*sentences, "Use the adapted weights."))
    if worse and not better:
        closing = "Use the weights that you started from, or try a lower learning rate, fewer epochs, or more images."
        return Verdict(False, "It hurt.", (*sentences, closing))
    if better:
        closing = "Decide by the measure that is nearest to your use; fine-tuning both is the test that counts."
        return Verdict(None, "It helped by one measure and hurt by another.", (*sentences, closing))
    closing = (
        f"{images} held-out images show no difference beyond their noise: more of them would tell smaller ones, and "
        "more training or more images may make a larger one."
    )
    return Verdict(None, "No difference was found.", (*sentences, closing))


def describe(name: str, before: Score, after: Score, difference: Difference) -> str:
    title = MEASURES[name].title
    points = 100 * difference.value
    change = "stayed near" if abs(points) < 0.05 else "rose to" if points > 0 else "fell to"
    noise = (
        "more than its noise"
        if difference.is_above(ERRORS) or difference.is_below(ERRORS)
        else "no more than its noise"
    )
    return (
        f"{title[0].upper()}{title[1:]} {change} {100 * after.value:.1f}, from {100 * before.value:.1f} "
        f"({points:+.1f} ± {100 * difference.error:.1f} points of mIoU, {noise})."
    )


def without_labels() -> Verdict:
    """What can be said where nobody has labeled an image."""
    return Verdict(
        None,
        "Without labels, nobody can say whether it helped.",
        (
            "The numbers below tell whether features collapsed and how stable they are, and they can rise while the "
            "features become worse for your classes. Label thirty images, or a few hundred, and run "
            "tools/evaluate.py on start.pth and backbone.pth with --labels and --classes.",
        ),
    )
