"""Kills a small training on the CPU at random points, resumes it, and compares with one left alone.

    python -m benchmarks.kill --kills 50

Every process is ended by SIGKILL at a moment of its own: inside steps, inside tests, while a
checkpoint is written, while it starts. After each, the newest checkpoint must verify wherever one
had been written. In the end the weights, the momenta, the random numbers and the log must be those
of a run that was not killed, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import log, store
from ctcdsl.text.diagnostic import UserError

SPEC = "net Small\ninput 3x32x32\n(3,32)/2 3/2 (3,64) (3,64)\nhead: gap drop(0.2) fc\n"
TIMES = ("images_per_second", "data_wait", "seconds")
CHILD = """
import signal, sys
from ctcdsl.runs import log, store
from ctcdsl.training import validation
marker = open(sys.argv[1], "w")
def mark(word):
    marker.seek(0); marker.truncate(); marker.write(word); marker.flush()
def marked(module, name, word):
    inner = getattr(module, name)
    def call(*arguments, **named):
        mark(word)
        try:
            return inner(*arguments, **named)
        finally:
            mark("in training")
    setattr(module, name, call)
marked(validation, "evaluate", "in a test")
marked(store, "write_folder_atomic", "writing a checkpoint")
marked(log, "write", "writing the log")
mark("starting")
from ctcdsl.cli.main import main
main(sys.argv[2:])
"""


class KillReport(NamedTuple):
    """What happened to the runs."""

    kills: Counter[str]
    """How often the process was killed during which work."""
    lost: int
    """Kills after which no checkpoint verified although one had been written."""
    damaged: int
    """Checkpoints that did not verify, in all."""
    equal: bool
    """Whether the run ended as the one that was not killed."""


def make(folder: Path, images: int = 24, classes: int = 3) -> None:
    """A spec, and noisy images whose colour tells their class."""
    (folder / "small.ctc").write_text(SPEC, encoding="utf-8")
    noise = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in range(classes):
            place = folder / "data" / split / f"class{label}"
            place.mkdir(parents=True)
            for index in range(images):
                pixels = noise.integers(0, 120, (40, 48, 3), dtype=np.uint8)
                pixels[..., label] += 60
                Image.fromarray(pixels).save(place / f"{index}.jpg")


def start(folder: Path, run: str, epochs: int, *more: str) -> subprocess.Popen[bytes]:
    """Training of the spec in `folder`, which saves after every third step."""
    return subprocess.Popen(
        [
            *(sys.executable, "-c", CHILD, str(folder / f"{run}.doing")),
            *("train", str(folder / "small.ctc"), "--data", str(folder / "data")),
            *("--run", str(folder / run), "--epochs", str(epochs), "--batch", "8"),
            *("--schedule", "3:0.01,9:0.001", "--recipe", "small", "--device", "cpu"),
            *("--auto-resume", "--checkpoint-every", "3", *more),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def kill_repeatedly(folder: Path, kills: int, epochs: int, workers: int, seed: int) -> KillReport:
    """Kill a run `kills` times, then let it end, and compare."""
    chance, killed_while = random.Random(seed), Counter[str]()
    lost, damaged, equal = 0, 0, True
    finish(start(folder, "complete", epochs))
    run = folder / "killed"
    while sum(killed_while.values()) < kills:
        saved = store.numbers(run)
        process = start(folder, "killed", epochs, "--workers", str(workers))
        wait_until_busy(process, folder / "killed.doing", chance)
        if process.poll() is not None:  # it was done: start again
            finish(process)
            equal &= compare(folder)
            shutil.rmtree(run)
            continue
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed_while[(folder / "killed.doing").read_text(encoding="utf-8") or "starting"] += 1
        warnings: list[object] = []
        try:
            checkpoints.load(run, warnings.append)
        except UserError:
            lost += bool(saved)
        damaged += len(warnings)
    finish(start(folder, "killed", epochs, "--workers", str(workers)))
    return KillReport(killed_while, lost, damaged, equal and compare(folder))


def wait_until_busy(process: subprocess.Popen[bytes], doing: Path, chance: random.Random) -> None:
    """Wait for a random moment; three times out of five for one during a certain work."""
    target = chance.choice(["", "", "in a test", "writing a checkpoint", "writing the log"])
    deadline = time.monotonic() + 60
    doing.write_text("", encoding="utf-8")
    while process.poll() is None and time.monotonic() < deadline:
        now = doing.read_text(encoding="utf-8")
        if now == target if target else now not in ("", "starting"):
            break
        time.sleep(0.0005)
    time.sleep(chance.random() * (0.004 if target else 0.4))


def finish(process: subprocess.Popen[bytes]) -> None:
    """Let a training end by itself."""
    _, output = process.communicate()
    if process.returncode:
        raise SystemExit(output.decode())


def compare(folder: Path) -> bool:
    """Whether both runs have the same weights, momenta, random numbers and log."""
    complete, killed = checkpoints.load(folder / "complete"), checkpoints.load(folder / "killed")
    tensors = [
        [
            *saved.model.values(),
            *(state["momentum_buffer"] for state in saved.optimizer["state"].values()),
            *saved.rng,
        ]
        for saved in (complete, killed)
    ]
    logs = [
        [
            {name: value for name, value in json.loads(line).items() if name not in TIMES}
            for line in (folder / run / log.JSONL).read_text(encoding="utf-8").splitlines()
        ]
        for run in ("complete", "killed")
    ]
    return (
        complete.progress.position == killed.progress.position
        and logs[0] == logs[1]
        and all(torch.equal(*pair) for pair in zip(*tensors, strict=True))
    )


def main() -> None:
    """Kill, and print a report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        report = kill_repeatedly(
            Path(name), arguments.kills, arguments.epochs, arguments.workers, arguments.seed
        )
    for work, count in report.kills.most_common():
        print(f"{count:4} killed {work}")
    print(f"{report.lost} left no checkpoint; {report.damaged} checkpoints did not verify")
    print("the run ended as one that was not killed" if report.equal else "THE RUNS DIFFER")
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(not report.equal or report.lost > 0)


if __name__ == "__main__":
    main()
