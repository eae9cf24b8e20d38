"""Images a second from a folder to batches: the usual way, from files, and from packs.

python benchmarks/decode.py FOLDER [--seconds 2] [--rounds 3]

FOLDER contains images, at any depth; they are read from memory after the first round, since this
measures decoding and not the disk. Each scales the shorter side to 256 and cuts 224 x 224.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

import torch
from usual import Usual, loader

from ctcdsl.images import decode
from ctcdsl.images.batches import training_batches
from ctcdsl.images.colour import Statistics, colour_shift, measure, preprocess
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.packing import PackOptions, pack
from ctcdsl.images.packs import Encoding, open_pack
from ctcdsl.images.skipped_files import SUFFIXES
from ctcdsl.recipe import Recipe

BATCH, CROP, SHORTER, CLASSES = 50, 224, 256, 1000
simplejpeg = vars(decode)["simplejpeg"]  # None where it is not installed
Epochs = Callable[[int], Iterable[int]]
"""The sizes of an epoch's batches."""


def usual(folder: ImageFolder, workers: int) -> Epochs:
    images = Usual(folder.root, folder, (CROP, CROP), SHORTER)
    batches = loader(images, BATCH, workers, shuffle=True)

    def epoch(number: int) -> Iterator[int]:
        for values, _ in batches:
            yield len(values)

    return epoch


def ours(
    images: ImageSet, workers: int, colours: Statistics | None = None, *, fast: bool = False
) -> Epochs:
    """Batches of uint8 as they go to a device; with `colours` also what the device does, here.

    `fast` decodes by simplejpeg, where it is installed.
    """
    recipe = Recipe(batch=BATCH, workers=workers, resize=SHORTER)

    def epoch(number: int) -> Iterator[int]:
        with patch.object(decode, "simplejpeg", simplejpeg if fast else None):
            for batch in training_batches(images, recipe, crop=(CROP, CROP), epoch=number):
                if colours is not None:
                    shift = colour_shift(batch.colour_draws, colours, recipe.colour_sigma)
                    scale = recipe.pixel_divisor
                    preprocess(batch.pixels, colours, scale, shift, batch.mirrored)
                yield len(batch.labels)

    return epoch


def rate(epochs: Epochs, seconds: float, clock: Callable[[], float]) -> float:
    """Images a second over whole epochs, at least `seconds` of them."""
    images, number, began = 0, 1, clock()
    while clock() - began < seconds:
        images += sum(epochs(number))
        number += 1
    return images / (clock() - began)


def every_image(root: Path) -> ImageFolder:
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    files = tuple(str(path.relative_to(root)) for path in paths)
    # Labels in turn: a network with only one to learn would soon have gradients of zero.
    labels = tuple(number % CLASSES for number in range(len(files)))
    classes = tuple(map(str, range(CLASSES)))
    return ImageFolder(root=root, classes=classes, names=files, labels=labels)


def _nothing(*_: object) -> None:
    """Ignores progress."""


def packed(folder: ImageFolder, out: Path, encoding: Encoding) -> ImageSet:
    options = PackOptions(encoding=encoding, shorter=SHORTER)
    splits = {"all": folder}
    pack(splits, out, options, workers=2, max_corrupt=0.0, on_skipped=_nothing, progress=_nothing)
    return open_pack(out)["all"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = every_image(arguments.folder)
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        jpeg = packed(folder, Path(name) / "jpeg", "jpeg")
        raw = packed(folder, Path(name) / "raw", "raw")
        sizes = {kind: os.path.getsize(Path(name) / kind) / 1e3 for kind in ("jpeg", "raw")}
        stored = {"JPEG files": folder, "JPEG pack": jpeg, "raw pack": raw}
        colours = measure(folder, 50, shorter=SHORTER)
        print(
            f"{len(folder)} images; KB each: "
            + ", ".join(f"{kind} pack {size / len(folder):.0f}" for kind, size in sizes.items())
        )
        rates: dict[tuple[str, int], list[float]] = {}
        for _ in range(arguments.rounds):
            for count in (1, 2):
                os.sched_setaffinity(0, cores[:count])
                workers = 0 if count == 1 else count
                ways: dict[str, Epochs] = {
                    "usual: Pillow, float on the CPU, DataLoader": usual(folder, workers)
                }
                for name, images in stored.items():
                    ways[f"ctcdsl, {name}"] = ours(images, workers)
                    if simplejpeg and images is not raw:
                        ways[f"ctcdsl, {name} by simplejpeg"] = ours(images, workers, fast=True)
                for name, images in stored.items():
                    fast = images is not raw
                    ways[f"ctcdsl, {name}, to network input"] = ours(
                        images, workers, colours, fast=fast
                    )
                # One core by its own time, which others on the machine do not change; two by the
                # clock on the wall, since the usual way's workers are processes.
                clock = time.process_time if count == 1 else time.perf_counter
                for way, epochs in ways.items():
                    rates.setdefault((way, count), []).append(
                        rate(epochs, arguments.seconds, clock)
                    )
    print("\n| images a second (median) | one core | ratio | two cores | ratio |")
    print("|---|---:|---:|---:|---:|")
    ways_in_order = list(dict.fromkeys(way for way, _ in rates))
    for way in ways_in_order:
        cells = []
        for count in (1, 2):
            mine, base = rates[way, count], rates[ways_in_order[0], count]
            ratio = statistics.median(map(float.__truediv__, mine, base))
            cells += [f"{statistics.median(mine):,.0f}", f"{ratio:.1f}"]
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
