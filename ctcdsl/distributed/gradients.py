"""All gradients and a few numbers in one tensor, which several processes add up at once.

The gradient is added up by hand, in one all-reduce a step, not by `DistributedDataParallel`. That
averages over processes, so parts of different sizes would count alike; it needs a forward and a
backward pass of every process, which a part without images has not; and it renames the weights.
By hand the loss and the wish to stop travel with the gradient, so every process knows both after
the same step. The price is that nothing is sent while the backward pass still computes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FlatGradients:
    """The gradients of `parameters`, one after another, and then so many `numbers`."""

    def __init__(self, parameters: Sequence[nn.Parameter], numbers: int) -> None:
        sizes = [each.numel() for each in parameters]
        self._parameters = parameters
        self.flat = torch.zeros(sum(sizes) + numbers, device=parameters[0].device)
        """All of it, float32."""
        self._numbers = self.flat[sum(sizes) :]
        # Views that lie like the parameters (channels last), as the optimizer wants gradients.
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        self._views = [
            self.flat.as_strided(each.size(), each.stride(), start)
            for each, start in zip(parameters, starts, strict=True)
        ]

    def pack(self, numbers: Tensor) -> None:
        """Put the parameters' gradients and the numbers in; no gradient counts as zero."""
        for view, each in zip(self._views, self._parameters, strict=True):
            if each.grad is None:
                view.zero_()
            else:
                view.copy_(each.grad)
        self._numbers.copy_(numbers)

    def unpack(self) -> Tensor:
        """Make what is in it the parameters' gradients; returns the numbers."""
        for view, each in zip(self._views, self._parameters, strict=True):
            each.grad = view
        return self._numbers.clone()  # the next step's go to the same place
