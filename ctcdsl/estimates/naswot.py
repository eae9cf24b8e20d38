"""NASWOT, neural architecture search without training (Mellor, Turner, Storkey & Crowley 2021).

A ReLU that is on writes 1, one that is off 0: for each image a code of the whole network. Of a
mini-batch, K has for each pair of images the number of units that agree. The score is log det K,
larger where the network tells the images apart before it has learned anything.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ctcdsl.checking import Network
from ctcdsl.estimates.mini_batch import mini_batch
from ctcdsl.text import error

IMAGES = 32
_F = nn.functional
_WITH_KINK: frozenset[Callable[..., Any]] = frozenset(
    (
        *(_F.relu, _F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_),
        *(_F.relu6, _F.hardtanh, _F.leaky_relu, _F.prelu, torch.prelu),
    )
)
"""Functions that are linear on either side of zero: their sign is the code. `nn.ReLU6` is a
`hardtanh` from 0 on."""
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_EXACT = 1 << 22
"""So many units are counted at once: sums of float32 are exact up to four times as many."""


class _Codes(TorchFunctionMode):
    """Counts for each pair of images the units that agree, while a module runs."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.kernel = torch.zeros(images, images, dtype=torch.float64)
        self.units = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _WITH_KINK:
            for codes in (args[0].flatten(1) > 0).split(_EXACT, dim=1):
                self._add(codes.float())
        return func(*args, **(kwargs or {}))

    def _add(self, codes: Tensor) -> None:
        both, on = codes @ codes.T, codes.sum(1)
        self.kernel += codes.shape[1] + 2 * both - on[:, None] - on[None, :]
        self.units += codes.shape[1]


def naswot(module: nn.Module, network: Network, seed: int, images: int = IMAGES) -> float:
    """The log-determinant of the kernel of a module's codes, as its weights are.

    Batch norms take the statistics of the mini-batch, as at the start of training; nothing is
    dropped. Of activations those with a kink at zero count: ReLU, ReLU6, leaky ReLU, PReLU.

    Args:
        module: The network's module; the running statistics of its norms change.
        network: What it is built of.
        seed: Of the choice of images.
        images: The mini-batch.

    Raises:
        UserError: CTC741 the network has no such activation or too few, or another input than
            photographs.
    """
    batch = mini_batch(network.input, images, seed)
    for layer in module.modules():
        layer.training = isinstance(layer, _NORMS)
    codes = _Codes(images)
    with torch.no_grad(), codes:
        module(batch)
    if not codes.units:
        raise error(
            "CTC741",
            f"NASWOT compares which ReLUs are on, and {network.name} has none",
            hint="synflow takes any activation",
        )
    score = float(torch.linalg.slogdet(codes.kernel)[1])
    if not isfinite(score):
        raise error(
            "CTC741",
            f"NASWOT has no value for {network.name}: images have the same code, as its ReLUs are"
            f" {codes.units:,}",
            hint="a network needs more ReLUs than the mini-batch has images",
        )
    return score
