"""The module that is exported: pixels in, logits out, with a batch of any size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from ctcdsl.exporters.description import Preprocessing
from ctcdsl.ir import Shape

_GREY = (19595, 38470, 7471)  # of 65536, as `images.colour.grey`; sums stay exact in float32


class Normalise(nn.Module):
    """Float32 (N, C, H, W) of uint8 RGB pixels (N, 3, H, W): (pixel - mean) / std.

    C is 3, or 1: then the pixels are made grey first, in the whole numbers of `images.colour`.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.grey: Tensor | None
        self.register_buffer("mean", _by_channel(preprocessing.mean))
        self.register_buffer("std", _by_channel(preprocessing.std))
        is_grey = len(preprocessing.mean) == 1
        self.register_buffer("grey", _by_channel(_GREY) if is_grey else None)

    def forward(self, pixels: Tensor) -> Tensor:
        """The values that the network takes."""
        values = pixels.to(torch.float32)
        if self.grey is not None:
            values = ((values * self.grey).sum(1, keepdim=True) + 32768.0).mul(2**-16).floor()
        return (values - self.mean) / self.std


def _by_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None, None]


class Deployed(nn.Module):
    """A network behind its preprocessing, where it has one."""

    def __init__(self, network: nn.Module, preprocessing: Preprocessing | None) -> None:
        super().__init__()
        self.preprocessing = Normalise(preprocessing) if preprocessing else nn.Identity()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (N, classes)."""
        logits: Tensor = self.network(self.preprocessing(pixels))
        return logits


def example_input(input: Shape, preprocessing: Preprocessing | None, images: int) -> Tensor:
    """Random images as a deployed module takes them."""
    generator = torch.Generator().manual_seed(0)
    if preprocessing is None:
        return torch.randn((images, *input), generator=generator)
    size = (images, 3, input.height, input.width)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


def traced(module: nn.Module, example: Tensor) -> ExportedProgram:
    """The program of a module for a batch of any size."""
    with torch.no_grad():
        return export(module, (example,), dynamic_shapes=({0: Dim("batch", min=1)},), strict=False)
