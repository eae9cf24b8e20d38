"""Trials of networks: the generated module on random images, in float64."""

from __future__ import annotations

from math import isfinite, prod, sqrt

import torch
from torch import Tensor

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.ir import Shape
from ctcdsl.passes.weights.tensors import Weights, tensor_specs, to_state

IMAGES = 2
"""How many random images a network is tried on."""


def random_images(shape: Shape, seed: int = 0) -> Tensor:
    """A batch of random images."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(IMAGES, *shape, dtype=torch.float64, generator=generator)


def random_weights(network: Network, seed: int = 0) -> Weights:
    """Weights without any special value: no bias is zero, no norm is the identity.

    Filters are drawn with deviation sqrt(2 / fan-in), so that maps keep their scale.
    """
    generator = torch.Generator().manual_seed(seed)
    weights: Weights = {}
    for spec in tensor_specs(network):
        if spec.role == "norm.batches":
            value = torch.tensor(1)
        elif spec.role in ("norm.variance", "norm.weight", "factor"):
            value = torch.rand(spec.shape, dtype=torch.float64, generator=generator) + 0.5
        else:
            deviation = sqrt(2 / prod(spec.shape[1:])) if len(spec.shape) > 1 else 0.1
            value = torch.randn(spec.shape, dtype=torch.float64, generator=generator) * deviation
        weights.setdefault(spec.layer, {})[spec.role] = value
    return weights


def outputs(network: Network, weights: Weights, images: Tensor) -> Tensor:
    """What the generated module computes of images, as in inference."""
    with torch.device("meta"):  # the module is made without numbers, and given these
        module = build_module(network)
    module.load_state_dict(to_state(network, weights), assign=True)
    with torch.no_grad():
        result: Tensor = module.eval()(images)
    return result


def difference(before: Tensor, after: Tensor) -> float | None:
    """The largest difference over the largest value; None where it is not a number.

    That is so between tensors of different shapes, and where weights are so large, or no
    numbers themselves, that outputs are not finite.
    """
    if before.shape != after.shape:
        return None
    share = float((before - after).abs().max()) / (float(before.abs().max()) or 1.0)
    return share if isfinite(share) else None
