"""Modules to be timed: built at once, with weights that keep numbers in their usual range."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module

_NOISE = 1 << 20
"""Random numbers that weights are made of, again and again: to draw 140 million takes seconds."""


def module_to_time(network: Network, device: torch.device) -> nn.Module:
    """The module of a network on a device, in channels-last memory."""
    with torch.device("meta"):
        module = build_module(network)
    return fill(module, device)


def fill(module: nn.Module, device: torch.device) -> nn.Module:
    """A module made on the device `meta`, with memory and weights.

    Time does not depend on the numbers as long as these are ordinary ones: infinities and
    denormals, which processors treat apart, do not come up with He's deviation.
    """
    module = module.to_empty(device=device)
    noise = torch.rand(_NOISE, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if not tensor.is_floating_point():
                tensor.zero_()
                continue
            _fill(tensor, noise)
            if tensor.ndim > 1:
                fan_in = max(1, tensor[0].numel())
                tensor.sub_(0.5).mul_(sqrt(24 / fan_in))  # of deviation sqrt(2 / fan-in)
    # torch's stubs know no overload with the format alone.
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _fill(tensor: Tensor, noise: Tensor) -> None:
    flat = tensor.view(-1)
    for start in range(0, flat.numel(), _NOISE):
        part = flat[start : start + _NOISE]
        part.copy_(noise[: part.numel()])


def images(batch: int, shape: tuple[int, int, int], device: torch.device) -> Tensor:
    """Random float32 images (batch, channels, height, width) in channels-last memory."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(batch, *shape, generator=generator)
    return maps.to(device).contiguous(memory_format=torch.channels_last)
