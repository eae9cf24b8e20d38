"""The helper classes of a module: convolution with its norm, gates, pyramids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.calls import Argument, Call, Code, format_call, signature
from ctcdsl.codegen.layers import Layers, activate, gate_name, normalise
from ctcdsl.codegen.render import render
from ctcdsl.ir import (
    TITLES,
    Conv,
    LocalResponseNorm,
    NormLayer,
    Scale,
    SpatialPyramid,
    SqueezeExcite,
)


def helper_classes(network: Network, layers: Layers) -> dict[str, str]:
    """The helper classes that a network's layers use, by name."""
    nodes = network.layers
    texts: dict[str, str] = {}
    if any(_has_layer_norm_2d(p) for p in nodes):
        texts["LayerNorm2d"] = render("helpers/layer_norm_2d.py")
    if any(isinstance(p.layer, LocalResponseNorm) and p.layer.within for p in nodes):
        texts["LocalResponseNormWithin"] = render("helpers/local_response_norm_within.py")
    uses: dict[str, list[Node]] = {}
    gates: dict[str, SqueezeExcite] = {}
    for p in nodes:
        if isinstance(p.layer, Conv) and (name := layers.helper(p.layer)):
            uses.setdefault(name, []).append(p)
        elif isinstance(p.layer, SqueezeExcite):
            gates.setdefault(gate_name(p.layer), p.layer)
    for name, convs in uses.items():
        texts[name] = _convolution(name, convs, layers)
    for name, gate in gates.items():
        activation = str(activate(gate.activation, True).render())
        texts[name] = render("helpers/squeeze_excite.py", name=name, activation=activation)
    if any(isinstance(p.layer, Scale) for p in nodes):
        texts["Scale"] = render("helpers/scale.py")
    if any(isinstance(p.layer, SpatialPyramid) for p in nodes):
        texts["SpatialPyramidPool"] = render("helpers/spatial_pyramid_pool.py")
    return texts


def _convolution(name: str, uses: Sequence[Node], layers: Layers) -> str:
    """The class of a convolution with its norm and activation, and the options that are used."""
    conv = uses[0].layer
    assert isinstance(conv, Conv)
    calls = [layers.layer(p, p.layer)[0] for p in uses if isinstance(p.layer, Conv)]
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
    conv_call = Code("nn.Conv2d", ("in_channels", "out_channels", "kernel_size", *passed))
    extras: list[Code] = []
    if conv.norm is not None:
        width = "in_channels" if conv.preactivation else "out_channels"
        extras.append(normalise(conv.norm, 0).render([width]))
    if conv.activation is not None:
        # Before a convolution only what a norm made is the activation's to overwrite.
        in_place = not conv.preactivation or conv.norm is not None
        extras.append(activate(conv.activation, in_place).render())
    chain = [*extras, conv_call] if conv.preactivation else [conv_call, *extras]
    titles = [TITLES[part] for part in (conv.norm, conv.activation) if part]
    ordered = [*titles, "convolution"] if conv.preactivation else ["convolution", *titles]
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


def _has_layer_norm_2d(node: Node) -> bool:
    layer = node.layer
    return isinstance(layer, Conv | NormLayer) and layer.norm == "ln" and not node.vector
