"""A network as a picture: stages, their layers and branches, maps, and where the MACs are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ctcdsl.drawing.boxes import DARKEST, SMALL, framed
from ctcdsl.drawing.captions import Costs, amount, percent, plural, shape
from ctcdsl.drawing.chains import Painter
from ctcdsl.drawing.columns import Column, page
from ctcdsl.drawing.fold import Branching, Item, Layers, Repeat, count, fold, input_of
from ctcdsl.drawing.svg import Part, Picture, Rect, Text, moved
from ctcdsl.drawing.text import shorten, text_width
from ctcdsl.ir.network import Network, Node
from ctcdsl.metrics import network_cost
from ctcdsl.text import error

MAX_BOXES = 4000
"""The most layers that are drawn, after folding."""
WIDTH = 840
_TALLEST = 40  # layers below each other in a column
_MARGIN = 20.0
_TITLE, _LINE = 17.0, 16.0


def draw_network(network: Network, *, width: int = WIDTH) -> str:
    """Return an SVG of a network.

    Each stage is a frame, in reading order; equal layers and blocks that follow each other are
    folded to `×N`. The darker a layer is, the larger its share of the convolutions' MACs.

    Args:
        network: What to draw.
        width: Where the stages wrap, in pixels; 0 puts them below each other.

    Raises:
        UserError: CTC952 where more than `MAX_BOXES` layers are left to draw after folding.
    """
    return network_picture(network, width=width).svg()


def network_picture(network: Network, *, width: int = WIDTH) -> Picture:
    """The picture that `draw_network` writes: its parts with their places."""
    cost = network_cost(network)
    stages = [(title, fold(nodes)) for title, nodes in _stages(network)]
    boxes = sum(count(items) for _, items in stages)
    if boxes > MAX_BOXES:
        raise error(
            "CTC952",
            f"`{network.name}` has {boxes:,} layers to draw after equal neighbours are folded,"
            f" and a picture holds {MAX_BOXES:,}",
            hint="`ctcdsl cost --layers` lists them all",
        )
    costs = Costs(cost)
    shares = [costs.of(box.nodes).share for _, items in stages for box in _boxes(items)]
    darkest = max(shares, default=0.0)
    painter = Painter(costs, network.architecture.style, darkest or 1.0)
    columns = []
    vector = False
    for title, items in stages:
        share = costs.of(tuple(_nodes(items))).share
        pieces = _pieces(items)
        for k, piece in enumerate(pieces, start=1):
            name = title if len(pieces) == 1 else f"{title} ({k} of {len(pieces)})"
            badge = percent(share) if share and k == 1 else ""
            label = shape(input_of(piece[0]), vector=vector)
            columns.append(Column(framed(painter.chain(piece), "stage", name, badge), label))
            vector = piece[-1].nodes[-1].vector
    facts = [
        plural(cost.depth, "convolution"),
        f"{amount(cost.macs)} MACs",
        *([f"{amount(cost.macs_fc)} fully connected"] if cost.macs_fc else []),
        f"{amount(cost.params)} parameters",
        f"style {network.architecture.style}",
    ]
    last = network.nodes[-1]
    ends = f"{last.output.channels} classes" if last.vector else shape(last.output)
    begins = f"input {shape(network.architecture.input)}"
    body = page(columns, begins, ends, width - 2 * _MARGIN)
    return _framed_picture(network.name, facts, darkest, list(body.parts), body.width, body.height)


def _stages(network: Network) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """The stages and the head by name, those without layers left out."""
    names = network.architecture.stage_names
    for index, stage in enumerate(network.architecture.stages):
        title = names[index] if stage.name else f"stage {index + 1}"
        if nodes := network.stage(index):
            yield title, nodes
    if nodes := network.stage(None):
        yield network.architecture.head.name, nodes


def _boxes(items: Iterable[Item]) -> Iterator[Layers]:
    for item in items:
        if isinstance(item, Layers):
            yield item
        elif isinstance(item, Repeat):
            yield from _boxes(item.chain)
        else:
            for branch in item.branches:
                yield from _boxes(branch)


def _nodes(items: Iterable[Item]) -> Iterator[Node]:
    for item in items:
        if isinstance(item, Repeat):
            yield from _nodes(item.chain)
        else:
            yield from item.nodes


def _height(item: Item) -> int:
    """The height of an item, in layers."""
    if isinstance(item, Repeat):
        return sum(map(_height, item.chain)) + 1
    if isinstance(item, Branching):
        return max(sum(map(_height, branch)) for branch in item.branches) + 2
    return 1


def _pieces(items: tuple[Item, ...]) -> list[tuple[Item, ...]]:
    """A stage cut into columns that fit on a page."""
    pieces: list[list[Item]] = []
    used = 0
    total = sum(map(_height, items))
    most = -(-total // -(-total // _TALLEST))
    for item in items:
        if pieces and used + _height(item) <= most:
            pieces[-1].append(item)
        else:
            pieces.append([item])
            used = 0
        used += _height(item)
    return [tuple(piece) for piece in pieces]


# --------------------------------------------------------- around the network


def _framed_picture(
    name: str,
    facts: Sequence[str],
    darkest: float,
    body: Sequence[Part],
    width: float,
    height: float,
) -> Picture:
    """The network between its title and the legend."""
    inner = max(width, 320.0)
    title = Text(_MARGIN, _MARGIN + 14, shorten(name, _TITLE, inner, bold=True), _TITLE, bold=True)
    parts: list[Part] = [title]
    y = _MARGIN + 32
    for line in wrapped(facts, inner):
        parts.append(Text(_MARGIN, y, line, 11, "faint"))
        y += _LINE
    parts += moved(body, _MARGIN + (inner - width) / 2, y)
    y += height + 26
    legend = _legend(darkest, inner)
    parts += moved(legend, _MARGIN, y)
    y += max((part.y for part in legend if isinstance(part, Text)), default=0.0) + _MARGIN
    return Picture(
        width=inner + 2 * _MARGIN,
        height=y,
        title=f"{name}: {', '.join(facts)}",
        description="The network's stages as frames in reading order, each with its layers from top"
        " to bottom; ×N means N in a row. The darker a layer, the larger its share, with its"
        " repetitions, of the convolutions' multiply-accumulates.",
        parts=tuple(parts),
    )


def wrapped(facts: Sequence[str], room: float) -> list[str]:
    """Facts joined by dots, in lines of at most `room` pixels where one fact has room."""
    lines: list[str] = []
    for fact in facts:
        longer = f"{lines[-1]} · {fact}" if lines else fact
        if lines and text_width(longer, 11) <= room:
            lines[-1] = longer
        else:
            lines.append(shorten(fact, 11, room))
    return lines


def _legend(darkest: float, room: float) -> list[Part]:
    """The scale of the colours."""
    if not darkest:
        return []
    parts: list[Part] = [Text(0, 9, "0", SMALL, "faint")]
    x = text_width("0", SMALL) + 5
    for k in range(8):
        parts += [
            Rect(x + 12 * k, 0, 12, 11, "layer swatch", radius=0),
            Rect(x + 12 * k, 0, 12, 11, "share", radius=0, opacity=DARKEST * k / 7),
        ]
    x += 12 * 8 + 5
    text = f"{percent(darkest)} of the convolutions' MACs"
    parts.append(Text(x, 9, shorten(text, SMALL, room - x), SMALL, "faint"))
    return parts
