"""Seconds per mini-batch of 128 of the paper's networks and their peers: Tables 5 and 6.

    python -m benchmarks.paper_times [--rounds 2] [-o benchmarks/paper_times.json] [NETWORK…]

A training step and a forward pass as `ctcdsl bench` times them, in processor time on one thread,
which other programs disturb least. Each training step is divided by those of J' just before and
after it. The shares of the layers are by torch's profiler, of one step more. Each network has a
process of its own, since the allocator keeps the memory of the ones before. What the file holds
already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

import ctcdsl
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.timing.bench import steady
from ctcdsl.timing.clock import clock_for
from ctcdsl.timing.device import this_device
from ctcdsl.timing.tasks import Execution, Task, prepare

CPU = torch.device("cpu")
CONTEXT = get_context("spawn")
EXECUTION, CLOCK = Execution(CPU, "float32", "off"), clock_for(CPU, threads=1)
BATCH = 128
STEPS = {"vgg16": 4}
"""Steps that a mini-batch is divided into, where 128 images take 11 GB; the paper took two."""
BASE = "J'"
NETWORKS = (
    *("alexnet_ungrouped", "zf_fast", "cnn_f", "sppnet_zf5"),
    *("cnn_m", "cnn_s", "sppnet_o5", "sppnet_o7", "vgg16", "googlenet", "alexnet"),
    *("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "B'", "D'", "E'"),
)
KINDS = {
    "convolution": ("conv",),
    "fc": ("aten::addmm", "aten::mm"),
    "pooling": ("aten::max_pool2d",),
}
"""Parts of the names of torch's operations; the rest is all else."""


def main() -> None:
    """Measure what the file lacks, and write it after each network."""
    parser = argparse.ArgumentParser(description="Seconds per mini-batch of 128.")
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/paper_times.json"))
    options = parser.parse_args()
    for number in range(1, options.rounds + 1):
        for name in (BASE, *options.networks):
            worker = CONTEXT.Process(target=measure_missing, args=(options.output, name, number))
            worker.start()
            worker.join()
            if worker.exitcode:
                parser.exit(worker.exitcode, f"{name} was not measured\n")


def measure_missing(file: Path, name: str, rounds: int) -> None:
    """Measure a network where the file has less than so many rounds of it, and write the file."""
    device = this_device(CPU, 1, "float32", "off").as_json()
    found: dict[str, Any] = {"device": device, "batch": BATCH, "times": {}}
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
    if found["device"] != device:
        sys.exit(f"{file} was measured on another device: remove it first")
    times = found["times"].setdefault(name, {"train": [], "test": [], "relative": []})
    if len(times["train"]) >= rounds:
        return
    with steady(CPU, threads=1):
        base, _ = work_of(BASE, "train")
        base()
        measure(name, base, times)
    print(name, times, flush=True)
    write_atomic(str(file), (json.dumps(found, indent=1) + "\n").encode())


def measure(name: str, base: Callable[[], object], times: dict[str, Any]) -> None:
    """Add a measurement of a network to its times."""
    work, steps = work_of(name, "train")
    work()  # the first allocates
    before, train, after = (seconds(each) for each in (base, work, base))
    times["train"].append(round(steps * train, 3))
    times["relative"].append(round(2 * steps * train / (before + after), 4))
    if "shares" not in times:
        times["shares"] = shares(work)
    del work
    work, steps = work_of(name, "forward")
    work()
    times["test"].append(round(steps * seconds(work), 3))


def work_of(name: str, task: Task) -> tuple[Callable[[], object], int]:
    """A task of a network, and how often it is done for a mini-batch."""
    steps = STEPS.get(name, 1)
    return prepare(task, ctcdsl.load(name), BATCH // steps, EXECUTION).run, steps


def seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    return CLOCK.time(work)[0]


def shares(work: Callable[[], object]) -> dict[str, float]:
    """The share of each kind of layer in the processor's time, forward and backward."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work()
    sums = dict.fromkeys((*KINDS, "else"), 0.0)
    for event in profiled.key_averages():
        kinds = (kind for kind, parts in KINDS.items() if any(part in event.key for part in parts))
        sums[next(kinds, "else")] += event.self_cpu_time_total
    total = sum(sums.values())
    return {kind: round(time / total, 4) for kind, time in sums.items()}


if __name__ == "__main__":
    main()
