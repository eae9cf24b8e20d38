"""The helper classes of a module: convolution with its norm, gates, pyramids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.calls import format_call, signature
from ctcdsl.codegen.layers import Layers, op_call
from ctcdsl.codegen.render import render
from ctcdsl.ir import Block, Conv
from ctcdsl.lowering import layer_ops
from ctcdsl.ops.calls import Argument, Call, Code, Role
from ctcdsl.ops.convolution import Conv2d, ZeroPad2d


def helper_classes(network: Network, layers: Layers) -> dict[str, str]:
    """The helper classes that a network's layers use, by name."""
    texts: dict[str, str] = {}
    convs: dict[str, list[Node]] = {}
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
        if isinstance(layer, Conv) and (name := layers.helper(node, layer)):
            convs.setdefault(name, []).append(node)
    written = {name: _convolution(name, uses, layers) for name, uses in convs.items()}
    return {**texts, **written, **gates}


def template(name: str) -> str:
    """The file of a class's text: that of `LayerNorm2d` is `layer_norm_2d`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()


def _convolution(name: str, uses: Sequence[Node], layers: Layers) -> str:
    """The class of a convolution with its norm and activation, and the options that are used."""
    conv = uses[0].layer
    assert isinstance(conv, Conv)
    calls = [layers.layer(p, p.layer)[-1] for p in uses if isinstance(p.layer, Conv)]
    options = list(_options(calls))
    pairs = {a.keyword for call in calls for a in call.arguments if len(a.numbers) == 2}
    parameters = ["self", "in_channels: int", "out_channels: int", "kernel_size: int"]
    if "kernel_size" in pairs:
        parameters[-1] += " | tuple[int, int]"
    if options:
        parameters.append("*")
    for option in options:
        kind = "bool" if option.keyword == "bias" else "int"
        if option.keyword in pairs:
            kind += " | tuple[int, int]"
        parameters.append(f"{option.keyword}: {kind} = {option.default}")
    passed = [f"{option.keyword}={option.keyword}" for option in options]
    if conv.norm is not None and "bias=bias" not in passed:
        passed.append("bias=False")
    width = "in_channels" if conv.preactivation else "out_channels"
    chain: list[Code] = []
    for node in layer_ops(uses[0]):
        if isinstance(node.op, ZeroPad2d):
            continue  # its module stands before that of the class
        if isinstance(node.op, Conv2d):
            more = node.op.arguments()[len(Conv2d.arguments(node.op)) :]  # constants of the class
            given = ("in_channels", "out_channels", "kernel_size", *passed)
            chain.append(Code(node.op.module, given + Call("", more).render().arguments))
        else:
            call = op_call(node)
            numbers = (width if n.role is Role.CHANNELS else str(n.value) for n in call.numbers)
            chain.append(call.render(numbers))
    titles = [part.title for part in (conv.norm, conv.activation) if part]
    own = "convolution" if conv.standardisation is None else "standardised convolution"
    ordered = [*titles, own] if conv.preactivation else [own, *titles]
    summary = ", ".join(ordered)
    return render(
        "helpers/convolution.py",
        name=name,
        summary=f"{summary[0].upper()}{summary[1:]}.",
        signature=signature("def __init__", parameters, "None"),
        lines=[line for call in chain for line in format_call(call, 12, ",")],
    )


def _options(calls: Sequence[Call]) -> Iterator[Argument]:
    """The optional arguments that some call gives, in order."""
    for arguments in zip(*(call.arguments for call in calls), strict=True):
        first = arguments[0]
        if first.default is not None and any(_is_given(argument) for argument in arguments):
            yield first


def _is_given(argument: Argument) -> bool:
    return bool(Call("", (argument,)).render().arguments)
