"""Successive halving: after so many epochs, or steps, the best share of the designs goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log
from typing import Literal, NamedTuple

from ctcdsl.text import UserError, error


class Judged(NamedTuple):
    """What a design reached at a rung: its errors as shares; or why it has none."""

    top1_error: float = 0.0
    top5_error: float = 0.0
    loss: float = 0.0
    failure: str = ""
    """A sentence and its code; empty where the training went well."""


Unit = Literal["epochs", "steps"]


class Rungs(NamedTuple):
    """How long designs are trained before they are judged, and of how many one goes on."""

    budgets: tuple[int, ...]
    """Epochs or steps from the beginning of a run."""
    eta: int
    unit: Unit = "epochs"
    steps_per_epoch: int = 1

    def end(self, rung: int) -> tuple[int, int]:
        """Where training stops for a rung: epochs done, and steps of the next one."""
        if self.unit == "epochs":
            return self.budgets[rung], 0
        return divmod(self.budgets[rung], self.steps_per_epoch)

    def budget(self, rung: int) -> str:
        """As in `epoch 3` or `step 500`."""
        return f"{self.unit.removesuffix('s')} {self.budgets[rung]}"

    def promoted(self, judged: Mapping[str, Judged]) -> tuple[str, ...]:
        """The designs of a rung that go on, best first: one of `eta`, one at least.

        By error, then by loss, then in the order given; one whose training failed does not go on.
        Which process trained them, and when, does not matter.
        """
        fine = [name for name, result in judged.items() if not result.failure]
        fine.sort(key=lambda name: (judged[name].top1_error, judged[name].loss))
        return tuple(fine[: max(1, len(judged) // self.eta)])


def plan_rungs(
    rungs: Sequence[int] | None,
    eta: int,
    epochs: int,
    designs: int,
    unit: Unit = "epochs",
    steps_per_epoch: int = 1,
) -> Rungs:
    """The rungs of a sweep.

    Args:
        rungs: Epochs or steps; by default as many rungs as leave two designs at least, the last
            at the end of the recipe, and each after a share of `1 / eta` of the next one's.
        eta: Of how many designs one goes on.
        epochs: Those of the recipe.
        designs: How many designs there are.
        unit: What `rungs` are.
        steps_per_epoch: The batches of the training set.

    Raises:
        UserError: CTC683 `eta` is below 2; the rungs are not growing numbers from 1 on, or go
            beyond the recipe.
    """
    if eta < 2:
        raise _wrong(f"of {eta} designs one is to go on", "`--eta` is 2 or more")
    last = epochs if unit == "epochs" else epochs * steps_per_epoch
    if rungs is None:
        count = 1 + floor(log(max(2, designs) / 2, eta) + 1e-9)
        chosen = {max(1, round(last / eta**k)) for k in range(count)}
        return Rungs(tuple(sorted(chosen)), eta, unit, steps_per_epoch)
    budgets = tuple(rungs)
    shown = ",".join(map(str, budgets))
    if not budgets or min(budgets) < 1 or sorted(set(budgets)) != list(budgets):
        raise _wrong(f"the rungs are {shown or 'none'}", f"they are {unit} that grow: `1,3,9`")
    if budgets[-1] > last:
        raise _wrong(
            f"the last rung is after {unit.removesuffix('s')} {budgets[-1]}, and the recipe has"
            f" {last}",
            f"end at {last}, or train longer: `--epochs {-(-budgets[-1] * epochs // last)}`",
        )
    return Rungs(budgets, eta, unit, steps_per_epoch)


def _wrong(message: str, hint: str) -> UserError:
    return error("CTC683", message, hint=hint)
