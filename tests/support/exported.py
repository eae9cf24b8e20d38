"""A run of two epochs, and what was exported of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import ctcdsl
from ctcdsl.exporters.registry import find_exporter
from tests.support.small import make_images

SPEC = """net Tiny
input 3x16x16
style conv-bn-relu
conv1: (3,8)/2
conv2_x: [ (3,8) (3,8) ]
head: gap drop(0.1) fc
"""
CLASSES = ("blue", "green", "red")


def make_run(place: Path) -> ctcdsl.Run:
    """A run in `place`, of a residual network, on images whose class is their colour."""
    spec = place / "tiny.ctc"
    spec.write_text(SPEC, encoding="utf-8")
    data = make_images(place / "data", CLASSES, count=8)
    return ctcdsl.train(
        spec, data, run=place / "run", recipe="small", batch=8, schedule="3:0.02", device="cpu"
    )


def need(target: str) -> None:
    """Skip the test where the target's packages are not installed."""
    try:
        find_exporter(target)
    except ctcdsl.UserError as missing:
        pytest.skip(missing.diagnostics[0].message)
