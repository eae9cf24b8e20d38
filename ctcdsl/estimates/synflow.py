"""Synflow, the synaptic flow of a network (Tanaka, Kunin, Yamins & Ganguli 2020).

All parameters take their absolute values, the input is ones, R is the sum of the outputs. The
score is the sum of |p dR/dp| over all parameters p, here its natural logarithm. Of a chain of
layers without biases each layer has the same sum, R: the score is R times the number of layers.
"""

from __future__ import annotations

from math import inf, log

import torch
from torch import nn

from ctcdsl.checking import Network
from ctcdsl.codegen.source_map import source_map
from ctcdsl.layers.lrn import LocalResponseNormOp
from ctcdsl.layers.response_norm import GlobalResponse
from ctcdsl.ops.convolution import StdConv2d
from ctcdsl.ops.norm import NormOp
from ctcdsl.text import error


def synflow(module: nn.Module, network: Network) -> float:
    """The logarithm of the synaptic flow of a module, in double precision.

    Norms are left out, with their parameters: with the statistics of one image of ones they
    would undo what weights do. Nothing is dropped, and standardised weights are plain ones.

    Args:
        module: The network's module, which is used up: its weights and layers change.
        network: What it is built of.

    Raises:
        UserError: CTC741 the flow is too large for a number of double precision, or zero.
    """
    module.double().eval()
    _leave_out_norms(module, network)
    parameters = [each for each in module.parameters() if each.requires_grad]
    with torch.no_grad():
        for parameter in parameters:
            parameter.abs_()
    shape = network.input
    ones = torch.ones(1, shape.channels, shape.height, shape.width, dtype=torch.float64)
    output = module(ones).sum()
    gradients = torch.autograd.grad(output, parameters, allow_unused=True)
    flow = sum(
        float((parameter.detach() * gradient).abs().sum())
        for parameter, gradient in zip(parameters, gradients, strict=True)
        if gradient is not None
    )
    if not 0 < flow < inf:  # sums of infinities are not a number
        raise error(
            "CTC741",
            f"the synaptic flow of {network.name} is {'zero' if flow == 0 else 'too large'}:"
            " it has no logarithm in double precision",
            hint="it grows by a factor with each layer; NASWOT does not",
        )
    return log(flow)


def _leave_out_norms(module: nn.Module, network: Network) -> None:
    for path, op in source_map(network).submodules:
        if isinstance(op.op, (NormOp, LocalResponseNormOp, GlobalResponse)):
            parent, _, name = path.rpartition(".")
            setattr(module.get_submodule(parent), name, nn.Identity())
        elif isinstance(op.op, StdConv2d):
            layer = module.get_submodule(path)
            assert isinstance(layer, nn.Conv2d)
            # mypy lets nobody replace a method, which `StdConv2d` has of its own.
            layer.forward = nn.Conv2d.forward.__get__(layer)  # type: ignore[method-assign]
