"""Networks that no library has: parameters and MACs counted from their papers."""

from __future__ import annotations

import pytest

from ctcdsl.metrics import network_cost
from tests.conftest import NETWORKS, load

PATHS = {path.stem: path for path in NETWORKS}
PUBLISHED = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}
"""He et al. 2016, Table 6, prints 0.27, 0.46, 0.66, 0.85 and 1.7 million."""


@pytest.mark.parametrize("depth", PUBLISHED)
def test_resnets_of_cifar(depth: int) -> None:
    """Section 4.2: 6n+2 layers of widths 16, 32, 64 on maps of 32, 16, 8."""
    blocks, params, macs, before = (depth - 2) // 6, 0, 0, 3
    for width, side, convolutions in ((16, 32, 2 * blocks + 1), (32, 16, 2 * blocks), (64, 8, 0)):
        for _ in range(convolutions or 2 * blocks):
            params += 9 * before * width + 2 * width
            macs += 9 * before * width * side**2
            before = width
    cost = network_cost(load(PATHS[f"resnet{depth}"]))
    assert cost.params == params + 64 * 10 + 10 == PUBLISHED[depth]
    assert (cost.macs, cost.macs_fc, cost.depth) == (macs, 640, depth - 1)


def test_u_net() -> None:
    """Figure 1: two 3x3 convolutions at each of nine places, four of 2x2 upwards, one of 1x1."""
    side, before, params, macs = 512, 1, 0, 0

    def convolution(kernel: int, inputs: int, outputs: int) -> None:
        nonlocal params, macs
        params += kernel**2 * inputs * outputs + outputs
        macs += kernel**2 * inputs * outputs * side**2

    for width in (64, 128, 256, 512, 1024):
        convolution(3, before, width)
        convolution(3, width, width)
        before, side = width, side // 2
    side *= 2
    for width in (512, 256, 128, 64):
        convolution(2, 2 * width, width)  # each of its pixels gives four
        side *= 2
        convolution(3, 2 * width, width)
        convolution(3, width, width)
    convolution(1, 64, 2)
    network = load(PATHS["unet"])
    cost = network_cost(network)
    assert (cost.params, cost.macs) == (params, macs) == (31_030_658, 192_384_335_872)
    assert network.output == (2, 512, 512)
