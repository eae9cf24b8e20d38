"""Exported files beside PyTorch: `python -m benchmarks.export`, half an hour on one thread.

Everything takes the same uint8 pixels, normalises them and computes logits, on one thread, in
turn in one process a network. Times are the processor's, of the process, medians of the rounds:
while other programs have the processor they stand still. Weights are drawn, since times do not
depend on them; ranges for int8 are measured on random pixels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import ctcdsl
from ctcdsl.codegen.load import build_module, make_importable
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.precision import for_evaluation
from ctcdsl.execution.transfer import move_module
from ctcdsl.exporters.base import Program
from ctcdsl.exporters.deployed import Deployed, example_input, traced
from ctcdsl.exporters.description import Description, Preprocessing
from ctcdsl.exporters.fold import folded
from ctcdsl.exporters.registry import find_exporter
from ctcdsl.ir.printer import unparse
from ctcdsl.training.initialise import initialise

NETWORKS = (
    *("J'", "alexnet", "googlenet", "resnet50", "mobilenet_v2", "efficientnet_b0"),
    "convnext_tiny",
)
BATCHES = (1, 16)
PYTORCH = (
    *("eager", "channels_last", "bf16, channels_last"),
    *("compiled", "compiled, bf16"),
)
FILES = {
    "torch-export": ("torch-export", "float32"),
    "onnx": ("onnx", "float32"),
    "openvino": ("openvino", "float32"),
    "openvino in bf16": ("openvino", "bf16"),
    "onnx-int8": ("onnx-int8", "float32"),
    "openvino-int8": ("openvino-int8", "float32"),
}
PIXELS = Preprocessing(mean=(123.7, 116.3, 103.5), std=(58.0, 58.0, 58.0), resize=256)
Run = Callable[[Tensor], object]


def pytorch(module: nn.Module, spec: str) -> dict[str, Run]:
    """The ways of PyTorch, all of the module as it is generated."""

    def way(model: Callable[[Tensor], Tensor], *, bf16: bool, last: bool) -> Run:
        def run(pixels: Tensor) -> object:
            layout = torch.channels_last if last else torch.contiguous_format
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                return model(pixels.contiguous(memory_format=layout))

        return run

    first: nn.Module = Deployed(build_module(ctcdsl.loads(spec)), PIXELS).eval()
    first.load_state_dict(module.state_dict())
    last = module
    move_module(last, torch.device("cpu"))  # channels last
    half = for_evaluation(last, "bf16")
    make_importable(module)
    compiled = torch.compile(last, dynamic=False)
    compiled_half = torch.compile(half, dynamic=False)
    return {
        "eager": way(first, bf16=False, last=False),
        "channels_last": way(last, bf16=False, last=True),
        "bf16, channels_last": way(half, bf16=True, last=True),
        "compiled": way(compiled, bf16=False, last=True),
        "compiled, bf16": way(compiled_half, bf16=True, last=True),
    }


def exported(network: ctcdsl.Network, tensors: Any, folder: Path) -> tuple[dict[str, Run], Any]:
    """The files, opened, and their sizes in bytes."""
    final = folded(network, tensors)
    module = build_module(final.network)
    module.load_state_dict(final.tensors)
    example = example_input(network.input, PIXELS, 2)
    deployed = Deployed(module, PIXELS).eval()
    calibration = tuple(example_input(network.input, PIXELS, 4) for _ in range(2))
    runs: dict[str, Run] = {}
    sizes: dict[str, int] = {}
    for title, (target, precision) in FILES.items():
        exporter = find_exporter(target)
        path = folder / f"{target}{exporter.suffix}"
        if not path.exists():
            description = Description(
                name=network.name,
                target=target,
                input=(3, network.input.height, network.input.width),
                classes=(),
                preprocessing=PIXELS,
                spec=unparse(final.network.architecture),
            )
            program = Program(
                module=deployed,
                exported=traced(deployed, example),
                example=example,
                description=description,
                calibration=calibration,
            )
            exporter.write(program, path)
        files = folder.glob(f"{target}.*")
        sizes[title] = sum(file.stat().st_size for file in files)
        opened = exporter.open(path, "bf16" if precision == "bf16" else "float32")
        runs[title] = opened.run
    return runs, sizes


def measure(name: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of each way for each batch, and bytes of each file."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = ctcdsl.load(name)
    plain = build_module(network)
    initialise(plain, ctcdsl.Recipe())
    module = Deployed(plain, PIXELS).eval()
    with tempfile.TemporaryDirectory() as folder, steady_allocator(torch.device("cpu")):
        runs, sizes = exported(network, plain.state_dict(), Path(folder))
        runs = {**pytorch(module, str(network)), **runs}
        plain_bytes = sum(tensor.nbytes for tensor in plain.state_dict().values())
        result: dict[str, Any] = {"name": network.name, "sizes": sizes, "weights": plain_bytes}
        for batch in BATCHES:
            pixels = example_input(network.input, PIXELS, batch)
            times: dict[str, list[float]] = {title: [] for title in runs}
            for run in runs.values():
                run(pixels)  # compiled here
            for _ in range(rounds):
                for title, run in runs.items():
                    run(pixels)  # its weights are in the caches again
                    began = time.process_time()
                    run(pixels)
                    times[title].append(1000 * (time.process_time() - began))
            result[str(batch)] = {title: median(found) for title, found in times.items()}
            print(name, batch, result[str(batch)], file=sys.stderr, flush=True)
    return result


def tables(results: list[dict[str, Any]]) -> str:
    """The tables of the page."""
    lines = []
    floats = [title for title in FILES if "int8" not in title]
    for batch in BATCHES:
        titles = [*PYTORCH, *FILES]
        lines += ["", f"### Batch {batch}", ""]
        lines += [f"| ms an image | {' | '.join(titles)} | gain | gain of int8 |"]
        lines += [f"|---|{'---:|' * (len(titles) + 2)}"]
        for result in results:
            times = {title: result[str(batch)][title] / batch for title in titles}
            best = {min(titles, key=times.__getitem__) for titles in (PYTORCH, floats, FILES)}
            cells = [
                f"**{value:.2f}**" if title in best else f"{value:.2f}"
                for title, value in times.items()
            ]
            usual = min(times[title] for title in PYTORCH)
            gains = [usual / min(times[title] for title in files) for files in (floats, FILES)]
            shown = " | ".join([*cells, *(f"{gain:.2f}" for gain in gains)])
            lines.append(f"| {result['name']} | {shown} |")
    lines += ["", "### Times as fast as eager", ""]
    lines += [f"| batch 1 / 16 | {' | '.join([*PYTORCH[1:], *FILES])} |"]
    lines += [f"|---|{'---:|' * (len(PYTORCH) - 1 + len(FILES))}"]
    for result in results:
        cells = [
            " / ".join(
                f"{result[str(batch)]['eager'] / result[str(batch)][title]:.1f}"
                for batch in BATCHES
            )
            for title in (*PYTORCH[1:], *FILES)
        ]
        lines.append(f"| {result['name']} | {' | '.join(cells)} |")
    names = [title for title in FILES if title != "openvino in bf16"]
    lines += ["", "### Size", "", f"| MB | weights | {' | '.join(names)} |"]
    lines += [f"|---|{'---:|' * (len(names) + 1)}"]
    for result in results:
        cells = [f"{result['sizes'][title] / 1e6:.1f}" for title in names]
        lines.append(f"| {result['name']} | {result['weights'] / 1e6:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines[1:]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", action="store_true", help="print one network's numbers as JSON")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.networks, given.rounds)))
        sys.exit()
    found = []
    for each in given.networks.split(","):
        command = [sys.executable, "-m", "benchmarks.export", "--one", "--networks", each]
        done = subprocess.run(
            [*command, "--rounds", str(given.rounds)], check=True, stdout=subprocess.PIPE
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    print(tables(found))
