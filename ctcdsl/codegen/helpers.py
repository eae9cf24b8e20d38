"""The helper classes of a module: convolution with its norm, gates, pyramids."""

from __future__ import annotations

import re

from ctcdsl.checking import Network
from ctcdsl.codegen.conv_class import op_call
from ctcdsl.codegen.layers import Layers
from ctcdsl.codegen.render import render
from ctcdsl.ir import Block
from ctcdsl.lowering import layer_ops


def helper_classes(network: Network, layers: Layers) -> dict[str, str]:
    """The helper classes that a network's layers use, by name."""
    texts: dict[str, str] = {}
    gates: dict[str, str] = {}
    vector = False
    for node in network.layers:
        layer = node.layer
        if isinstance(layer, Block):
            continue
        ops = layer_ops(node, vector=vector)
        vector = node.vector
        helper = layer.helper(node.input.channels)
        if helper is not None:
            calls = [op_call(op) for op in ops if op.op.module]
            gates[helper.name] = render(
                f"helpers/{helper.template}.py", name=helper.name, calls=calls
            )
            continue
        for op in ops:
            module = op.op.module
            if module and not module.startswith("nn."):
                texts.setdefault(module, render(f"helpers/{template(module)}.py"))
    written = {each.name: each.text() for each in layers.convs.values()}
    return {**texts, **written, **gates}


def template(name: str) -> str:
    """The file of a class's text: that of `LayerNorm2d` is `layer_norm_2d`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()
