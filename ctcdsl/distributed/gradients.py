"""All gradients and a few numbers in one tensor, which several processes sum at once.

One all-reduce a step instead of `DistributedDataParallel`, which averages over processes, so that
shards of different sizes would have equal weight; needs a forward and a backward pass of every
process, also of one without images; and renames the weights. Here the loss and a stop request
travel with the gradient, so every process knows both after the same step. The price is that
nothing is sent while the backward pass still computes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FlatGradients:
    """The gradients of `parameters`, one after another, and then so many `numbers`."""

    def __init__(self, parameters: Sequence[nn.Parameter], numbers: int) -> None:
        sizes = [parameter.numel() for parameter in parameters]
        self._parameters = parameters
        self.flat = torch.zeros(sum(sizes) + numbers, device=parameters[0].device)
        """All of it, float32."""
        self._numbers = self.flat[sum(sizes) :]
        # Views with the parameters' strides (channels last), as the optimizer expects of gradients.
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        self._views = [
            self.flat.as_strided(parameter.size(), parameter.stride(), start)
            for parameter, start in zip(parameters, starts, strict=True)
        ]

    def pack(self, numbers: Tensor) -> None:
        """Copy the parameters' gradients and the numbers to it; no gradient counts as zero."""
        for view, parameter in zip(self._views, self._parameters, strict=True):
            if parameter.grad is None:
                view.zero_()
            else:
                view.copy_(parameter.grad)
        self._numbers.copy_(numbers)

    def unpack(self) -> Tensor:
        """Make its views the parameters' gradients; returns the numbers."""
        for view, parameter in zip(self._views, self._parameters, strict=True):
            parameter.grad = view
        return self._numbers.clone()  # the next step overwrites them
