"""Channels copied: the weights of a wider layer and of the layers after it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ctcdsl.checking import Node
from ctcdsl.ir import Conv, Linear, SpatialPyramid
from ctcdsl.passes.weights.tensors import Tensors, Weights
from ctcdsl.text.diagnostic import InternalError


def replicated(conv: Node, width: int, after: Sequence[Node], weights: Weights) -> Weights:
    """The weights of a network in which a convolution has `width` filters.

    Filter j is a copy of filter j modulo the old number, so every old one has nearly equally
    many copies. The last of the layers `after` it, the one that sums over the channels, divides.
    """
    assert isinstance(conv.layer, Conv)
    source = torch.arange(width) % conv.layer.filters
    result = {**weights}
    norm = not conv.layer.preactivation
    result[conv.name] = _copied(weights[conv.name], source, filters=True, norm=norm)
    for node in after[:-1]:
        source = _features(node, source)
        if node.name in weights:  # it has some for each channel
            result[node.name] = _copied(weights[node.name], source, filters=True, norm=True)
    last = after[-1]
    tensors = weights[last.name]
    if isinstance(last.layer, Linear):
        source = _flattened(source, (1,), last.input.height * last.input.width)
    else:
        assert isinstance(last.layer, Conv)
        tensors = _copied(tensors, source, filters=False, norm=last.layer.preactivation)
    shares = torch.bincount(source)[source].double()
    weight = tensors["weight"]
    shares = shares.view(1, -1, *[1] * (weight.dim() - 2))
    result[last.name] = {**tensors, "weight": weight[:, source] / shares}
    return result


def _copied(tensors: Tensors, source: Tensor, *, filters: bool, norm: bool) -> Tensors:
    """A layer's tensors with their entries of `source`: its own, those of its norm, or both.

    An activation's are where those of the norm are, before the convolution or after it.
    """
    result: Tensors = {}
    for role, tensor in tensors.items():
        copies = norm if role.startswith(("norm.", "activation.")) else filters
        result[role] = tensor[source] if copies and tensor.dim() else tensor
    return result


def _features(node: Node, source: Tensor) -> Tensor:
    """Which old feature each new one copies, after a layer."""
    if isinstance(node.layer, SpatialPyramid):
        source = _flattened(source, node.layer.levels)
    if int(source.max()) + 1 != node.output.channels:
        raise InternalError(f"{node.name}: which channel gives which feature is not known")
    return source


def _flattened(source: Tensor, levels: Sequence[int], bins: int | None = None) -> Tensor:
    """Features of maps made one vector, level after level, in each channel after channel.

    A level is a map of `level` x `level` bins, or of `bins` where they are given.
    """
    old = int(source.max()) + 1
    parts: list[Tensor] = []
    start = 0
    for level in levels:
        count = level * level if bins is None else bins
        parts.append((start + source[:, None] * count + torch.arange(count)).flatten())
        start += old * count
    return torch.cat(parts)
