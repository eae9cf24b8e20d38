"""Rewrites with re-check a second: what a search over architectures would be made of.

    python benchmarks/rewrites.py [--rounds 100] [--profile]

A rewrite is all that `run_pass` does: the pass itself, every feature map of what it made
(the solver of paddings too, where the rule's miss `maps`), and its guarantee. No text is
read or written.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ctcdsl.checking import Network, check_source, infer_shapes
from ctcdsl.metrics import macs
from ctcdsl.passes import Pass, run_pass
from ctcdsl.passes.registry import create, registered
from ctcdsl.text import Source
from ctcdsl.text.files import read_source

ROOT = Path(__file__).parent.parent
BATCH = 20  # rewrites between two looks at the clock
RESNET = """\
net ResNet34
style conv-bn-relu
input 3x224x224
classes 1000
conv1:   (7,64)/2 3/2 (3,64)
conv2_x: [ (3,64)  (3,64)  ]x3
conv3_x: [ (3,128) (3,128) ]x4/2
conv4_x: [ (3,256) (3,256) ]x6/2
conv5_x: [ (3,512) (3,512) ]x3/2
head:    gap fc
"""


class Case(NamedTuple):
    """A network, and a pass that applies to it."""

    title: str
    network: Network
    applied: Pass


def cases() -> list[Case]:
    """The paper's networks and larger ones."""
    known = registered()
    resnet = check_source(Source("ResNet34", RESNET)).networks[0]

    def of(spec: str, applied: str) -> Case:
        (network,) = check_source(read_source(str(ROOT / "specs" / spec))).networks
        return Case(f"{network.name}: {applied}", network, create(applied, known))

    return [
        of("A.ctc", "depth-for-size:stage=3,to=2"),
        of("A.ctc", "depth-for-width:stage=3,depth=6"),
        of("E.ctc", "add-pool"),
        of("B.ctc", "delay-subsample"),
        of("J_prime.ctc", "undelay-subsample"),
        of("J.ctc", "delay-subsample"),  # the only one that has paddings solved
        of("peers/vgg16.ctc", "depth-for-width:stage=4,depth=4"),
        Case("ResNet-34 with a stem: delay-subsample", resnet, create("delay-subsample", known)),
        of("peers/googlenet.ctc", "nin:stage=conv"),
    ]


def microseconds(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Least and median CPU time of a call, in batches, after one call that warms up.

    Time of the processor, since wall time would count what else the machine is doing.
    """
    work()
    times: list[float] = []
    for _ in range(rounds):
        begin = time.process_time()
        for _ in range(BATCH):
            work()
        times.append(1e6 * (time.process_time() - begin) / BATCH)
    return min(times), statistics.median(times)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Rewrites with re-check a second.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--profile", action="store_true", help="show where the first case spends")
    given = parser.parse_args()

    found = cases()
    print("| rewrite | layers | a second | median | pass, µs | re-check, µs | guarantee, µs |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for title, network, applied in found:
        step = run_pass(network, applied)
        least, median = microseconds(partial(run_pass, network, applied), given.rounds)
        parts = [
            microseconds(work, given.rounds)[0]
            for work in (
                partial(applied.run, network),
                partial(infer_shapes, step.after.architecture, previous=network),
                partial(macs, step.after.nodes),
            )
        ]
        parts[2] *= 2  # the guarantee counts both networks
        shown = " | ".join(f"{part:.0f}" for part in parts)
        layers = len(step.after.layers)
        print(f"| `{title}` | {layers} | {1e6 / least:,.0f} | {1e6 / median:,.0f} | {shown} |")

    if given.profile:
        profile = cProfile.Profile()
        profile.enable()
        for _ in range(2_000):
            run_pass(found[0].network, found[0].applied)
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)


if __name__ == "__main__":
    main()
