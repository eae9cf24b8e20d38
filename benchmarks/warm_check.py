"""Checking in a warm process: the paper's 14 models, and the time against the length of a text.

    python benchmarks/warm_check.py [--rounds 50]

Checking is all that `ctcdsl check` does to a text: parse, resolve, place every feature map,
solve paddings.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ctcdsl.checking import check_source
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from ctcdsl.text.files import read_source

ROOT = Path(__file__).parent.parent


def milliseconds(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Minimum and median of `rounds` runs, after one that warms up."""
    work()
    times: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begin))
    return min(times), statistics.median(times)


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description="Checking in a warm process.")
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds

    paths = sorted(p for p in (ROOT / "specs").glob("*.ctc") if not p.stem.startswith("table"))
    sources = [read_source(str(path)) for path in paths]
    print(f"| {len(sources)} models of the paper | min ms | median ms |")
    print("|---|---:|---:|")
    for title, work in (
        ("parse", lambda: [parse(source) for source in sources]),
        ("parse and check", lambda: [check_source(source) for source in sources]),
    ):
        low, middle = milliseconds(work, rounds)
        print(f"| {title} | {low:.2f} | {middle:.2f} |")

    print("\n| text of (KB) | parse, ms | ms a KB |")
    print("|---:|---:|---:|")
    line = "(3,64)x2 2/2 (3,128)+(3,128) # a stage\n"
    for count in (250, 1_000, 4_000, 12_500, 25_600):
        source = Source("text", line * count)
        low, _ = milliseconds(partial(parse, source), 3)
        size = len(source.text) / 1000
        print(f"| {size:.0f} | {low:.0f} | {low / size:.2f} |")


if __name__ == "__main__":
    main()
