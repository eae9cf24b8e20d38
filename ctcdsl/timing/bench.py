"""Times networks: every task of every network in turn, so that all share good and bad moments."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch

from ctcdsl.checking import Network
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.compiled import compile_as_error
from ctcdsl.execution.memory_errors import is_out_of_memory
from ctcdsl.execution.prepare import find_device
from ctcdsl.metrics.latency import Latency, predict
from ctcdsl.metrics.latency_table import LatencyTable
from ctcdsl.recipe import Compile, Precision
from ctcdsl.text import Diagnostic, Severity, error
from ctcdsl.text.plural import plural
from ctcdsl.timing.clock import Clock, Sample, clock_for
from ctcdsl.timing.device import Device, this_device
from ctcdsl.timing.layers import LayerClock
from ctcdsl.timing.results import Benchmark, Timing
from ctcdsl.timing.tasks import TITLES, Execution, Task, prepare

Progress = Callable[[str], None]
"""Called with what is done next."""

_WARM_UP = 2
"""Runs that do not count: caches fill, libraries choose their algorithms."""
NOISY = 0.1
"""A spread from which on a median is doubtful."""
BUSY = 0.05
"""A share of the time spent waiting for a processor from which on others are at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchConfig:
    """What is timed, and how."""

    tasks: tuple[Task, ...] = tuple(TITLES)
    batches: tuple[int, ...] = (1,)
    runs: int = 7
    threads: int = 1
    layers: bool = False
    precision: Precision = "float32"
    compile: Compile = "off"
    device: str = "cpu"
    latency: LatencyTable | None = None
    """Predicts the forward passes of its batch, too."""


class _Job(NamedTuple):
    """A task of a network on a batch, ready to run."""

    network: Network
    task: Task
    batch: int
    run: Callable[[], object]
    times: list[tuple[float, float]]
    layers: LayerClock | None

    @property
    def title(self) -> str:
        return f"{self.network.name}, {TITLES[self.task]} of {plural(self.batch, 'image')}"


def bench_networks(
    networks: Sequence[Network], config: BenchConfig, progress: Progress = lambda _: None
) -> Benchmark:
    """Time networks on random images.

    Raises:
        UserError: CTC616 there is no such device; CTC617 torch.compile fails; CTC622 memory does
            not suffice; CTC736 a task cannot be done with a network; CTC737 what is timed is not
            what the latency table is of, CTC734 the table has no times of an operation.
    """
    if config.layers and (config.compile != "off" or "forward" not in config.tasks):
        compiled = config.compile != "off"
        raise error(
            "CTC736",
            "layers are timed in a forward pass"
            + (" that is not compiled: compiling joins them" if compiled else ""),
            hint="leave out --compile" if compiled else "--tasks forward",
        )
    device = find_device(config.device)
    if config.latency is not None:
        _require_same(config.latency, config, this_device(device, config.threads, "", "off"))
    clock = clock_for(device, config.threads)
    execution = Execution(device, config.precision, config.compile)
    with steady(device, config.threads):
        jobs: list[_Job] = []
        for network, batch, task in product(networks, config.batches, config.tasks):
            progress(f"{network.name}: {TITLES[task]} of {plural(batch, 'image')}")
            jobs.append(_prepared(network, task, batch, execution, clock, config.layers))
        for number in range(config.runs):
            progress(f"run {number + 1} of {config.runs}")
            for job in jobs:
                with _memory_as_error(job.title):
                    job.times.append(clock.time(job.run))
                    if job.layers is not None:
                        job.layers.run(job.run)
    timings = tuple(
        Timing(
            job.network,
            job.task,
            job.batch,
            _sample(job.times),
            job.layers.timings() if job.layers is not None else (),
            _predicted(job, config.latency),
        )
        for job in jobs
    )
    return Benchmark(
        this_device(device, config.threads, config.precision, config.compile),
        clock.title,
        timings,
        tuple(_doubts(timings)),
    )


def _require_same(table: LatencyTable, config: BenchConfig, device: Device) -> None:
    """Refuse to compare times with predictions for anything else."""
    differences = [
        f"it is of {theirs}, and this is {ours}"
        for theirs, ours in (
            (table.processor, device.processor),
            (f"torch {table.torch}", f"torch {device.torch}"),
            (plural(table.threads, "thread"), plural(device.threads, "thread")),
            ("float32", config.precision),
            ("modules that are not compiled", _compiled(config.compile)),
        )
        if theirs != ours
    ]
    if table.batch not in config.batches:
        batches = " and ".join(map(str, config.batches))
        differences.append(f"it is of a batch of {table.batch}, and this is {batches}")
    if "forward" not in config.tasks:
        differences.append("it is of forward passes, and there is none")
    if differences:
        raise error(
            "CTC737",
            "these times cannot be compared with the latency table",
            path=table.path or None,
            notes=differences,
            hint="measure as the table was, or make one for this: ctcdsl bench --table",
        )


def _compiled(compile: Compile) -> str:
    return "modules that are not compiled" if compile == "off" else "compiled modules"


def _predicted(job: _Job, table: LatencyTable | None) -> Latency | None:
    if table is None or job.task != "forward" or job.batch != table.batch:
        return None
    return predict(job.network, table)


@contextmanager
def steady(device: torch.device, threads: int) -> Iterator[None]:
    """Within this, so many threads compute, memory is kept, and nothing collects garbage."""
    before, collects = torch.get_num_threads(), gc.isenabled()
    torch.set_num_threads(threads)
    gc.collect()
    gc.disable()
    try:
        with steady_allocator(device):
            yield
    finally:
        torch.set_num_threads(before)
        if collects:
            gc.enable()


def _prepared(
    network: Network, task: Task, batch: int, execution: Execution, clock: Clock, layers: bool
) -> _Job:
    title = f"{network.name}, {TITLES[task]} of {plural(batch, 'image')}"
    with _memory_as_error(title):
        module, run = prepare(task, network, batch, execution)
        watched = LayerClock(network, module, clock) if layers and task == "forward" else None
        with compile_as_error(execution.compile):
            for _ in range(_WARM_UP):
                run()
    return _Job(network, task, batch, run, [], watched)


def _sample(times: Sequence[tuple[float, float]]) -> Sample:
    return Sample(tuple(seconds for seconds, _ in times), tuple(passed for _, passed in times))


@contextmanager
def _memory_as_error(title: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as cause:
        if not is_out_of_memory(cause):
            raise
        raise error(
            "CTC622",
            f"out of memory: {title}",
            hint="time fewer networks at once, fewer images, or other --tasks",
        ) from cause


def _doubts(timings: Sequence[Timing]) -> Iterator[Diagnostic]:
    """What makes the medians doubtful: a warning for all that vary, one for a busy machine."""
    noisy = [timing for timing in timings if timing.sample.spread > NOISY]
    if noisy:
        worst = max(noisy, key=lambda timing: timing.sample.spread)
        yield Diagnostic(
            code="CTC931",
            message=f"{plural(len(noisy), 'median')} of {len(timings)}"
            f" {'is' if len(noisy) == 1 else 'are'} doubtful: runs differ by more than"
            f" {100 * NOISY:.0f}%",
            notes=(
                f"the middle half of the runs of {worst.network.name}, {TITLES[worst.task]},"
                f" is {100 * worst.sample.spread:.0f}% of the median wide",
            ),
            hints=("end other programs, or take more --runs",),
            severity=Severity.WARNING,
        )
    measured = sum(sum(timing.sample.times) for timing in timings)
    others = 1 - measured / sum(sum(timing.sample.elapsed) for timing in timings)
    if others > BUSY:
        yield Diagnostic(
            code="CTC932",
            message=f"other programs had the processor for {100 * others:.0f}% of the time",
            notes=(
                "processor time leaves their share out; they share caches and memory, which it"
                " does not",
            ),
            hints=("end them for times that hold to a few per cent",),
            severity=Severity.WARNING,
        )
