"""Layers in the recipe's precision."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ctcdsl.recipe import Precision


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context in which layers are computed in `precision`, on weights in float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def for_evaluation(model: nn.Module, precision: Precision) -> nn.Module:
    """`model`, or for bf16 a copy of it whose convolutions and fc layers hold their weights so.

    Autocast would round these weights again for each batch: the numbers are the same, and with 79
    million weights (model J') and 20 views a batch this takes a third of the time. What the copy
    need not change it shares with `model`.
    """
    if precision != "bf16":
        return model
    shared: dict[int, object] = {}
    for module in model.modules():
        # Of classes of their own, such as StdConv2d, the weights are not what is rounded.
        rounds = type(module) in (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            if rounds:
                half = tensor.detach().to(torch.bfloat16)
                shared[id(tensor)] = nn.Parameter(half, requires_grad=False)
            else:
                shared[id(tensor)] = tensor
    return copy.deepcopy(model, shared)
