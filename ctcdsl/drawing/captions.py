"""The text on the boxes of a network's picture, and in their tooltips."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.drawing.fold import Layers, map_sizes
from ctcdsl.ir import Block, Conv, Linear, Pair, Shape, SlidingWindow, Style
from ctcdsl.ir.network import Node, flat
from ctcdsl.ir.printer import to_primary
from ctcdsl.layers import ACTIVATIONS, NORMS
from ctcdsl.metrics import Cost, LayerCost
from ctcdsl.metrics.tables import describe
from ctcdsl.syntax.nodes import Convolution, Name

_TITLES = {
    **{word: row.title for word, row in ACTIVATIONS.items()},
    **{word: row.title for word, row in NORMS.items()},
}


class Sums(NamedTuple):
    """The costs of all layers of a box; `share` is of all convolutions' MACs."""

    macs: int
    macs_fc: int
    params: int
    share: float


class Costs:
    """The costs of a network's layers, by name."""

    def __init__(self, cost: Cost) -> None:
        self.total = cost
        self._of: dict[str, LayerCost] = {layer.node.name: layer for layer in cost.layers}

    def of(self, nodes: tuple[Node, ...]) -> Sums:
        """The sums over nodes and what is inside them."""
        costs = [self._of[node.name] for node in flat(nodes)]
        macs = sum(cost.macs for cost in costs)
        return Sums(
            macs,
            sum(cost.macs_fc for cost in costs),
            sum(cost.params for cost in costs),
            macs / self.total.macs if self.total.macs else 0.0,
        )


class Caption(NamedTuple):
    """A box's first line with its repetitions (or nothing), its second line, and its tooltip."""

    main: str
    times: str
    below: str
    note: str


def caption(box: Layers, sums: Sums, style: Style) -> Caption:
    """The text of a box."""
    node = box.nodes[0]
    layer = node.layer
    below = [map_sizes(box)] if isinstance(layer, SlidingWindow) else []
    if isinstance(layer, Conv):
        main = f"{window(layer.kernel)}, {layer.filters}{_stride(layer)}"
        below = [*_tags(layer, style, node.input.channels), *below, percent(sums.share)]
    elif isinstance(layer, Linear):
        features = node.output.channels
        main = f"fc {features}"
        if layer.activation and layer.activation != style.activation:
            below.append(layer.activation.title)
        below.append(f"{amount(sums.params)} parameters")
    else:
        main = _name(node)
        if sums.macs:
            below.append(percent(sums.share))
    times = f"×{box.times}" if box.times > 1 else ""
    note = _lines(box.nodes, describe(node, style), sums)
    return Caption(main, times, " · ".join(filter(None, below)), note)


def window(kernel: Pair) -> str:
    """A window's sides: `3×3`."""
    return f"{kernel[0]}×{kernel[1]}"


def shape(of: Shape, *, vector: bool = False) -> str:
    """A map on an edge: `64×56×56`, or its channels where it is a vector."""
    return str(of.channels) if vector else f"{of.channels}×{of.height}×{of.width}"


def percent(share: float) -> str:
    """A share of the convolutions' MACs."""
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def amount(value: int) -> str:
    """A large number, short: `25.6 M`."""
    for factor, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= factor * 0.9995:
            return f"{value / factor:#.3g}".removesuffix(".") + f" {letter}"
    return str(value)


def plural(number: int, noun: str) -> str:
    """A number with its noun: `1 layer`, `2 layers`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _stride(layer: SlidingWindow) -> str:
    if not layer.strided:
        return ""
    height, width = layer.stride
    return f", /{height}" if height == width else f", /{window(layer.stride)}"


def _tags(conv: Conv, style: Style, channels: int) -> list[str]:
    """In which ways a convolution differs from the network's style."""
    primary, _ = to_primary(conv, style, channels)
    assert isinstance(primary, Convolution)
    words = [argument.text for argument in primary.arguments[2:] if isinstance(argument, Name)]
    tags = ["depthwise"] if conv.groups == conv.filters == channels and channels > 1 else []
    for word in words:
        if word[0] == "g" and word[1:].isdigit():
            tags.append(f"{word[1:]} groups")
        elif word[0] == "d" and word[1:2].isdigit():
            tags.append(f"dilation {word[1:]}")
        elif not (word[0] == "p" and word[1:2].isdigit()):
            tags.append(_TITLES.get(word, word))
    return tags


def _name(node: Node) -> str:
    layer = node.layer
    if isinstance(layer, Block):
        return "block"
    stride = _stride(layer) if isinstance(layer, SlidingWindow) else ""
    return f"{layer.title}{stride}"


def block_note(nodes: tuple[Node, ...], sums: Sums) -> str:
    """Of a block: names, the `def` that it came from with its arguments, maps, exact costs."""
    layer = nodes[0].layer
    call = layer.call if isinstance(layer, Block) else None
    arguments = ", ".join(f"{name}={value:g}" for name, value in call.arguments) if call else ""
    return _lines(nodes, f"{call.name}({arguments})" if call else "", sums)


def _lines(nodes: tuple[Node, ...], title: str, sums: Sums) -> str:
    """A tooltip: names, a title, maps, exact costs."""
    first, last = nodes[0], nodes[-1]
    lines = [
        first.name if len(nodes) == 1 else f"{first.name} … {last.name} ({len(nodes)} in all)",
        title,
        f"{shape(first.input)} → {shape(last.output)}",
        f"{sums.macs:,} MACs, {percent(sums.share)} of the convolutions'" if sums.macs else "",
        f"{sums.macs_fc:,} MACs, fully connected" if sums.macs_fc else "",
        f"{plural(sums.params, 'parameter')}" if sums.params else "",
    ]
    return "\n".join(filter(None, lines))
