"""The peak of a training step, predicted, found by torch's MemTracker, and measured.

    python -m benchmarks.memory_tracker [--batch 8] [NETWORK…]

A step is the second one of SGD with momentum on the module that `ctcdsl compile` writes. Measured
are tensors, and all that the allocator gives out, by torch's profiler; MemTracker follows
another step, and its seconds are of the processors, that step's among them.
"""

from __future__ import annotations

import argparse
from time import process_time
from typing import NamedTuple

import torch
from torch.distributed._tools.mem_tracker import MemTracker

import ctcdsl
from tests.support.allocations import CPU, Step

NETWORKS = ("alexnet", "vgg16", "googlenet", "resnet50", "mobilenet_v2")


class Tracked(NamedTuple):
    """The bytes at the peak, and the seconds that it took to find them."""

    peak: int
    seconds: float


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description="Predicted, tracked and measured memory.")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=NETWORKS)
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    print("| network | measured: tensors | with work space | ctcdsl.memory | MemTracker | s |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in given.networks:
        network = ctcdsl.load(name)
        predicted = ctcdsl.memory(network, batch=given.batch).training.peak
        step = Step(network, given.batch)
        alive = step.training()
        static = held_throughout(step)
        tensors, everything = (static + max(part) for part in (alive.tensors, alive.all))
        found = tracked(step)
        cells = [f"{tensors:,}", f"{everything:,}"]
        cells += [
            f"{peak:,} ({100 * (peak / tensors - 1):+.3f} %)" for peak in (predicted, found.peak)
        ]
        print(f"| {network.name} | {' | '.join(cells)} | {found.seconds:.1f} |", flush=True)


def held_throughout(step: Step) -> int:
    """The bytes of the module, the optimizer's state, images and labels."""
    tensors = [*step.model.state_dict().values(), step.images, step.labels]
    for state in step.optimizer.state.values():
        tensors += [value for value in state.values() if isinstance(value, torch.Tensor)]
    return sum(tensor.nbytes for tensor in tensors)


def tracked(step: Step) -> Tracked:
    """What MemTracker finds for another step."""
    begin = process_time()
    tracker = MemTracker()
    step.optimizer.zero_grad()
    tracker.track_external(step.model, step.optimizer, step.images, step.labels)
    with tracker:
        step.train()
    return Tracked(tracker.get_tracker_snapshot("peak")[CPU]["Total"], process_time() - begin)


if __name__ == "__main__":
    main()
