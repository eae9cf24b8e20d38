"""Weights that `ctcdsl rewrite` carries along: read, taken through the chain, written."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from ctcdsl.checking import Network, check_source
from ctcdsl.cli.report import show
from ctcdsl.passes import Pass, Step
from ctcdsl.text import Diagnostic, Severity, Source, UserError
from ctcdsl.text.files import write_atomic

if TYPE_CHECKING:
    from torch import Tensor

    from ctcdsl.passes.weights import Exactness


class Cargo(NamedTuple):
    """What came of weights: how exact each step was, and the file of the new ones.

    `rounding` is how far the outputs move because the file's numbers are `precision`.
    """

    measured: tuple[Exactness, ...]
    file: bytes
    tensors: int
    precision: str
    rounding: float

    @property
    def summary(self) -> str:
        """What is said of the file."""
        return (
            f"{self.tensors} tensors, rounded to {self.precision}: the outputs move by"
            f" {self.rounding:.1e} of the largest"
        )


def with_cargo(data: dict[str, Any], cargo: Cargo | None) -> dict[str, Any]:
    """The plain data of a chain, with what was measured on its weights."""
    if cargo is None:
        return data
    for step, measured in zip(data["steps"], cargo.measured, strict=True):
        step["weights"] = {
            "compared": "interior" if measured.interior else "outputs",
            "difference": measured.difference,
            "exact": measured.exact,
        }
    file = {"tensors": cargo.tensors, "precision": cargo.precision, "rounding": cargo.rounding}
    return {**data, "weights": file}


def require_cargo(passes: Iterable[Pass]) -> None:
    """Refuse, before anything is computed, what cannot carry weights.

    Raises:
        UserError: CTC615 without the packages for it, CTC407 where a pass carries none.
    """
    for package in ("torch", "safetensors"):
        if find_spec(package) is None:
            raise UserError(
                Diagnostic(
                    code="CTC615",
                    message=f"weights need the package {package}, which is not installed",
                    hints=("pip install 'ctcdsl[train]'",),
                )
            )
    from ctcdsl.passes.weights import require_carriers

    require_carriers(passes)


def carry(file: str, start: Network, steps: Sequence[Step], text: str) -> Cargo:
    """Take the weights in a file through a chain.

    Args:
        file: The weights of the first network, as its generated module names them.
        start: That network.
        steps: The chain.
        text: The spec of the last network: its module's names are those of the new weights.

    Raises:
        UserError: CTC408 where they are another network's, CTC409 where they cannot be read,
            CTC418 where they are not finite.
    """
    gc.enable()  # networks of this size are worth collecting
    from ctcdsl.passes.weights import carry_through, joined, split
    from ctcdsl.passes.weights.files import as_bytes, precision, rounded
    from ctcdsl.passes.weights.probe import difference, outputs
    from ctcdsl.passes.weights.tensors import in_order, keys, require_finite
    from ctcdsl.passes.weights.wrappers import unwrapped

    tensors, removed = unwrapped(keys(start), _tensors(file))
    if removed:
        show([_note(file, removed)])
    journey = carry_through(steps, split(start, tensors, file))
    kind = precision(tensors)
    end = steps[-1].after
    new = rounded(journey.weights, kind)
    back = rounded(new, journey.images.dtype)
    moved = difference(journey.result, outputs(end, back, journey.images))
    (written,) = check_source(Source("", text)).networks
    state = joined(written, in_order(end, new))
    require_finite(state, file, f", once rounded to {str(kind).removeprefix('torch.')}")
    name = str(kind).removeprefix("torch.")
    return Cargo(journey.measured, as_bytes(state), len(state), name, moved or 0.0)


def _note(file: str, removed: Sequence[str]) -> Diagnostic:
    parts = " and ".join(f"`{part}`" for part in dict.fromkeys(removed))
    return Diagnostic(
        code="CTC417",
        message=f"{parts} left out of the names of the weights: a wrapper's, not the network's",
        path=file,
        severity=Severity.NOTE,
    )


def write_both(spec: str | None, text: str, weights: str, cargo: Cargo) -> None:
    """Write weights and, where it has a file, the spec: neither where one cannot be written."""
    if spec is None:
        write_atomic(weights, cargo.file)
        return
    if os.path.isdir(spec):
        write_atomic(spec, text.encode())  # fails before the weights are there

    def write(file: IO[bytes]) -> None:
        file.write(text.encode())
        write_atomic(weights, cargo.file)

    write_atomic(spec, write)


def _tensors(file: str) -> dict[str, Tensor]:
    """The tensors of a file, or those of a run's newest checkpoint."""
    if os.path.isdir(file):
        from ctcdsl.runs.checkpoint import load

        return load(Path(file)).model
    from ctcdsl.passes.weights.files import read_tensors

    return read_tensors(file)


def require_places(weights: str | None, weights_out: str | None, output: str | None) -> None:
    """Refuse options that cannot all be meant."""
    if weights_out is not None and weights is None:
        raise click.UsageError("--weights-out writes what --weights reads: give both")
    if weights_out is not None and weights_out == output:
        raise click.UsageError("-o and --weights-out name one file")
