"""The tables that `cost.py` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from cost_tools import TOOLS, Elements

OURS, TORCH = "ctcdsl cost", "import torch"
Results = dict[str, dict[str, Any]]
"""Of each network, what was found."""


def print_tables(results: Results) -> None:
    """All of them, in Markdown."""
    print_counts(results)
    for modules in ("torchvision", "compiled"):
        timed = {
            title: found["times"][modules]
            for title, found in results.items()
            if modules in found.get("times", {})
        }
        if timed:
            rounds = min(len(runs[OURS]) for runs in timed.values())
            print(f"\nModules: {modules}; medians of {rounds}.")
            print_measured("seconds by the clock", timed, 0, ratio=True)
            print_measured("seconds of the processors", timed, 1, ratio=True)
            print_measured("peak memory, MB", timed, 2, ratio=False)


def print_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A table whose first column is words and whose others are numbers."""
    heads = list(heads)
    print(f"\n| {' | '.join(heads)} |")
    print(f"|---{'|---:' * (len(heads) - 1)}|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def print_counts(results: Results) -> None:
    """What each tool says; what the formula of its conventions does not give is marked."""
    founds = list(results.values())
    elements = [Elements(**found["elements"]) for found in founds]

    def row(name: str, formula: Callable[[Elements], int]) -> list[str]:
        said = [found["counts"][name][0] for found in founds]
        right = [formula(each) for each in elements]
        pairs = zip(said, right, strict=True)
        return [name, *(f"{n:,}" if n == m else f"**{n:,}, not {m:,}**" for n, m in pairs)]

    rows = [
        ["torchvision's page, billions", *(f"{found['giga']:.3f}" for found in founds)],
        ["by definition", *(f"{each.macs:,}" for each in elements)],
        row(OURS, lambda each: each.macs),
        *(row(tool.name, tool.count) for tool in TOOLS),
        ["parameters on torchvision's page", *(f"{found['params']:,}" for found in founds)],
        ["parameters, every tool", *map(parameters, founds)],
    ]
    print_table(["count", *results], rows)
    versions = pinned()
    print("\n| tool | version | counts, besides the products of convolutions and fc layers |")
    print("|---|---|---|")
    for tool in TOOLS:
        print(f"| {tool.name} | {versions[tool.distribution]} | {tool.conventions} |")


def pinned() -> dict[str, str]:
    """The versions in `peers.txt`."""
    lines = (Path(__file__).with_name("peers.txt")).read_text().splitlines()
    return dict(line.split()[0].split("==") for line in lines if "==" in line)


def parameters(found: dict[str, Any]) -> str:
    """Whether all that print a number of parameters agree with what is published."""
    said = {name: count[1] for name, count in found["counts"].items() if count[1:]}
    wrong = {name: count for name, count in said.items() if count != found["params"]}
    return "the same" if not wrong else f"**{wrong}**"


def print_measured(head: str, timed: dict[str, Any], field: int, *, ratio: bool) -> None:
    """Medians of a field of the runs; with `ratio`, how many times ours, in the same round."""

    def cell(runs: dict[str, list[list[float]]], name: str) -> str:
        values = [once[field] for once in runs[name]]
        middle = median(values)
        if not ratio:
            return f"{middle:.0f}"
        base = [once[field] for once in runs[OURS]]
        times = median(one / other for one, other in zip(values, base, strict=True))
        return f"{middle:.2f} ({times:.1f})"

    names = [OURS, TORCH, *(tool.name for tool in TOOLS)]
    rows = [[name, *(cell(runs, name) for runs in timed.values())] for name in names]
    print_table([head, *timed], rows)
