"""Weights through a chain of passes, measured at each step, for the spec that it ends in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from ctcdsl.checking import Network
from ctcdsl.passes.base import Guarantee, Pass
from ctcdsl.passes.manager import Step
from ctcdsl.passes.weights.equivalence import Exactness, verify_outputs
from ctcdsl.passes.weights.files import as_bytes, precision, rounded
from ctcdsl.passes.weights.probe import difference, outputs, random_images
from ctcdsl.passes.weights.tensors import (
    Weights,
    from_state,
    require_finite,
    state_names,
    to_state,
)
from ctcdsl.passes.weights.wrappers import unwrapped
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import Diagnostic, Severity, error


@runtime_checkable
class TransfersWeights(Protocol):
    """A pass that knows the weights of its network.

    `weights` are tensors by layer and role, in float64, not to be changed in place; those
    returned have every layer of `after`.
    """

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the network that the pass made."""
        ...


def require_transfer(passes: Iterable[Pass]) -> None:
    """Fail (CTC407) for passes that transfer no weights, before anything is computed."""
    for applied in passes:
        _transferring(applied)


def step_weights(step: Step, weights: Weights) -> Weights:
    """The weights after a step."""
    return _transferring(step.applied).transfer_weights(step.before, step.after, weights)


class TransferResult(NamedTuple):
    """Weights after a chain, how exact each step was, and the outputs of the last network."""

    weights: Weights
    measured: tuple[Exactness, ...]
    images: Tensor
    result: Tensor


def transfer_chain(steps: Sequence[Step], weights: Weights) -> TransferResult:
    """Transfer weights through a chain, and measure each step.

    Raises:
        UserError: CTC407 where a pass transfers no weights, CTC410 where one broke its
            guarantee, CTC418 where the network computes no finite numbers with them.
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
        new = step_weights(step, weights)
        following = outputs(step.after, new, images)
        measured.append(verify_outputs(step, weights, new, results=(result, following)))
        weights, result = new, following
    return TransferResult(weights, tuple(measured), images, result)


class TransferredWeights(NamedTuple):
    """The weights of a rewritten network, and how exact each step was.

    `state` are its tensors, as its generated module names them, in the `precision` of the
    weights given; `rounding` is how far the outputs move because of that.
    """

    measured: tuple[Exactness, ...]
    state: dict[str, Tensor]
    precision: str
    rounding: float
    notes: tuple[Diagnostic, ...] = ()

    @property
    def file(self) -> bytes:
        """The tensors as a safetensors file."""
        return as_bytes(self.state)

    def save(self, path: str, spec: str | None, text: str) -> None:
        """Write the weights and, where it has a file, the spec: both or neither."""
        if spec is None:
            write_atomic(path, self.file)
            return
        if os.path.isdir(spec):
            write_atomic(spec, text.encode())  # fails before the weights are there

        def write(file: IO[bytes]) -> None:
            file.write(text.encode())
            write_atomic(path, self.file)

        write_atomic(spec, write)

    def as_json(self) -> dict[str, Any]:
        """What is reported of the tensors, as plain data."""
        return {
            "tensors": len(self.state),
            "precision": self.precision,
            "rounding": self.rounding,
        }

    @property
    def summary(self) -> str:
        """What is reported of the tensors."""
        return (
            f"{len(self.state)} tensors, rounded to {self.precision}: the outputs move by"
            f" {self.rounding:.1e} of the largest"
        )


def transfer_state(
    steps: Sequence[Step], written: Network, tensors: Mapping[str, Tensor], file: str
) -> TransferredWeights:
    """Transfer a state dict through a chain.

    Args:
        steps: The chain.
        written: The last network as read from its spec: its module names the new weights.
        tensors: The weights of the first network, as its generated module names them.
        file: Where they come from, for messages.

    Raises:
        UserError: CTC408 where they are another network's, CTC418 where they are not finite.
    """
    start, end = steps[0].before, steps[-1].after
    state, removed = unwrapped(state_names(start), tensors)
    transfer = transfer_chain(steps, from_state(start, state, file))
    kind = precision(state)
    name = str(kind).removeprefix("torch.")
    weights = rounded(transfer.weights, kind)
    computed = outputs(end, rounded(weights, transfer.images.dtype), transfer.images)
    rounding = difference(transfer.result, computed) or 0.0
    state = to_state(end, weights, written=written)
    require_finite(state, file, f", once rounded to {name}")
    notes = (_note(file, removed),) if removed else ()
    return TransferredWeights(transfer.measured, state, name, rounding, notes)


def _transferring(applied: Pass) -> TransfersWeights:
    if isinstance(applied, TransfersWeights):
        return applied
    exact = applied.preserves in (Guarantee.OUTPUTS, Guarantee.INTERIOR)
    why = (
        "guarantees the outputs, but does not say how weights change"
        if exact
        else "computes another function: its weights cannot be transferred"
    )
    raise error(
        "CTC407",
        f"`{applied.name}` {why}",
        hint="rewrite without --weights, then train; `ctcdsl passes` lists what keeps outputs",
    )


def _note(file: str, removed: Sequence[str]) -> Diagnostic:
    parts = " and ".join(f"`{part}`" for part in dict.fromkeys(removed))
    return Diagnostic(
        code="CTC417",
        message=f"{parts} left out of the names of the weights: a wrapper's, not the network's",
        path=file,
        severity=Severity.NOTE,
    )
