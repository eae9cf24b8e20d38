"""ResNet-152 written out layer by layer, without a repetition: parsed and checked, warm.

    python benchmarks/written_out.py [--rounds 100]

The bound is 50 ms for parsing, resolving and placing its 155 convolutions.
"""

from __future__ import annotations

import argparse

from warm_check import milliseconds

from ctcdsl.checking import check_source
from ctcdsl.metrics import network_cost
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source

STAGES = {2: (64, 3), 3: (128, 8), 4: (256, 36), 5: (512, 3)}
"""Width and number of blocks of each stage (He et al. 2016, Table 1)."""


def resnet152() -> str:
    """The spec, a line a block."""
    lines = ["net ResNet152", "style conv-bn-relu", "conv1: (7,64)/2", "pool1: 3/2"]
    for stage, (width, count) in STAGES.items():
        for k in range(1, count + 1):
            stride = "/2" if k == 1 and stage > 2 else ""
            block = f"[ (1,{width}) (3,{width}){stride} (1,{4 * width}) ]"
            lines.append(f"conv{stage}_{k}: {block}")
    return "\n".join([*lines, "head: gap fc"]) + "\n"


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="ResNet-152 written out, warm.")
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    source = Source("resnet152.ctc", resnet152())
    (network,) = check_source(source).networks
    cost = network_cost(network)
    print(f"{len(source.text):,} characters, {cost.depth} convolutions, {cost.params:,} parameters")
    print("\n| ResNet-152, no repeats | min ms | median ms |")
    print("|---|---:|---:|")
    for title, work in (
        ("parse", lambda: parse(source)),
        ("parse and check", lambda: check_source(source)),
        ("parse, check and cost", lambda: network_cost(check_source(source).networks[0])),
    ):
        low, middle = milliseconds(work, rounds)
        print(f"| {title} | {low:.2f} | {middle:.2f} |")


if __name__ == "__main__":
    main()
