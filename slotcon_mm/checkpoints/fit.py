"""Whether weights are those of a model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from slotcon_mm.checks import listing

__all__ = ["check_finite", "check_fit", "fitting_names"]


def fitting_names(model: Mapping[str, Tensor], loaded: Mapping[str, Tensor]) -> set[str]:
    """Names of tensors that both have, in the same shape."""
    return {name for name, value in loaded.items() if name in model and model[name].shape == value.shape}


def check_fit(model: Mapping[str, Tensor], loaded: Mapping[str, Tensor], *, every: bool) -> None:
    """ValueError if ``loaded`` is of another model: no tensor fits, or, with ``every``, one does not.

    A tensor fits where name and shape are the same.
    """
    fitting = fitting_names(model, loaded)
    shapes = [
        f"{name} {tuple(loaded[name].shape)}, expected {tuple(model[name].shape)}"
        for name in sorted(set(loaded) & set(model) - fitting)
    ]
    missing, unexpected = sorted(set(model) - set(loaded)), sorted(set(loaded) - set(model))
    if shapes or not fitting or (every and (missing or unexpected)):
        raise ValueError(
            "expected a checkpoint of this model, got one of a different model: "
            f"{len(fitting)} of {len(model)} tensors fit; of another shape: {listing(shapes)}; "
            f"missing: {listing(missing)}; unexpected: {listing(unexpected)}"
        )


def check_finite(weights: Mapping[str, Tensor], file: str) -> None:
    """ValueError that names the file and its tensors that hold NaN or infinity."""
    broken = [name for name, value in weights.items() if isinstance(value, Tensor) and not value.isfinite().all()]
    if broken:
        raise ValueError(
            f"expected finite weights in {file}, got NaN or infinity in {listing(sorted(broken))}: take a checkpoint "
            "of before that training broke"
        )
