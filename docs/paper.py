"""Write the tables of docs/paper.md: `make paper`, or `python docs/paper.py [--check]`.

A table stands between `<!-- name -->` and `<!-- end -->`. Computed figures come from the specs,
measured ones from benchmarks/paper_times.json, the small images' from benchmarks/README.md, and
the paper's from the text of He & Sun 2015. With `--check` nothing is written, and a page that is
out of date is an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import paper_claims
from computed_page import write_or_check
from paper_figures import ERRORS, MODELS, PEERS, SECONDS, TEXT_COMPLEXITY, Times, cost, relative

from ctcdsl.metrics.tables import conv_maps
from ctcdsl.passes.equation import equation

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "paper.md"
_TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
DEPTHS = dict(zip(MODELS, (5, 8, 6, 9, 11, 8, 11, 8, 11, 11, 8, 9, 11, 11), strict=True))
"""The column d of Tables 1 and 2."""
REPLACEMENTS = (
    ("4.1", "A", "B", "nearly unchanged, 8/9 a layer"),
    ("4.1", "A", "C", "about 8 % more"),
    ("4.1", "B", "D", "about 8 % more"),
    ("4.1", "B", "E", ""),
    ("4.2", "A", "F", "exactly preserved"),
    ("4.2", "A", "G", "exactly preserved"),
    ("4.2", "C", "H", ""),
    ("4.2", "D", "I", ""),
    ("4.3", "B", "F", ""),
    ("4.3", "E", "I", ""),
    ("4.5", "E", "J", "not changed"),
)
"""Section, the models before and after, and what the paper says of the layers' complexity."""
NOT_GIVEN = ""


def models() -> str:
    """Tables 1 and 2."""
    titles = (
        "model",
        "paper: errors, %",
        "paper: d",
        "d",
        "paper: comp.",
        "comp.",
        "MACs",
        "parameters",
    )
    rows = []
    for name in MODELS:
        counted = cost(name)
        rows.append(
            (
                *(name, ERRORS.get(name, NOT_GIVEN), str(DEPTHS[name]), str(counted.depth)),
                *(TEXT_COMPLEXITY.get(name, NOT_GIVEN), f"{relative(name, 'A'):.4f}"),
                *(f"{counted.macs:,}", f"{counted.params:,}", conv_maps(counted.network)),
            )
        )
    return table((*titles, "conv maps"), rows, left=(0, 1, 8))


def replacements() -> str:
    """The equations of Section 4."""
    rows = []
    for section, before, after, said in REPLACEMENTS:
        found = equation(cost(before).network, cost(after).network)
        text, _, _ = str(found).partition("   (")
        network = relative(after, before)
        rows.append(
            (section, f"{before} → {after}", said, text, f"{found.ratio:.3f}", f"{network:.3f}")
        )
    titles = ("§", "models", "the paper", "layers, by Eqn. 1 without maps", "ratio", "network")
    return table(titles, rows, left=(0, 1, 2, 3))


def peers(times: Times) -> str:
    """Tables 5 and 6."""
    titles = (
        "network",
        "paper: errors, %",
        "paper: comp.",
        "comp.",
        "MACs",
        "paper: seconds",
        "seconds",
    )
    rows = []
    for name in ("J'", *PEERS):
        counted = cost(name)
        complexity = f"{relative(name, paper_claims.BASE):.2f}"
        rows.append(
            (
                *(counted.network.name, ERRORS.get(f"{name} 90", ERRORS.get(name, NOT_GIVEN))),
                *(TEXT_COMPLEXITY.get(f"{name} of J'", NOT_GIVEN), complexity),
                *(f"{counted.macs:,}", SECONDS.get(name, NOT_GIVEN), times.shown(name)),
            )
        )
    return table(titles, rows, left=(0, 1))


def layers(times: Times) -> str:
    """Seconds of all networks, and which layers take them."""
    titles = ("network", "comp.", "of J'", "training, s", "test, s", "ratio")
    kinds = ("convolution", "fc", "pooling", "else")
    rows = [
        (
            *(cost(name).network.name, f"{relative(name, paper_claims.BASE):.2f}"),
            *times.cells(name),
            *(times.share(name, kind) for kind in kinds),
        )
        for name in (*MODELS, *PEERS)
        if times.of(name) is not None
    ]
    return table((*titles, *kinds), rows, left=(0,))


def claims(times: Times) -> str:
    """What the text says in numbers."""
    rows = [
        (claim.section, claim.text, claim.paper, claim.here, claim.verdict)
        for claim in paper_claims.claims(times)
    ]
    return table(("§", "the text", "paper", "here", "holds?"), rows, left=(0, 1, 4))


def small_images() -> str:
    """The paper's errors beside those of the comparison on CIFAR-10."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    found = {}
    for line in re.findall(r"^\| [A-J]24\S* .*\|$", text, re.MULTILINE):
        name, _, _, _, _, error, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        found[name.replace("24", "")] = (name, error)
    rows = [
        (name, ERRORS.get(name, NOT_GIVEN).partition(" /")[0], small, error)
        for name, (small, error) in found.items()
    ]
    titles = ("model", "paper: top-1 error, %", "scaled model", "top-1 error on CIFAR-10, %")
    return table(titles, rows, left=(0, 2))


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int]) -> str:
    """A Markdown table; all columns but those of `left` are aligned to the right."""
    rule = ["---" if number in left else "---:" for number in range(len(titles))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (titles, rule, *rows))


def page(text: str) -> str:
    """The page with its tables written again."""
    times = Times.read(ROOT / "benchmarks" / "paper_times.json")
    tables = {
        "models": models(),
        "replacements": replacements(),
        "claims": claims(times),
        "peers": peers(times),
        "times": layers(times),
        "setting": f"{times.setting}\n",
        "small": small_images(),
    }
    shown = re.findall(_TABLE, text)
    assert sorted(name for _, name, _ in shown) == sorted(tables), "a table is missing in the page"
    return _TABLE.sub(lambda match: match[1] + tables[match[2]] + match[3], text)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page, sys.argv[1:]))
