"""A forward pass and a training step with glibc's allocator as it is, and steady.

    python -m benchmarks.allocator [SPEC…] [--batch 8] [--rounds 15] [--threads 1]

Each is done by two processes in turn, so that a busy machine slows both: milliseconds of the clock
and of the processor, page faults, medians, and the most memory that a process held.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from resource import RUSAGE_SELF, getrusage
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple, Self

import torch

import ctcdsl
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.autotune import RANDOM_STATISTICS, random_pixels
from ctcdsl.execution.prepare import crop_of
from ctcdsl.execution.transfer import move_module
from ctcdsl.images.batches import Batch
from ctcdsl.recipe import Recipe
from ctcdsl.text.plural import plural
from ctcdsl.training.step import TrainStep

CPU = torch.device("cpu")
WORK = ("forward", "training step")
SPECS = ("zf_fast", "mobilenet_v2", "resnet50")
WARM_UP = 3


class Measured(NamedTuple):
    """One turn."""

    ms: float
    cpu_ms: float
    faults: int
    peak_mb: float


class Worker(NamedTuple):
    """A process that does the work once for each line that it reads."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, spec: str, work: str, options: argparse.Namespace, *, steady: bool) -> Self:
        """Start it, by this module."""
        command = [sys.executable, "-m", "benchmarks.allocator", spec, "--worker", work]
        command += ["--batch", str(options.batch), "--threads", str(options.threads)]
        command += ["--steady"] * steady
        pipe = subprocess.PIPE
        return cls(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))

    def turn(self) -> Measured:
        """What one turn took."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return Measured(*json.loads(self.process.stdout.readline()))


def main() -> None:
    """Measure and print a Markdown table, or be a worker."""
    parser = argparse.ArgumentParser(description="The allocator as it is, and steady.")
    parser.add_argument("specs", nargs="*", default=SPECS, metavar="SPEC")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--worker", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--steady", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        torch.set_num_threads(options.threads)
        with steady_allocator(CPU) if options.steady else nullcontext():
            serve(work_of(options.specs[0], options.worker, options.batch))
        return
    title = f"batch {options.batch}, {plural(options.threads, 'thread')}"
    print(f"| {title} | | ms | CPU ms | ratio | CPU | faults | peak MB |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for spec in options.specs:
        for work in WORK:
            print(row(spec, work, options), flush=True)


def row(spec: str, work: str, options: argparse.Namespace) -> str:
    """A row of the table; a ratio is the median of those of turns that follow each other."""
    workers = [Worker.start(spec, work, options, steady=steady) for steady in (False, True)]
    rounds = [[worker.turn() for worker in workers] for _ in range(options.rounds + WARM_UP)]
    for worker in workers:
        worker.process.communicate()
    rounds = rounds[WARM_UP:]

    def both(value: Callable[[Measured], float]) -> str:
        usual, steady = zip(*rounds, strict=True)
        return " → ".join(f"{median(map(value, side)):,.0f}" for side in (usual, steady))

    cells = (
        ctcdsl.load(spec).name,
        work,
        both(lambda turn: turn.ms),
        both(lambda turn: turn.cpu_ms),
        f"{median(steady.ms / usual.ms for usual, steady in rounds):.2f}",
        f"{median(steady.cpu_ms / usual.cpu_ms for usual, steady in rounds):.2f}",
        both(lambda turn: turn.faults),
        both(lambda turn: turn.peak_mb),
    )
    return f"| {' | '.join(cells)} |"


def work_of(spec: str, work: str, batch: int) -> Callable[[], object]:
    """The work of `spec` on images made up for it."""
    network = ctcdsl.load(spec)
    model = ctcdsl.build(network)
    move_module(model, CPU)
    pixels = random_pixels(batch, *crop_of(network))
    if work == "forward":
        inputs = pixels.float() / 58
        model.eval()
        return torch.inference_mode()(lambda: model(inputs))
    step = TrainStep(model.train(), Recipe(batch=batch), CPU)
    labels = torch.arange(batch) % network.classes
    images = Batch(pixels, labels, torch.zeros(batch, 3), torch.arange(batch) % 2 == 0)
    return lambda: step.step(images, RANDOM_STATISTICS[3]).result()


def serve(work: Callable[[], object]) -> None:
    """Do the work for each line of the standard input."""
    for _ in sys.stdin:
        faults, began, cpu_began = getrusage(RUSAGE_SELF).ru_minflt, perf_counter(), process_time()
        work()
        ms, cpu_ms = 1000 * (perf_counter() - began), 1000 * (process_time() - cpu_began)
        usage = getrusage(RUSAGE_SELF)
        print(
            json.dumps([ms, cpu_ms, usage.ru_minflt - faults, usage.ru_maxrss / 1024]), flush=True
        )


if __name__ == "__main__":
    main()
