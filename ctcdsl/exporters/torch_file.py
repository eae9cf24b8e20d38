"""The target `torch-export`: a program that PyTorch alone loads, without the network's code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ctcdsl.exporters.base import Opened, Program
from ctcdsl.exporters.description import KEY
from ctcdsl.exporters.quiet import quiet
from ctcdsl.recipe import Precision

_ENTRY = f"{KEY}.json"


class TorchExporter:
    """A file of torch.export: `torch.export.load(FILE).module()`."""

    name: ClassVar[str] = "torch-export"
    summary: ClassVar[str] = "a program of torch.export, for PyTorch and its compilers"
    suffix: ClassVar[str] = ".pt2"
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = "train"
    quantises: ClassVar[bool] = False
    precisions: ClassVar[tuple[Precision, ...]] = ("float32", "bf16")

    def write(self, program: Program, path: Path) -> None:
        """Write one file, its weights inside."""
        files = {_ENTRY: program.description.to_text()}
        torch.export.save(program.exported, path, extra_files=files)

    def open(self, path: Path, precision: Precision) -> Opened:
        """Load it as a module; bf16 by autocast."""
        files: dict[str, Any] = {_ENTRY: ""}
        with quiet("torch.export"):
            module = torch.export.load(path, extra_files=files).module()

        def run(batch: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                logits: Tensor = module(batch)
            return logits.float()

        return Opened(files[_ENTRY], run)
