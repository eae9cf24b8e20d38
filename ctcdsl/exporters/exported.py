"""A file that was exported, opened again: a module that takes what the file takes."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor, nn

from ctcdsl.exporters.base import Exporter, Run
from ctcdsl.exporters.description import Description
from ctcdsl.exporters.registry import exporter_of
from ctcdsl.recipe import Precision
from ctcdsl.text import UserError, error


class ExportedModel(nn.Module):
    """Logits (N, classes) by a runtime. Pixels are uint8 RGB (N, 3, H, W), not normalised."""

    def __init__(self, run: Run, description: Description, path: Path) -> None:
        super().__init__()
        self.run, self.description, self.path = run, description, path

    def forward(self, batch: Tensor) -> Tensor:
        """Compute a batch on the CPU."""
        return self.run(batch)


def open_exported(
    path: str | os.PathLike[str],
    precision: Precision = "float32",
    *,
    exporter: Exporter | None = None,
) -> ExportedModel:
    """Open a file of `ctcdsl export`.

    Args:
        path: The file.
        precision: What its runtime computes in, as far as the file is not int8.
        exporter: What opens it; by default found by the file's suffix.

    Raises:
        UserError: CTC765 it is missing, damaged, or not exported by ctcdsl; CTC615 its runtime is
            not installed; CTC605 the runtime does not compute in this precision.
    """
    path = Path(path)
    exporter = exporter or exporter_of(path)
    if not path.is_file():
        raise _unreadable(path, "there is no such file")
    if precision not in exporter.precisions:
        known = " or ".join(exporter.precisions)
        message = f"files of {exporter.name} do not compute in {precision}"
        raise error("CTC605", message, path=path, hint=f"leave it out, or ask for {known}")
    try:
        opened = exporter.open(path, precision)
        description = Description.from_text(opened.description)
    except Exception as cause:  # each runtime has errors of its own
        lines = [line.strip() for line in str(cause).splitlines()]
        lines = [line for line in lines if line and not line.endswith(":")]
        note = f"{exporter.name}: {lines[0] if lines else type(cause).__name__}"
        raise _unreadable(
            path, "the file is damaged, or is not of `ctcdsl export`", note
        ) from cause
    return ExportedModel(opened.run, description, path)


def require_pixels(model: ExportedModel) -> Description:
    """The description of a file that takes images. Raises `UserError` CTC767 for another."""
    if model.description.preprocessing is None:
        raise error(
            "CTC767",
            "the file does not say how pixels become its input",
            path=model.path,
            hint="export a run, or give --mean and --std when you export",
        )
    return model.description


def _unreadable(path: Path, message: str, note: str = "") -> UserError:
    hint = "export it again with `ctcdsl export`"
    return error("CTC765", message, path=path, notes=(note,), hint=hint)
