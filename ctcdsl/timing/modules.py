"""Modules to be timed: built at once, with weights that keep numbers in their usual range."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module

_NOISE = 1 << 20
"""Random numbers that tensors are made of, again and again: to draw 140 million takes seconds."""


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
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if not tensor.is_floating_point():
                tensor.zero_()
                continue
            fill_tensor(tensor)
            if tensor.ndim > 1:
                fan_in = max(1, tensor[0].numel())
                tensor.sub_(0.5).mul_(sqrt(24 / fan_in))  # of deviation sqrt(2 / fan-in)
    # torch's stubs know no overload with the format alone.
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def fill_tensor(tensor: Tensor) -> None:
    """Random numbers between 0 and 1 for a contiguous tensor."""
    noise = _noise(tensor.device)
    flat = tensor.view(-1)
    for start in range(0, flat.numel(), _NOISE):
        part = flat[start : start + _NOISE]
        part.copy_(noise[: part.numel()])


@lru_cache(maxsize=1)
def _noise(device: torch.device) -> Tensor:
    return torch.rand(_NOISE, generator=torch.Generator().manual_seed(0)).to(device)


def images(batch: int, shape: tuple[int, int, int], device: torch.device) -> Tensor:
    """Random float32 images (batch, channels, height, width) in channels-last memory."""
    channels, height, width = shape
    pixels = torch.empty(batch, height, width, channels, device=device)
    fill_tensor(pixels)
    return pixels.permute(0, 3, 1, 2)
