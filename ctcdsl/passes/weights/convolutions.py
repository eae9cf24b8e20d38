"""Arithmetic on the filters of convolutions: folding, embedding, adding, the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ctcdsl.checking import Node
from ctcdsl.ir import Conv, Pair
from ctcdsl.layers.norms import Norm
from ctcdsl.layers.standardisation import Standardisation
from ctcdsl.passes.weights.tensors import Tensors


class FoldedNorm(NamedTuple):
    """A batch norm that is folded: its tensors, as `norm.…`, and its constants."""

    tensors: Tensors
    norm: Norm


def folded(tensors: Tensors, own: Norm | None, norms: Sequence[FoldedNorm]) -> Tensors:
    """A convolution with batch norms in its filters and its bias.

    Args:
        tensors: The convolution's.
        own: Its own norm, where that is folded.
        norms: Those after it, in order.
    """
    if own is None and not norms:
        return tensors
    rest = {
        role: tensor
        for role, tensor in tensors.items()
        if not (role.startswith("norm.") and own is not None) and role not in ("weight", "bias")
    }
    weight = tensors["weight"]
    bias = tensors.get("bias", weight.new_zeros(len(weight)))
    for values, norm in ([FoldedNorm(tensors, own)] if own else []) + list(norms):
        factor = 1 / torch.sqrt(values["norm.variance"] + norm.eps)
        if norm.affine:
            factor = factor * values["norm.weight"]
        weight = weight * factor[:, None, None, None]
        bias = (bias - values["norm.mean"]) * factor
        if norm.affine:
            bias = bias + values["norm.bias"]
    return {**rest, "weight": weight, "bias": bias}


def standardised(tensors: Tensors, by: Standardisation | None) -> Tensors:
    """A convolution whose filters are what weight standardisation makes of them."""
    if by is None:
        return tensors
    variance, mean = torch.var_mean(tensors["weight"], dim=(1, 2, 3), correction=0, keepdim=True)
    return {**tensors, "weight": (tensors["weight"] - mean) / torch.sqrt(variance + by.eps)}


def one_to_one(channels: int, groups: int) -> Tensors:
    """A 1x1 convolution that is the identity."""
    inner = channels // groups
    weight = torch.zeros(channels, inner, 1, 1, dtype=torch.float64)
    indices = torch.arange(channels)
    weight[indices, indices % inner] = 1
    return {"weight": weight}


def embedded(tensors: Tensors, kernel: Pair, offset: Pair) -> Tensors:
    """A convolution whose filters are padded with zeros."""
    weight = tensors["weight"]
    (top, left), (height, width) = offset, weight.shape[2:]
    large = weight.new_zeros(*weight.shape[:2], *kernel)
    large[:, :, top : top + height, left : left + width] = weight
    return {**tensors, "weight": large}


def added(terms: Sequence[Tensors], *, bias: bool) -> Tensors:
    """The sum of convolutions of one shape."""
    weight = torch.stack([term["weight"] for term in terms]).sum(dim=0)
    if not bias:
        return {"weight": weight}
    biases: list[Tensor] = [term["bias"] for term in terms if "bias" in term]
    return {"weight": weight, "bias": torch.stack(biases).sum(dim=0)}


def identity(node: Node) -> Tensors:
    """A convolution of stride 1 that leaves its map as it is, its norm set to undo itself.

    Its filters look at the pixel that its padding puts under them: that of even size needs
    a larger padding on one side than it has on the other, or loses the map's last row.
    """
    conv, channels = node.layer, node.input.channels
    assert isinstance(conv, Conv)
    tensors = embedded(one_to_one(channels, conv.groups), conv.kernel, node.padding)
    zeros = torch.zeros(channels, dtype=torch.float64)
    if conv.bias:
        tensors["bias"] = zeros
    if conv.norm is not None and conv.norm.word == "bn":
        tensors |= {
            "norm.mean": zeros,
            "norm.variance": zeros + (1 - conv.norm.eps),
            "norm.batches": torch.tensor(0),
        }
        if conv.norm.affine:
            tensors |= {"norm.weight": zeros + 1, "norm.bias": zeros}
    return tensors
