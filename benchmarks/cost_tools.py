"""The tools that `cost.py` compares with: how each is asked, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Elements(NamedTuple):
    """What a network computes for one image, by what tools count; `cost_reference` measures it."""

    macs: int
    """A product for each weight of a convolution or fc layer, at each place of its output."""
    biases: int
    """Values of convolutions and fc layers that get a bias."""
    norms: int
    norm_weights: int
    relu: int
    relu6: int
    relu_by_function: int
    """Values of rectifiers that are not modules."""
    pooled: int
    """Values that max pools read, those in several windows once."""
    compared_in_a_row: int
    """Values of max pools, times the side of the window less one."""
    averaged: int
    """Values that averages over the map read."""
    averages: int
    averaged_by_function: int


class Tool(NamedTuple):
    """A tool that counts what a module costs."""

    name: str
    distribution: str
    """What is installed for it, without its version."""
    code: str
    """Prints its count and its number of parameters for `model` and `images`."""
    conventions: str
    """What it counts besides a MAC for each product of convolutions and fc layers."""
    count: Callable[[Elements], int]
    """The same as a formula, for a module of torchvision."""


PTFLOPS = """
from ptflops import get_model_complexity_info
print(*get_model_complexity_info(
    model, (3, 224, 224), as_strings=False, print_per_layer_stat=False, backend="{}"))
"""

TOOLS = (
    Tool(
        "torchinfo",
        "torchinfo",
        """
from torchinfo import summary
info = summary(model, input_data=images, verbose=0)
print(info.total_mult_adds, info.total_params)
""",
        "biases; norms by the channel, whatever their map",
        lambda e: e.macs + e.biases + e.norm_weights,
    ),
    Tool(
        "fvcore",
        "fvcore",
        """
from fvcore.nn import FlopCountAnalysis, parameter_count
print(FlopCountAnalysis(model, images).total(), parameter_count(model)[""])
""",
        "2 for a value that a norm makes, 1 for a value that an average reads",
        lambda e: e.macs + 2 * e.norms + e.averaged + e.averaged_by_function,
    ),
    Tool(
        "ptflops",
        "ptflops",
        PTFLOPS.format("pytorch"),
        "biases; 2 for a norm's value; activations and what pools read, twice where they are "
        "modules and once where they are functions",
        lambda e: (
            (e.macs + e.biases + 2 * e.norms + e.relu6 + e.relu_by_function)
            + (2 * (e.relu + e.pooled + e.averaged) + e.averaged_by_function)
        ),
    ),
    Tool(
        "ptflops, its ATen back end",
        "ptflops",
        PTFLOPS.format("aten"),
        "biases",
        lambda e: e.macs + e.biases,
    ),
    Tool(
        "ultralytics-thop",
        "ultralytics-thop",
        """
from thop import profile
print(*map(int, profile(model, inputs=(images,), verbose=False)))
""",
        "4 for a norm's value; sums and divisions of averages that are modules",
        lambda e: e.macs + 4 * e.norms + e.averaged + e.averages,
    ),
    Tool(
        "calflops",
        "calflops",
        """
from calflops import calculate_flops
print(*calculate_flops(
    model, (1, 3, 224, 224), output_as_string=False, print_results=False)[1:])
""",
        "nothing",
        lambda e: e.macs,
    ),
    Tool(
        "torchscan",
        "torchscan",
        """
from torchscan import crawl_module
totals = crawl_module(model, (3, 224, 224))["totals"]
print(totals["macs"]["value"], totals["parameters"]["value"])
""",
        "2 for a norm's value; sums and divisions of averages that are modules; comparisons of "
        "max pools, those of a k x k window as k - 1",
        lambda e: e.macs + 2 * e.norms + e.averaged + e.averages + e.compared_in_a_row,
    ),
    Tool(
        "FlopCounterMode",
        "torch",
        """
from torch.utils.flop_counter import FlopCounterMode
with FlopCounterMode(display=False) as counter:
    model(images)
print(counter.get_total_flops(), "")
""",
        "nothing; FLOPs, two a MAC; it has no number of parameters",
        lambda e: 2 * e.macs,
    ),
)
