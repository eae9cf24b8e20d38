"""Cold starts side by side: whole processes, run in turn, medians of wall time and memory.

    python benchmarks/cold_start.py [--runs 15]

Each round runs every command once, so a machine that slows down slows all of them; the
ratios to `import torch` and to `import lark, click` are taken round by round. `cost.py` has
the other tools that count.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from process import Run, run

from ctcdsl.loading import built_in_specs

ROOT = Path(__file__).parent.parent


def commands() -> dict[str, list[str]]:
    """What is measured, by the name in the table."""
    python = sys.executable
    tool = str(Path(python).with_name("ctcdsl"))
    specs = sorted(map(str, (ROOT / "specs").glob("*.ctc")))
    every = [spec.name for spec in built_in_specs()]
    return {
        "python -c 'import torch'": [python, "-c", "import torch"],
        "python -c 'import lark, click'": [python, "-c", "import lark, click"],
        f"ctcdsl cost specs/*.ctc ({len(specs)} files)": [tool, "cost", *specs],
        f"ctcdsl cost A B … ({len(every)} by name)": [tool, "cost", *every],
    }


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Cold starts side by side.")
    parser.add_argument("--runs", type=int, default=15)
    rounds = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured = commands()
        for command in measured.values():
            run(command, folder)  # fills caches: disk, bytecode, parse tables
        results: dict[str, list[Run]] = {title: [] for title in measured}
        for _ in range(rounds):
            for title, command in measured.items():
                results[title].append(run(command, folder))
    bases = [results["python -c 'import torch'"], results["python -c 'import lark, click'"]]
    heads = ["seconds", "of `import torch`", "of `import lark, click`", "peak MB"]
    print(f"| command (median of {rounds}) | {' | '.join(heads)} |")
    print("|---|---:|---:|---:|---:|")
    for title, runs in results.items():
        seconds = statistics.median(r.seconds for r in runs)
        torch, lark = (
            statistics.median(r.seconds / b.seconds for r, b in zip(runs, base, strict=True))
            for base in bases
        )
        memory = statistics.median(r.megabytes for r in runs)
        print(f"| `{title}` | {seconds:.3f} | {torch:.3f} | {lark:.2f} | {memory:.1f} |")


if __name__ == "__main__":
    main()
