"""A small network and a few images, for the tests of the commands that train and test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SPEC = "net Tiny\ninput 3x16x16\n(3,8)/2 2/2 (3,16)\nhead: gap drop(0.1) fc\n"
OPTIONS = ["--recipe", "small", "--batch", "8", "--schedule", "2:0.01", "--device", "cpu"]


def make_images(folder: Path, classes: tuple[str, ...] = ("blue", "red"), count: int = 6) -> Path:
    """A folder of training and test images whose class is their colour."""
    noise = np.random.default_rng(0)
    for split in ("train", "test"):
        for label, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True)
            for k in range(count):
                pixels = noise.integers(0, 80, (20, 24, 3), dtype=np.uint8)
                pixels[..., label % 3] += 150
                Image.fromarray(pixels).save(place / f"{k}.jpg")
    return folder


def make_place(folder: Path) -> Path:
    """The network and the images in a folder."""
    (folder / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    make_images(folder / "data")
    return folder


def train(place: Path, *more: str | Path) -> list[str | Path]:
    return [
        *("train", place / "tiny.ctc", "--data", place / "data", "--run", place / "run"),
        *OPTIONS,
        *more,
    ]


def evaluate(place: Path, *more: str | Path) -> list[str | Path]:
    return [
        *("eval", place / "tiny.ctc", place / "run"),
        *("--data", place / "data", "--device", "cpu"),
        *more,
    ]


def weights(run: Path) -> dict[str, Any]:
    from ctcdsl.runs.checkpoint import load

    return load(run).model


def same(first: Path, second: Path) -> bool:
    import torch

    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
