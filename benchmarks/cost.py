"""`ctcdsl cost` beside other tools that count: the counts, cold time and memory.

    python -m venv build/peers
    build/peers/bin/pip install -r benchmarks/peers.txt
    python benchmarks/cost.py [NETWORK ...] [--runs 5] [--peers build/peers/bin/python]
        [--modules torchvision] [--results build/cost.json]

Counts are those of torchvision's classes. Times are of whole processes, from the start of the
interpreter to its end, which run in turn, round by round; ratios are taken within a round. With
`--modules compiled` the peers get the module that `ctcdsl compile` writes, which computes the
same, to the last bit, and spares them the import of torchvision.

Results are added to a file, by which networks can be measured one by one; `--runs 0` prints it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from cost_tables import OURS, TORCH, print_tables
from cost_tools import TOOLS
from process import run

import ctcdsl
from ctcdsl.codegen import class_name

ROOT = Path(__file__).parent.parent


class Entry(NamedTuple):
    """A network, here and in torchvision."""

    title: str
    spec: str
    peer: str
    arguments: str = ""


NETWORKS = {
    "alexnet": Entry("AlexNet", "specs/peers/alexnet_owt.ctc", "alexnet"),
    "vgg16": Entry("VGG-16", "specs/peers/vgg16.ctc", "vgg16"),
    "googlenet": Entry(
        *("GoogLeNet", "specs/modern/googlenet_bn.ctc", "googlenet"),
        "aux_logits=False, init_weights=False",
    ),
    "resnet50": Entry("ResNet-50", "specs/modern/resnet50.ctc", "resnet50"),
    "mobilenet_v2": Entry("MobileNetV2", "specs/modern/mobilenet_v2.ctc", "mobilenet_v2"),
}

TORCHVISION = """
import torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):  # of detection; where torch is another build than torchvision's
    library.define(name + "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
import torchvision.models
model = torchvision.models.{peer}({arguments}).eval()
images = torch.zeros(1, 3, 224, 224)
"""
COMPILED = """
import sys
sys.modules["torchvision"] = None  # ptflops imports it, where there is one
import torch
from network import {name} as make
model, images = make().eval(), torch.zeros(1, 3, 224, 224)
"""
REFERENCE = """
import json, sys
sys.path.insert(0, {folder!r})
from cost_reference import measure
weights = torchvision.models.get_model_weights("{peer}").DEFAULT.meta
published = {{"params": weights["num_params"], "giga": weights["_ops"]}}
print(json.dumps({{**published, "elements": measure(model, images)._asdict()}}))
"""


def counts(entry: Entry, python: str, folder: Path) -> dict[str, Any]:
    """What each tool says, what torchvision publishes, and the elements as measured."""
    setup = TORCHVISION.format(peer=entry.peer, arguments=entry.arguments)
    reference = REFERENCE.format(folder=str(Path(__file__).parent), peer=entry.peer)
    found: dict[str, Any] = json.loads(run([python, "-c", setup + reference], folder).output)
    found["counts"] = {}
    for tool in TOOLS:
        words = run([python, "-c", setup + tool.code], folder).output.splitlines()[-1].split()
        found["counts"][tool.name] = [int(word) for word in words]
    (network,) = json.loads(run(ours(entry), folder).output)["networks"]
    found["counts"][OURS] = [network["macs"] + network["macs_fc"], network["params"]]
    return found


def ours(entry: Entry) -> list[str]:
    """Our command."""
    tool = Path(sys.executable).with_name("ctcdsl")
    return [str(tool), "cost", str(ROOT / entry.spec), "--format", "json"]


def times(entry: Entry, python: str, modules: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds by the clock and of the processors, and MB, of each command in each round."""
    if modules == "torchvision":
        setup = TORCHVISION.format(peer=entry.peer, arguments=entry.arguments)
    else:
        network = ctcdsl.load(ROOT / entry.spec)
        (folder / "network.py").write_text(ctcdsl.generate(network))
        setup = COMPILED.format(name=class_name(network.name))
    commands = {OURS: ours(entry), TORCH: [python, "-c", "import torch"]}
    for tool in TOOLS:
        commands[tool.name] = [python, "-c", setup + tool.code]
    measured: dict[str, Any] = {name: [] for name in commands}
    for count in range(rounds + 1):
        for name, command in commands.items():
            once = run(command, folder)
            if count:  # the first fills caches: disk, bytecode, parse tables
                measured[name].append([once.seconds, once.cpu_seconds, once.megabytes])
    return measured


def main() -> None:
    """Measure the networks named, or all, add them to the results and print all of those."""
    parser = argparse.ArgumentParser(description="Tools that count, side by side.")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=ROOT / "build/peers/bin/python")
    parser.add_argument("--modules", choices=["torchvision", "compiled"], default="torchvision")
    parser.add_argument("--results", type=Path, default=ROOT / "build/cost.json")
    options = parser.parse_args()
    python = str(options.peers.absolute())
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    for name in options.networks or NETWORKS:
        entry = NETWORKS[name]
        with tempfile.TemporaryDirectory() as folder:
            found = results.setdefault(entry.title, {})
            if "counts" not in found:
                found |= counts(entry, python, Path(folder))
            if options.runs:
                measured = times(entry, python, options.modules, Path(folder), options.runs)
                found.setdefault("times", {})[options.modules] = measured
        options.results.parent.mkdir(parents=True, exist_ok=True)
        options.results.write_text(json.dumps(results))
    print_tables(results)


if __name__ == "__main__":
    main()
