"""Successive halving: after so many epochs the best share of the designs goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log
from typing import NamedTuple

from ctcdsl.text import UserError, error


class Judged(NamedTuple):
    """What a design reached at a rung: its errors as shares; or why it has none."""

    top1_error: float = 0.0
    top5_error: float = 0.0
    loss: float = 0.0
    failure: str = ""
    """A sentence and its code; empty where the training went well."""


class Rungs(NamedTuple):
    """The epochs after which designs are judged, and of how many one goes on."""

    epochs: tuple[int, ...]
    eta: int

    def promoted(self, judged: Mapping[str, Judged]) -> tuple[str, ...]:
        """The designs of a rung that go on, best first: one of `eta`, one at least.

        By error, then by loss, then in the order given; one whose training failed does not go on.
        Which process trained them, and when, does not matter.
        """
        fine = [name for name, result in judged.items() if not result.failure]
        fine.sort(key=lambda name: (judged[name].top1_error, judged[name].loss))
        return tuple(fine[: max(1, len(judged) // self.eta)])


def plan_rungs(rungs: Sequence[int] | None, eta: int, last: int, designs: int) -> Rungs:
    """The rungs of a sweep.

    Args:
        rungs: Epochs; by default as many rungs as leave two designs at least, the last at the
            end of the recipe, and each after a share of `1 / eta` of the next one's.
        eta: Of how many designs one goes on.
        last: The epochs of the recipe.
        designs: How many designs there are.

    Raises:
        UserError: CTC683 `eta` is below 2; the rungs are not growing numbers from 1 on, or go
            beyond the recipe.
    """
    if eta < 2:
        raise _wrong(f"of {eta} designs one is to go on", "`--eta` is 2 or more")
    if rungs is None:
        count = 1 + floor(log(max(2, designs) / 2, eta) + 1e-9)
        chosen = {max(1, round(last / eta**k)) for k in range(count)}
        return Rungs(tuple(sorted(chosen)), eta)
    epochs = tuple(rungs)
    shown = ",".join(map(str, epochs))
    if not epochs or min(epochs) < 1 or sorted(set(epochs)) != list(epochs):
        raise _wrong(f"the rungs are {shown or 'none'}", "they are epochs that grow: `1,3,9`")
    if epochs[-1] > last:
        raise _wrong(
            f"the last rung is after epoch {epochs[-1]}, and the recipe has {last}",
            f"end at {last}, or train longer: `--epochs {epochs[-1]}`",
        )
    return Rungs(epochs, eta)


def _wrong(message: str, hint: str) -> UserError:
    return error("CTC683", message, hint=hint)
