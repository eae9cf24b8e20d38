"""What an exporter is: it writes a network for a runtime, and opens what it wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from torch import Tensor, nn
from torch.export import ExportedProgram

from ctcdsl.exporters.description import Description
from ctcdsl.recipe import Precision

Run = Callable[[Tensor], Tensor]
"""Logits (N, classes), float32, of a batch: uint8 pixels (N, 3, H, W), or float32 (N, C, H, W)
where the file has no preprocessing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """A network ready to be written: norms folded, branches fused, preprocessing at its front."""

    module: nn.Module
    """In evaluation mode. Its submodule `network` has the stages."""
    exported: ExportedProgram
    """The same, traced with a batch of any size."""
    example: Tensor
    """An input of two images."""
    description: Description
    calibration: tuple[Tensor, ...] = ()
    """Batches of training images, for an exporter that quantises."""


class Opened(NamedTuple):
    """A file that was opened: the text of its `Description`, and what runs it."""

    description: str
    run: Run


class Exporter(Protocol):
    """A target of `ctcdsl export`: a class without arguments, found by its entry point."""

    name: ClassVar[str]
    """Its word for `--target`."""
    summary: ClassVar[str]
    suffix: ClassVar[str]
    """Of the file, with the dot: a file is opened by the exporter whose suffix it has."""
    packages: ClassVar[tuple[str, ...]]
    """What it imports, beside torch."""
    extra: ClassVar[str]
    """The extra of ctcdsl that installs these."""
    quantises: ClassVar[bool]
    """Whether it needs `Program.calibration`."""
    precisions: ClassVar[tuple[Precision, ...]]
    """Those that `open` can compute in."""

    def write(self, program: Program, path: Path) -> None:
        """Write the file `path`, and what belongs beside it under the same stem.

        The folder is a temporary one, and has nothing else. The file must hold
        `program.description.to_text()`, so that `open` finds it again.
        """

    def open(self, path: Path, precision: Precision) -> Opened:
        """Open a file with as many threads as torch has; raise any error where it is damaged."""
