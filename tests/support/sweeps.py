"""A sweep of six small designs, as the command line writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ctcdsl.runs import log

WIDTHS = (2, 3, 4, 5, 6, 8)
RECIPE = ("--batch", "7", "--schedule", "4:0.02", "--resize", "14", "--device", "cpu")
Call = Callable[..., tuple[int, str, str]]


def sweep(*more: str, designs: tuple[int, ...] = WIDTHS) -> list[str]:
    specs = [f"w{width}.ctc" for width in designs]
    return ["sweep", *specs, "--data", "data", "--rungs", "1,2,4", "--eta", "2", *RECIPE, *more]


def epochs_of(folder: Path) -> dict[str, int]:
    return {f"W{width}": len(log.read(folder / f"W{width}")) for width in WIDTHS}
