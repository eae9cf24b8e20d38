"""Cold starts side by side: whole processes, run in turn, medians of wall time and memory.

    python benchmarks/cold_start.py [--runs 15]

Each round runs every command once, so a machine that slows down slows all of them; the
ratios to `import torch` and to `import lark, click` are taken round by round. Peer tools
are measured where installed (`pip install thop fvcore ptflops torchinfo`), each counting
one network, model A, written out by `ctcdsl compile`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

PEERS = {
    "thop": "import thop; print(thop.profile(model, inputs=(images,), verbose=False))",
    "fvcore": "from fvcore.nn import FlopCountAnalysis as F; print(F(model, images).total())",
    "ptflops": "from ptflops import get_model_complexity_info as f;"
    " print(f(model, (3, 224, 224), print_per_layer_stat=False))",
    "torchinfo": "from torchinfo import summary;"
    " print(summary(model, input_data=images, verbose=0))",
}


class Run(NamedTuple):
    """One process: wall seconds and peak memory in MB."""

    seconds: float
    megabytes: float


def run(command: list[str], folder: Path) -> Run:
    """Run a process to its end, its output thrown away."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # as where a package is installed
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"failed: {' '.join(command)}")
    return Run(seconds, usage.ru_maxrss / 1024)


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured, by the name in the table."""
    python = sys.executable
    tool = str(Path(python).with_name("ctcdsl"))
    specs = sorted(map(str, (ROOT / "specs").glob("*.ctc")))
    every = sorted(map(str, (ROOT / "specs").rglob("*.ctc")))
    subprocess.run(
        [tool, "compile", str(ROOT / "specs/A.ctc"), "-o", str(folder / "model_a.py")],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    measured = {
        "python -c 'import torch'": [python, "-c", "import torch"],
        "python -c 'import lark, click'": [python, "-c", "import lark, click"],
        f"ctcdsl cost specs/*.ctc ({len(specs)} files)": [tool, "cost", *specs],
        f"ctcdsl cost specs/*.ctc specs/*/*.ctc ({len(every)} files)": [tool, "cost", *every],
    }
    setup = "import torch, model_a; model = model_a.A(); images = torch.zeros(1, 3, 224, 224); "
    for name, count in PEERS.items():
        if importlib.util.find_spec(name) is not None:
            measured[f"{name}, model A alone"] = [python, "-c", setup + count]
    return measured


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Cold starts side by side.")
    parser.add_argument("--runs", type=int, default=15)
    rounds = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured = commands(folder)
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
