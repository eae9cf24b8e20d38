"""Weights through a chain of passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from ctcdsl.checking import Network
from ctcdsl.passes.base import Guarantee, Pass
from ctcdsl.passes.manager import Step
from ctcdsl.passes.weights.equivalence import Exactness, verify_outputs
from ctcdsl.passes.weights.probe import outputs, random_images
from ctcdsl.passes.weights.tensors import Weights
from ctcdsl.text import error


@runtime_checkable
class TransfersWeights(Protocol):
    """A pass that knows what weights its network has.

    `weights` are tensors by layer and role, in float64, and are not to be changed in place;
    what is returned has those of every layer of `after`.
    """

    def carry(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the network that the pass made."""
        ...


def require_carriers(passes: Iterable[Pass]) -> None:
    """Refuse passes that carry no weights (CTC407), before anything is computed."""
    for applied in passes:
        _carrier(applied)


def carried(step: Step, weights: Weights) -> Weights:
    """The weights behind a step."""
    return _carrier(step.applied).carry(step.before, step.after, weights)


class TransferResult(NamedTuple):
    """Weights behind a chain, how exact each step was, and what the last network computes."""

    weights: Weights
    measured: tuple[Exactness, ...]
    images: Tensor
    result: Tensor


def carry_through(steps: Sequence[Step], weights: Weights) -> TransferResult:
    """Carry weights through a chain, and measure each step.

    Raises:
        UserError: CTC407 where a pass carries no weights, CTC410 where one broke its promise,
            CTC418 where the network computes no finite numbers with them.
    """
    measured: list[Exactness] = []
    images = random_images(steps[0].before.input)
    result = outputs(steps[0].before, weights, images)
    if not bool(result.isfinite().all()):
        raise error(
            "CTC418",
            f"with these weights `{steps[0].before.name}` computes NaN or infinities",
            hint="is a running variance negative, or a weight huge? take an earlier checkpoint",
        )
    for step in steps:
        new = carried(step, weights)
        following = outputs(step.after, new, images)
        measured.append(verify_outputs(step, weights, new, results=(result, following)))
        weights, result = new, following
    return TransferResult(weights, tuple(measured), images, result)


def _carrier(applied: Pass) -> TransfersWeights:
    if isinstance(applied, TransfersWeights):
        return applied
    exact = applied.preserves in (Guarantee.OUTPUTS, Guarantee.INTERIOR)
    why = (
        "promises to keep outputs, but does not say how weights change"
        if exact
        else "makes another function of the network: no weights carry over"
    )
    raise error(
        "CTC407",
        f"`{applied.name}` {why}",
        hint="rewrite without --weights, then train; `ctcdsl passes` lists what keeps outputs",
    )
