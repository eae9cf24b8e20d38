"""Predicted and measured memory of built-in networks: a training step, and a forward pass.

    python benchmarks/memory.py [--batch 8] [--process] [NETWORK…]

Measured are all bytes that PyTorch's allocator gives out on a CPU, work space of libraries
included, by `torch.profiler(profile_memory=True)`. Predicted are the tensors; `kernels` may add
the share beside them. Each network is measured in a process of its own, at its own input.
With `--process` it is the memory that the process holds in training above what it had with torch
loaded, with glibc's allocator as it is, and steady.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from platform import python_version
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.execution.transfer import move_module
from ctcdsl.metrics.memory import Memory, format_bytes

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


class Training(NamedTuple):
    """A module, images, labels, the optimizer, and a training step."""

    model: nn.Module
    images: Tensor
    labels: Tensor
    optimizer: Optimizer
    step: Callable[[], None]


NETWORKS = (
    *("A", "E", "J'", "alexnet", "vgg16", "googlenet", "squeezenet1_1"),
    *("resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "densenet121"),
    *("mobilenet_v2", "mobilenet_v3_large", "mnasnet1_0", "shufflenet_v2_x1_0"),
    *("efficientnet_b0", "efficientnet_v2_s", "regnet_y_800mf", "inception_v3", "convnext_tiny"),
    *("resnetv2_50d_gn", "seresnext50_32x4d", "cspdarknet53"),
)
PASSES = ("training", "inference")
ALLOCATORS = ("plain", "steady")


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Predicted and measured memory.")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=NETWORKS)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--process", action="store_true")
    parser.add_argument("--measure", choices=("tensors", *ALLOCATORS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure == "tensors":
        print(json.dumps(measured(given.networks[0], given.batch)))
        return
    if given.measure:
        steady = given.measure == "steady"
        print(held(given.networks[0], given.batch, steady=steady))
        return
    if given.process:
        processes(given.networks, given.batch)
        return
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    print(f"CPython {python_version()}, torch {torch.__version__}, {capability}, ", end="")
    print(f"{torch.get_num_threads()} threads, batch {given.batch}\n")
    print("| network | step | measured | off | kernels | forward | measured | off | kernels | ms |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    errors: dict[str, list[float]] = {name: [] for name in PASSES}
    for name in given.networks:
        memory, milliseconds = predicted(name, given.batch)
        result = child(name, "tensors", given.batch)
        if result.returncode:
            print(f"| {memory.network.name} | not measured: {result.stderr.splitlines()[-1]} |")
            continue
        found = json.loads(result.stdout.splitlines()[-1])
        cells = []
        for part in PASSES:
            peak, kernels = getattr(memory, part).peak, getattr(memory, part).kernels
            errors[part].append(peak / found[part] - 1)
            cells += [format_bytes(peak), format_bytes(found[part])]
            cells += [f"{100 * errors[part][-1]:+.2f} %", f"{100 * kernels / peak:.1f} %"]
        row = " | ".join([memory.network.name, *cells, f"{milliseconds:.1f}"])
        print(f"| {row} |", flush=True)
    for part, values in errors.items():
        if values:
            within = sum(abs(value) <= 0.03 for value in values)
            print(
                f"\n{part}: off by {100 * min(values):+.2f} to {100 * max(values):+.2f} %;", end=""
            )
            print(f" {within} of {len(values)} within 3 %.")


def child(name: str, what: str, batch: int) -> subprocess.CompletedProcess[str]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, name, "--measure", what, "--batch", str(batch)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def processes(names: Sequence[str], batch: int) -> None:
    """What a process holds in training steps, as a Markdown table."""
    print("| network | predicted | as it is | of it | steady | of it |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in names:
        memory, _ = predicted(name, batch)
        cells = [memory.network.name, format_bytes(memory.training.peak)]
        for allocator in ALLOCATORS:
            found = int(child(name, allocator, batch).stdout.splitlines()[-1])
            cells += [format_bytes(found), f"{found / memory.training.peak:.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def predicted(name: str, batch: int) -> tuple[Memory, float]:
    """The prediction, and the milliseconds of the fastest of five."""
    network = ctcdsl.load(name)
    fastest = float("inf")
    for _ in range(5):
        begin = perf_counter()
        memory = ctcdsl.memory(network, batch=batch)
        fastest = min(fastest, perf_counter() - begin)
    return memory, 1e3 * fastest


def measured(name: str, batch: int) -> dict[str, int]:
    """The most bytes at any time of a step, the second, and of a forward pass."""
    import torch

    model, images, labels, optimizer, step = training(ctcdsl.load(name), batch)

    def forward() -> None:
        with torch.inference_mode():
            model(images)

    static = sum(tensor.nbytes for tensor in model.state_dict().values())
    model.eval()
    found = {"inference": static + images.nbytes + peak(forward)}
    model.train()
    step()
    optimizer.zero_grad()
    states = [value for state in optimizer.state.values() for value in state.values()]
    static += sum(value.nbytes for value in states if isinstance(value, torch.Tensor))
    return found | {"training": static + images.nbytes + labels.nbytes + peak(step)}


def held(name: str, batch: int, *, steady: bool) -> int:
    """The most bytes that this process holds in training steps above those with torch loaded."""
    import torch

    from ctcdsl.execution.allocator import steady_allocator

    cpu = torch.device("cpu")
    training(ctcdsl.load("resnet18", input=32), 2).step()  # libraries load what they need
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    with steady_allocator(cpu) if steady else nullcontext():
        step = training(ctcdsl.load(name), batch).step
        for _ in range(4):
            step()
    return status("VmHWM") - before


def status(key: str) -> int:
    """Bytes that Linux says of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def training(network: Network, batch: int) -> Training:
    """A network's module, what it takes, and its training step."""
    import torch
    from torch.nn.functional import cross_entropy

    model = build_module(network)
    move_module(model, torch.device("cpu"))
    images = torch.randn(batch, *network.input).to(memory_format=torch.channels_last)
    sides = () if network.nodes[-1].vector else tuple(network.output[1:])
    labels = torch.zeros(batch, *sides, dtype=torch.int64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(cross_entropy(model(images), labels))
        optimizer.step()

    return Training(model, images, labels, optimizer, step)


def peak(run: Callable[[], object]) -> int:
    """The most bytes that are allocated above those at the start."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    total = highest = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        total += event.nbytes()
        highest = max(highest, total)
    return highest


if __name__ == "__main__":
    main()
