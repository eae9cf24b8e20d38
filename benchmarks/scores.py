"""Scores without training of the paper's networks and of those that were trained on CIFAR-10.

    python -m benchmarks.scores [-o benchmarks/scores.json] [NETWORK…]

Each score is the mean of three initialisations, at the networks' own input. docs/scores_page.py
writes the tables of docs/scores.md from the file. What it holds already is not measured again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Literal

import ctcdsl
from ctcdsl.storage.atomic import write_atomic

FOLDER = Path(__file__).parent
MODELS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "B'", "D'", "E'", "J'")
NIN = ("B", "D")
"""The models that the paper adds 1x1 layers to (Section 4.4)."""
ADDED = (2, 4, 6, 8, 16)
"""Layers that are added to D, as in the same section."""
SMALL = ("A24", "B24", "C24", "D24", "E24", "F24", "G24", "D24'", "D24+4", "D24+8")
KINDS: tuple[Literal["naswot", "synflow"], ...] = ("naswot", "synflow")


def network(name: str) -> ctcdsl.Network:
    """A network by its name here: a model, one with passes, or one of benchmarks/cifar."""
    if name in SMALL:
        return ctcdsl.load(FOLDER / "cifar" / f"{name.replace(chr(39), '_prime')}.ctc")
    base, plus, more = name.partition("+")
    if not plus:
        return ctcdsl.load(base)
    return ctcdsl.rewrite(base, "nin" if more == "NIN" else f"repeat-last:times={more}").network


NETWORKS = (
    *SMALL,
    *MODELS,
    *(f"{name}+NIN" for name in NIN),
    *(f"D+{more}" for more in ADDED),
)


def main() -> None:
    """Take the scores that the file lacks, and write it after each network."""
    parser = argparse.ArgumentParser(description="Scores without training.")
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER / "scores.json")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    if options.output.exists():
        found = json.loads(options.output.read_text(encoding="utf-8"))
    for name in options.networks:
        entry = found.setdefault(name, {})
        cost = ctcdsl.cost(network(name))
        entry |= {"depth": cost.depth, "macs": cost.macs, "params": cost.params}
        for kind in KINDS:
            if kind not in entry:
                score = ctcdsl.score(cost.network, kind)
                entry[kind] = [round(score.mean, 2), round(score.deviation, 2)]
        print(name, entry, flush=True)
        write_atomic(str(options.output), f"{json.dumps(found, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
