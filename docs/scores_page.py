"""Write the tables of docs/scores.md: `make paper`, or `python docs/scores_page.py [--check]`.

A table stands between `<!-- name -->` and `<!-- end -->`. Scores and costs are those of
benchmarks/scores.json, errors the paper's and those of benchmarks/cifar/compare.csv. With
`--check` nothing is written, and a page that is out of date is an error.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from computed_page import write_or_check
from paper import table
from paper_figures import ERRORS, MODELS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scores.md"
_TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
WITH_NIN = {"B+NIN": "37.8 / 16.5", "D+NIN": "36.9 / 15.7"}
"""Top-1 and top-5 errors with 1x1 layers after the others, as the text of Section 4.4 has them."""
PUBLISHED = {**{name: ERRORS[name] for name in MODELS if name in ERRORS}, **WITH_NIN}
TITLES = {
    "naswot": "NASWOT",
    "synflow": "log synflow",
    "depth": "depth",
    "macs": "MACs",
    "params": "parameters",
}
"""What more of is said to be better."""
Scores = Mapping[str, Mapping[str, Any]]


def top5(name: str) -> float:
    """The published top-5 error of a network."""
    return float(PUBLISHED[name].rpartition("/")[2])


def value(entry: Mapping[str, Any], key: str) -> float:
    """A score's mean, or a cost."""
    found = entry[key]
    return float(found[0] if isinstance(found, list) else found)


def ranks(values: Mapping[str, float]) -> dict[str, str]:
    """The places of values, the least first; equal values share one."""
    return {
        name: str(1 + sum(other < own for other in values.values())) for name, own in values.items()
    }


def compared(scores: Scores, names: Sequence[str], errors: Mapping[str, float]) -> list[list[str]]:
    """Costs and scores of networks, with the ranks of those that have an error."""
    known = [name for name in names if name in errors]
    by_error = ranks({name: errors[name] for name in known})
    by_score = {
        key: ranks({name: -value(scores[name], key) for name in known})
        for key in ("naswot", "synflow")
    }
    rows = []
    for name in names:
        entry = scores[name]
        cells = [name, str(entry["depth"]), f"{entry['macs']:,}", f"{entry['params']:,}"]
        cells += [PUBLISHED.get(name, ""), by_error.get(name, "")]
        for key, places in by_score.items():
            mean, deviation = entry[key]
            cells += [f"{mean:.1f} ± {deviation:.1f}", places.get(name, "")]
        rows.append(cells)
    return rows


def models(scores: Scores) -> str:
    """The paper's models, and two with 1x1 layers."""
    rows = compared(scores, (*MODELS, *WITH_NIN), {name: top5(name) for name in PUBLISHED})
    titles = ("model", "d", "MACs", "parameters", "paper: errors, %", "rank")
    return table((*titles, "NASWOT", "rank", "log synflow", "rank"), rows, left=(0, 4))


def deeper(scores: Scores) -> str:
    """D with more and more layers."""
    names = [name for name in scores if re.fullmatch(r"D(\+\d+)?", name)]
    rows = []
    for name in names:
        _, d, macs, params, _, _, one, _, other, _ = compared(scores, [name], {})[0]
        rows.append((name, d, macs, params, one, other))
    return table(("model", "d", "MACs", "parameters", "NASWOT", "log synflow"), rows, left=(0,))


def small_errors() -> dict[str, tuple[float, str]]:
    """Top-1 errors on CIFAR-10, and as text with their deviations."""
    with (ROOT / "benchmarks" / "cifar" / "compare.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        row["network"]: (float(row["top-1 %"]), f"{row['top-1 %']} ± {row['top-1 ±']}")
        for row in rows
    }


def small(scores: Scores) -> str:
    """The networks that were trained on CIFAR-10."""
    errors = small_errors()
    rows = compared(scores, tuple(errors), {name: error for name, (error, _) in errors.items()})
    for row in rows:
        row[4] = errors[row[0]][1]
    titles = ("network", "d", "MACs", "parameters", "top-1 error, %", "rank")
    return table((*titles, "NASWOT", "rank", "log synflow", "rank"), rows, left=(0,))


def pairs(scores: Scores) -> str:
    """How many pairs of networks are in the order of their errors."""
    rows = []
    small = {name: error for name, (error, _) in small_errors().items()}
    for key, title in TITLES.items():
        cells = [title]
        published = {name: top5(name) for name in PUBLISHED}
        models = {name: error for name, error in published.items() if name not in WITH_NIN}
        for errors in (models, published, small):
            agree = [
                (value(scores[one], key) - value(scores[other], key))
                * (errors[other] - errors[one])
                for one, other in combinations(errors, 2)
                if errors[one] != errors[other]
            ]
            cells.append(f"{sum(sign > 0 for sign in agree)} of {len(agree)}")
        rows.append(cells)
    titles = ("more of it", "the paper's models", "with B+NIN, D+NIN", "CIFAR-10")
    return table(titles, rows, left=(0,))


def page(text: str) -> str:
    """The page with its tables written again."""
    scores = json.loads((ROOT / "benchmarks" / "scores.json").read_text(encoding="utf-8"))
    writers = {"models": models, "deeper": deeper, "small": small, "pairs": pairs}
    shown = [name for _, name, _ in _TABLE.findall(text)]
    assert sorted(shown) == sorted(writers), "a table is missing in the page"
    return _TABLE.sub(lambda match: match[1] + writers[match[2]](scores) + match[3], text)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page, sys.argv[1:]))
