"""How exact a rewrite is: measured, and compared with what its pass guarantees."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from ctcdsl.passes.base import Guarantee
from ctcdsl.passes.manager import Step
from ctcdsl.passes.weights.interior import interior_difference
from ctcdsl.passes.weights.probe import difference, outputs, random_images, random_weights
from ctcdsl.passes.weights.tensors import Weights
from ctcdsl.text import error

TOLERANCE = 1e-9
"""How far outputs in float64 may differ, relative to the largest, and count as the same.

Sums in another order differ by 1e-15; deep networks add to that.
"""


class Exactness(NamedTuple):
    """How far a rewritten network's values are from the old ones.

    `difference` is the largest one over the largest old value, in float64 on random images;
    None where there is nothing to compare. `interior` means that the last maps of the trunks
    were compared, away from borders, instead of the outputs.
    """

    difference: float | None
    interior: bool = False

    @property
    def exact(self) -> bool:
        """Whether the values are the same but for rounding."""
        return self.difference is not None and self.difference <= TOLERANCE

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        compared = "interior" if self.interior else "outputs"
        return {"compared": compared, "difference": self.difference, "exact": self.exact}

    def __str__(self) -> str:
        subject = "maps away from borders" if self.interior else "outputs"
        if self.difference is None:
            return f"{subject} cannot be compared"
        if self.exact:
            return f"{subject} kept: they differ by {self.difference:.1e} of the largest"
        return f"{subject} changed: they differ by {self.difference:.3g} of the largest"


def verify_outputs(
    step: Step,
    old: Weights | None = None,
    new: Weights | None = None,
    *,
    results: tuple[Tensor, Tensor] | None = None,
) -> Exactness:
    """Measure a step on random images, and verify what its pass guarantees.

    Args:
        step: The step; its pass carries weights.
        old: The weights before; random ones unless given.
        new: Those after; carried over by the pass unless given.
        results: What both networks compute, where that is known.

    Raises:
        UserError: CTC410, naming the pass, where it guarantees the outputs, or the
            interior, and does not.
    """
    from ctcdsl.passes.weights.transfer import step_weights

    old = random_weights(step.before) if old is None else old
    new = step_weights(step, old) if new is None else new
    guarantee = step.applied.preserves
    if guarantee is Guarantee.INTERIOR:
        measured = Exactness(interior_difference(step.before, step.after, old, new), True)
    else:
        if results is None:
            images = random_images(step.before.input)
            results = outputs(step.before, old, images), outputs(step.after, new, images)
        measured = Exactness(difference(*results))
    if guarantee in (Guarantee.OUTPUTS, Guarantee.INTERIOR) and not measured.exact:
        raise error(
            "CTC410",
            f"`{step.applied.name}` guarantees the {guarantee}: {measured}",
            at=step.after.architecture.origin,
            hint="this is a bug of the pass: its weights do not belong to its network",
        )
    return measured
