"""Weights taken through a chain of passes, for the spec that the chain ends in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, NamedTuple

from torch import Tensor

from ctcdsl.checking import Network
from ctcdsl.passes.manager import Step
from ctcdsl.passes.weights.equivalence import Exactness
from ctcdsl.passes.weights.files import as_bytes, precision, rounded
from ctcdsl.passes.weights.probe import difference, outputs
from ctcdsl.passes.weights.tensors import in_order, joined, keys, require_finite, split
from ctcdsl.passes.weights.transfer import carry_through
from ctcdsl.passes.weights.wrappers import unwrapped
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import Diagnostic, Severity


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


def transfer_weights(
    steps: Sequence[Step], written: Network, tensors: Mapping[str, Tensor], file: str
) -> TransferredWeights:
    """Take weights through a chain.

    Args:
        steps: The chain.
        written: The last network as read from its spec: its module names the new weights.
        tensors: The weights of the first network, as its generated module names them.
        file: Where they come from, for messages.

    Raises:
        UserError: CTC408 where they are another network's, CTC418 where they are not finite.
    """
    start, end = steps[0].before, steps[-1].after
    own, removed = unwrapped(keys(start), tensors)
    transfer = carry_through(steps, split(start, own, file))
    kind = precision(own)
    name = str(kind).removeprefix("torch.")
    new = rounded(transfer.weights, kind)
    back = rounded(new, transfer.images.dtype)
    moved = difference(transfer.result, outputs(end, back, transfer.images))
    state = joined(written, in_order(end, new))
    require_finite(state, file, f", once rounded to {name}")
    notes = (_note(file, removed),) if removed else ()
    return TransferredWeights(transfer.measured, state, name, moved or 0.0, notes)


def _note(file: str, removed: Sequence[str]) -> Diagnostic:
    parts = " and ".join(f"`{part}`" for part in dict.fromkeys(removed))
    return Diagnostic(
        code="CTC417",
        message=f"{parts} left out of the names of the weights: a wrapper's, not the network's",
        path=file,
        severity=Severity.NOTE,
    )
