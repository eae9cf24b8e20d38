"""Networks back to specs: the canonical text that every rewrite and digest speaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import groupby

from ctcdsl.ir.layers import (
    Conv,
    Dropout,
    GlobalPool,
    Layer,
    Linear,
    LocalResponseNorm,
    Pool,
    SpatialPyramid,
)
from ctcdsl.ir.network import Network, Stage
from ctcdsl.syntax import nodes as n
from ctcdsl.syntax.format import format_file, format_items
from ctcdsl.text import Source, Span

_NOWHERE = Span(Source("", ""), 0, 0)


def unparse(network: Network) -> str:
    """Return the spec of a network: parsing and reading it gives the network again.

    Equal neighbours are folded to `xN`, sequential convolutions joined by `+` as the
    paper writes them, and paddings shown only where the author gave them.
    """
    headers = [
        _header("net", n.Name(network.name, _NOWHERE)),
        _header("input", n.Size(tuple(network.input), _NOWHERE)),
        _header("classes", n.Size((network.classes,), _NOWHERE)),
        _header("pad", n.Name(str(network.pad), _NOWHERE)),
    ]
    if network.maps:
        sizes = (n.Size(_sides(*side), _NOWHERE) for side in network.maps)
        headers.append(_header("maps", *sizes))
    lines = [n.Line(label, _items(layers), _NOWHERE) for label, layers in _lines(network)]
    if not network.head.layers:
        none = n.Item(n.Name("none", _NOWHERE), (), False, _NOWHERE)
        lines.append(n.Line("head", (none,), _NOWHERE))
    return format_file(n.File((*headers, *lines), (), _NOWHERE))


def digest(network: Network) -> str:
    """Return the SHA-256 of a network's canonical text: equal for specs that say the same."""
    return sha256(unparse(network).encode()).hexdigest()


def row(layers: Iterable[Layer]) -> str:
    """Return layers as a paper's table writes them: `3/1 (2,128)/3+(2,128)x3`."""
    return " ".join(format_items(_items(tuple(layers))))


def _header(word: str, *values: n.Name | n.Size) -> n.Header:
    return n.Header(word, values, _NOWHERE)


def _sides(height: int, width: int) -> tuple[int, ...]:
    return (height,) if height == width else (height, width)


def _lines(network: Network) -> list[tuple[str | None, tuple[Layer, ...]]]:
    """Lines and their labels; neighbouring stages that a pool parts share a line."""
    lines: list[tuple[str | None, tuple[Layer, ...]]] = []
    previous: Stage | None = None
    for stage in network.stages:
        if previous is not None and _one_line(previous, stage):
            lines[-1] = (None, (*lines[-1][1], *stage.layers))
        else:
            lines.append((stage.name, stage.layers))
        previous = stage
    if network.head.layers and not network.head.implied:
        lines.append((network.head.name, network.head.layers))
    return lines


def _one_line(before: Stage, after: Stage) -> bool:
    """Whether reading both stages from one line would split them here, and only here."""
    convs = [k for k, layer in enumerate(before.layers) if isinstance(layer, Conv)]
    return (
        before.name is None
        and after.name is None
        and isinstance(after.layers[0], Pool)
        and bool(convs)
        and not any(isinstance(layer, Pool) for layer in before.layers[convs[0] :])
        and any(isinstance(layer, Conv) for layer in after.layers)
    )


def _items(layers: Sequence[Layer]) -> tuple[n.Item, ...]:
    items: list[n.Item] = []
    before: Layer | None = None
    for layer, run in groupby(layers):
        count = sum(1 for _ in run)
        joined = isinstance(layer, Conv) and isinstance(before, Conv)
        primary, postfixes = _item(layer)
        if count > 1:
            postfixes = (*postfixes, n.Times(count, _NOWHERE))
        items.append(n.Item(primary, postfixes, joined, _NOWHERE))
        before = layer
    return tuple(items)


def _item(layer: Layer) -> tuple[n.Primary, tuple[n.Postfix, ...]]:
    match layer:
        case Conv(filters=filters, kernel=kernel, stride=stride, padding=padding):
            primary = n.Convolution((_number(kernel), _number(filters), *_pad(padding)), _NOWHERE)
            return primary, (n.Stride(stride, _NOWHERE),) if stride > 1 else ()
        case Pool(reduction=reduction, kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            options = (*_pad(padding), *((n.Name("ceil", _NOWHERE),) if ceil else ()))
            strides = (n.Stride(stride, _NOWHERE),)
            if reduction == "max" and not options:
                return _number(kernel), strides
            return n.Call(reduction, (_number(kernel), *options), _NOWHERE), strides
        case LocalResponseNorm(size=size):
            return _call("lrn", size), ()
        case Dropout(probability=probability):
            return _call("drop", probability), ()
        case GlobalPool():
            return n.Name("gap", _NOWHERE), ()
        case SpatialPyramid(levels=levels):
            return _call("spp", *levels), ()
        case Linear(features=features):
            return n.Name("fc", _NOWHERE) if features is None else _call("fc", features), ()


def _number(value: float) -> n.Number:
    return n.Number(value, _NOWHERE)


def _pad(padding: int | None) -> tuple[n.Argument, ...]:
    return () if padding is None else (n.Name(f"p{padding}", _NOWHERE),)


def _call(word: str, *values: float) -> n.Call:
    return n.Call(word, tuple(_number(value) for value in values), _NOWHERE)
