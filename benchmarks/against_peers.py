"""Whether networks of specs/ compute what torchvision's and timm's of that name do.

    python benchmarks/against_peers.py [--side 96] [--device cuda] [NAME ...]

Takes the peer with random weights and random norm statistics, copies its tensors one by one
into the generated module, shape by shape, and compares the outputs of both in float64, relative
to the largest, and the constants of the norms. Prints a Markdown table, the one of
docs/networks.md. Needs `pip install torchvision timm`, which no test does.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from math import isclose
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.codegen.load import build_module
from ctcdsl.ir import GlobalPool, Shape
from ctcdsl.loading import check_spec
from ctcdsl.metrics import network_cost
from ctcdsl.resources import resource

SPECS = Path(resource("specs"))
ALIASES = {"alexnet_owt": "alexnet", "googlenet_bn": "googlenet", "xception": "legacy_xception"}
"""Specs whose name torchvision gives to its only network of that kind."""
PEERS = ("alexnet_owt", "vgg16")
"""Those of specs/peers that torchvision has."""
ARGUMENTS: Mapping[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False, "transform_input": False},
    "inception_v3": {"aux_logits": False, "init_weights": False, "transform_input": False},
}
LAST = re.compile(
    r"^(.*?)(?<!stages\.\d)(?<!patch_embed)\."
    r"(proj|downsample|shortcut|identity|skip|skipbn|mlp(?=\.\d)|layer_scale|gamma)\b"
)
"""Tensors of a block that our modules hold after those of its branch."""
STAGE = re.compile(r"stages\.(\d+)\.(\w+)")
CALM = ("layer_scale", "gamma")


def stems() -> Iterator[tuple[str, str]]:
    """The spec and the library of each network that may have a peer."""
    for path in sorted([*SPECS.glob("modern/*.ctc"), *(SPECS / f"peers/{n}.ctc" for n in PEERS)]):
        yield path.stem, "torchvision"
    for path in sorted(SPECS.glob("timm/*.ctc")):
        yield path.stem, "timm"


def peer(library: str, stem: str) -> nn.Module | None:
    """The other library's module; None where it has none of that name."""
    name = ALIASES.get(stem, stem)
    if library == "timm":
        timm = import_module("timm")
        module: nn.Module = timm.create_model(name)
        return module
    models = import_module("torchvision.models")
    if name not in models.list_models(module=models):
        return None
    found: nn.Module = models.get_model(name, **ARGUMENTS.get(name, {}))
    return found


def ordered(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A peer's tensors in the order of ours: those of shortcuts at the end of their block."""
    keys = [key for key in state if not key.endswith("num_batches_tracked")]
    for key in list(keys):
        match = LAST.match(key)
        if match is None:
            continue
        block = f"{match[1]}."
        others = [k for k in keys if k.startswith(block) and k != key]
        keys.remove(key)
        keys.insert(keys.index(others[-1]) + 1, key)
    places: dict[str, tuple[int, bool, int]] = {}
    first: dict[str, int] = {}
    for place, key in enumerate(keys):
        # A stage of timm begins with what halves its map, wherever it holds that.
        stage = STAGE.match(key)
        begin = place if stage is None else first.setdefault(stage[1], place)
        places[key] = begin, stage is not None and stage[2] != "downsample", place
    return {key: state[key] for key in sorted(keys, key=places.__getitem__)}


def randomise(state: dict[str, torch.Tensor], generator: torch.Generator) -> None:
    """Weights of He's deviation, norms and their statistics around 1 and 0."""
    for key, tensor in state.items():
        if tensor.dim() > 1 and tensor[0].numel() > 1:
            fan_in = tensor[0].numel()
            values = torch.randn(tensor.shape, generator=generator) * (2 / fan_in) ** 0.5
        elif key.endswith(("weight", "running_var", *CALM)):
            values = torch.rand(tensor.shape, generator=generator) + 0.5
        else:
            values = torch.randn(tensor.shape, generator=generator) * 0.2
        tensor.copy_(values)


def squeezed(tensor: torch.Tensor) -> list[int]:
    """A shape without its ones: a Linear on each pixel is a 1x1 convolution."""
    return [side for side in tensor.shape if side != 1]


def copy(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> int:
    """Copy tensor after tensor; a ValueError names the first two that differ in shape."""
    mine = {key: tensor for key, tensor in ours.items() if "num_batches" not in key}
    for (key, tensor), (other, source) in zip(mine.items(), theirs.items(), strict=False):
        if squeezed(tensor) != squeezed(source):
            raise ValueError(f"{key} {list(tensor.shape)} is not {other} {list(source.shape)}")
        tensor.copy_(source.reshape(tensor.shape))
    if len(mine) != len(theirs):
        raise ValueError(f"{len(mine)} tensors, and {len(theirs)} in the peer")
    return len(mine)


def constants(module: nn.Module) -> list[tuple[float, float]]:
    """What the norms say, in the order in which they are held: eps and momentum."""
    kinds = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)
    return sorted(
        {(m.eps, getattr(m, "momentum", 0.0)) for m in module.modules() if isinstance(m, kinds)}
    )


def same_constants(one: nn.Module, other: nn.Module) -> bool:
    """Whether norms divide and average alike; momentum does not reach the outputs."""
    pairs = zip(constants(one), constants(other), strict=False)
    return len(constants(one)) == len(constants(other)) and all(
        isclose(x, y, rel_tol=1e-6) for pair in pairs for x, y in zip(*pair, strict=True)
    )


def largest_difference(
    network: Network, module: nn.Module, other: nn.Module, device: str
) -> tuple[int, float]:
    """The tensors copied, and the largest difference of outputs relative to the largest output."""
    generator = torch.Generator().manual_seed(0)
    theirs = ordered(other.double().state_dict())
    randomise(theirs, generator)
    count = copy(module.state_dict(), theirs)
    image = torch.randn(2, *network.input, generator=generator).double().to(device)
    with torch.inference_mode():
        expected = other.to(device).eval()(image).cpu()
        other.to("cpu")
        outputs = module.to(device).eval()(image).cpu()
    if not expected.std() > 0:
        raise ValueError("the peer's outputs are all the same")
    return count, float((outputs - expected).abs().max() / expected.abs().max())


def smaller(network: Network, side: int) -> Network:
    """The network for images of another side, where its head takes maps of any size."""
    small = infer_shapes(network.architecture, input=Shape(3, side, side))
    vectors = [node for node in network.layers if node.vector]
    if side and small.ok and isinstance(vectors[0].layer, GlobalPool):
        return small.networks[0]
    return network


def row(library: str, stem: str, device: str, side: int) -> tuple[str, bool] | None:
    """A row of the table, and whether the outputs agree; None where there is no peer."""
    other = peer(library, stem)
    if other is None:
        return None
    (network,) = check_spec(stem).networks
    cost = network_cost(network)
    network = smaller(network, side)
    with torch.device("meta"):  # made without numbers: all are copied
        module = build_module(network).double()
    module = module.to_empty(device="cpu")
    count = sum(parameter.numel() for parameter in other.parameters())
    title = f"| {stem} | {library} | {cost.params:,} | {cost.macs + cost.macs_fc:,} |"
    try:
        tensors, difference = largest_difference(network, module, other, device)
    except ValueError as failure:
        return f"{title} | {failure} |", False
    norms = "" if same_constants(module, other) else f", norms {constants(other)}"
    ok = difference < 1e-9 and count == cost.params and not norms
    return f"{title} {tensors} | {difference:.0e}{norms} |", ok


def main() -> None:
    """Compare and print a Markdown table; exit with 1 where something differs."""
    parser = argparse.ArgumentParser(description="Outputs against torchvision's and timm's.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--side", type=int, default=0, help="smaller images, to save time")
    arguments = parser.parse_args()
    print("| network | library | parameters | MACs | tensors copied | largest difference |")
    print("|---|---|---:|---:|---:|---:|", flush=True)
    fine = True
    libraries = dict(stems())
    for stem in arguments.names or libraries:
        library = libraries[stem]
        compared = row(library, stem, arguments.device, arguments.side)
        if compared is not None:
            print(compared[0], flush=True)
            fine = fine and compared[1]
    sys.exit(not fine)


if __name__ == "__main__":
    main()
