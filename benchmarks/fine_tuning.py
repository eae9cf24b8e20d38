"""Fine-tuning against training from scratch: `python benchmarks/fine_tuning.py FOLDER`.

FOLDER has `train/CLASS` and `test/CLASS` with images of ten classes, such as CIFAR-10's. A network
is trained on the first five classes; then networks for the other five are trained on a few of
their images, from scratch and from that network, by one recipe with three seeds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import ctcdsl

SPEC = """net Small
input 3x24x24
style conv-bn-relu
conv1:   (3,16)
conv2_x: [ (3,16) (3,16) ]
conv3_x: [ (3,32)/2 (3,32) ]
conv4_x: [ (3,64)/2 (3,64) ]
head:    gap fc
"""
BASE: dict[str, Any] = {"batch": 64, "schedule": "4:0.05,2:0.005"}
NEW: dict[str, Any] = {"batch": 32, "schedule": "7:0.02,3:0.002"}
METHODS: dict[str, dict[str, Any]] = {
    "from scratch": {},
    "from scratch, rate 0.05": {"schedule": "7:0.05,3:0.005"},
    "fine-tuned": {"tuned": True},
    "fine-tuned, `--lr-scale head=10`": {"tuned": True, "lr_scale": "head=10"},
    "fine-tuned, `--freeze conv1,conv2_x`": {"tuned": True, "freeze": "conv1,conv2_x"},
    "the head alone: all else frozen": {"tuned": True, "freeze": "conv1,conv2_x,conv3_x,conv4_x"},
}
SEEDS = 3
SHOWN = (1, 2, 3, 5, 10)


def subset(source: Path, target: Path, classes: Sequence[str], train: int, test: int) -> Path:
    """A folder with links to the first images of some classes."""
    for split, most in (("train", train), ("test", test)):
        for name in classes:
            place = target / split / name
            place.mkdir(parents=True)
            for image in islice(sorted((source / split / name).iterdir()), most):
                (place / image.name).symlink_to(image)
    return target


def main(source: Path, work: Path, base_images: int, images: int, test: int) -> None:
    names = sorted(entry.name for entry in (source / "train").iterdir())
    old, new = names[:5], names[5:10]
    first = subset(source, work / "old", old, base_images, test)
    second = subset(source, work / "new", new, images, test)
    spec = work / "small.ctc"
    spec.write_text(SPEC, encoding="utf-8")
    base = ctcdsl.train(spec, first, run=work / "base", recipe="small", **BASE)
    assert base.scores is not None
    print(f"Base: {5 * base_images} images of {', '.join(old)}; ", end="")
    print(f"top-1 error {100 * base.scores.top1_error:.1f} % after {len(base.log)} epochs.")
    print(f"Then {5 * images} images of {', '.join(new)}, tested on {5 * test}.\n")
    errors: dict[str, list[list[float]]] = {method: [] for method in METHODS}
    for seed in range(SEEDS):
        for number, (method, options) in enumerate(METHODS.items()):
            more = {key: value for key, value in options.items() if key != "tuned"}
            run = ctcdsl.train(
                spec,
                second,
                weights=base if options.get("tuned") else None,
                run=work / f"run{number}" / f"seed{seed}",
                recipe="small",
                seed=seed,
                **{**NEW, **more},
            )
            errors[method].append([100 * row.test_top1_error for row in run.log])
    scratch = min(mean(run[-1] for run in errors[method]) for method in list(METHODS)[:2])
    titles = [f"epoch {epoch}" for epoch in SHOWN]
    print(f"| top-1 error, % | {' | '.join(titles)} | as good as the best from scratch after |")
    print(f"|---|{'---:|' * len(SHOWN)}---:|")
    for method, runs in errors.items():
        cells = [
            f"{mean(run[epoch - 1] for run in runs):.1f} ± "
            f"{stdev(run[epoch - 1] for run in runs):.1f}"
            for epoch in SHOWN
        ]
        means = [mean(run[epoch] for run in runs) for epoch in range(len(runs[0]))]
        reached = next((n for n, error in enumerate(means, 1) if error <= scratch + 1e-9), None)
        after = "never" if reached is None else f"{reached} epochs"
        print(f"| {method} | {' | '.join(cells)} | {after} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base-images", type=int, default=4000, help="a class, for the base")
    parser.add_argument("--images", type=int, default=300, help="a class, for the others")
    parser.add_argument("--test", type=int, default=200, help="a class")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        main(
            Path(os.path.abspath(given.folder)),
            Path(folder),
            given.base_images,
            given.images,
            given.test,
        )
