"""The weights of `ctcdsl rewrite`: read, transferred through the chain, written."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

import click

from ctcdsl.checking import Network
from ctcdsl.cli.report import show
from ctcdsl.passes import Pass, Step
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import Diagnostic, UserError

if TYPE_CHECKING:
    from ctcdsl.passes.weights.transferred import TransferredWeights


def with_weights(data: dict[str, Any], weights: TransferredWeights | None) -> dict[str, Any]:
    """The plain data of a chain, with what was measured on its weights."""
    if weights is None:
        return data
    for step, measured in zip(data["steps"], weights.measured, strict=True):
        step["weights"] = {
            "compared": "interior" if measured.interior else "outputs",
            "difference": measured.difference,
            "exact": measured.exact,
        }
    found = {
        "tensors": len(weights.state),
        "precision": weights.precision,
        "rounding": weights.rounding,
    }
    return {**data, "weights": found}


def require_transfer(passes: Iterable[Pass]) -> None:
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


def transferred(file: str, start: Network, steps: Sequence[Step], text: str) -> TransferredWeights:
    """Take the weights in a file, or of a run, through a chain that ends in the spec `text`.

    Raises:
        UserError: CTC408 where they are another network's, CTC409 where they cannot be read,
            CTC418 where they are not finite.
    """
    gc.enable()  # networks of this size are worth collecting
    from ctcdsl.passes.weights.transferred import transfer_weights
    from ctcdsl.runs.checkpoint import read_weights

    found = transfer_weights(start, steps, text, read_weights(file), file)
    show(found.notes)
    return found


def write_both(spec: str | None, text: str, path: str, weights: TransferredWeights) -> None:
    """Write weights and, where it has a file, the spec: neither where one cannot be written."""
    if spec is None:
        write_atomic(path, weights.file)
        return
    if os.path.isdir(spec):
        write_atomic(spec, text.encode())  # fails before the weights are there

    def write(file: IO[bytes]) -> None:
        file.write(text.encode())
        write_atomic(path, weights.file)

    write_atomic(spec, write)


def require_places(weights: str | None, weights_out: str | None, output: str | None) -> None:
    """Refuse options that cannot all be meant."""
    if weights_out is not None and weights is None:
        raise click.UsageError("--weights-out writes what --weights reads: give both")
    if weights_out is not None and weights_out == output:
        raise click.UsageError("-o and --weights-out name one file")
