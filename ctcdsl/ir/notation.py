"""Layers in the notation of the language: `(3,64)`, `max(3,p1)/2`, `se(16)`."""

from __future__ import annotations

from ctcdsl.ir.architecture import Style
from ctcdsl.ir.layers import (
    Activation,
    ActivationLayer,
    Conv,
    Dropout,
    GlobalPool,
    Identity,
    Layer,
    Linear,
    LocalResponseNorm,
    NormLayer,
    Pair,
    Pool,
    Scale,
    Shuffle,
    SpatialPyramid,
    SqueezeExcite,
)
from ctcdsl.syntax.nodes import (
    Branch,
    Call,
    Convolution,
    Group,
    Item,
    Name,
    Number,
    Primary,
    Size,
    Stride,
)
from ctcdsl.text import Source, Span

_NOWHERE = Span(Source("", ""), 0, 0)


def item(layer: Layer, style: Style, channels: int) -> tuple[Primary, int]:
    """Return the syntax of a layer that `channels` enter, and the `/s` behind it or 0.

    Tags are given only where the layer differs from the style.
    """
    match layer:
        case Conv(filters=filters, stride=stride):
            depthwise = layer.groups == filters == channels and filters > 1
            arguments = (
                sides(layer.kernel),
                name("dw") if depthwise else number(filters),
                *_tags(layer, style, depthwise),
            )
            return Convolution(arguments, _NOWHERE), stride if stride > 1 else 0
        case Pool(reduction=reduction, kernel=kernel, stride=stride, ceil=ceil):
            options = (*_pad(layer.padding), *((name("ceil"),) if ceil else ()))
            size = sides(kernel)
            pool: Number | Call = Call(reduction, (size, *options), _NOWHERE)
            if reduction == "max" and not options and isinstance(size, Number):
                pool = size
            return (_in_braces(pool, stride), 0) if layer.grouped else (pool, stride)
        case LocalResponseNorm():
            return _lrn(layer), 0
        case SqueezeExcite(width=width, activation=activation):
            given = () if activation == (style.activation or "relu") else (name(activation),)
            return Call("se", (number(width), *given), _NOWHERE), 0
        case Linear(features=None):
            return name("fc"), 0
        case Linear(features=features, activation=activation):
            assert features is not None
            given = () if activation == style.activation else (name(activation or "linear"),)
            return Call("fc", (number(features), *given), _NOWHERE), 0
        case SpatialPyramid(levels=levels):
            return Call("spp", tuple(number(level) for level in levels), _NOWHERE), 0
        case Dropout(probability=probability):
            return Call("drop", (number(probability),), _NOWHERE), 0
        case Shuffle(groups=groups):
            return Call("shuffle", (number(groups),), _NOWHERE), 0
        case _:
            return name(word(layer)), 0


def _in_braces(pool: Number | Call, stride: int) -> Group:
    inside = Item(pool, (Stride(stride, _NOWHERE),), False, _NOWHERE)
    return Group("{", (Branch((inside,), False, _NOWHERE),), _NOWHERE)


def word(layer: Layer) -> str:
    """The word of the language that names a layer's kind."""
    match layer:
        case Conv():
            return "conv"
        case Pool():
            return "pool"
        case LocalResponseNorm():
            return "lrn"
        case SqueezeExcite():
            return "se"
        case Linear():
            return "fc"
        case SpatialPyramid():
            return "spp"
        case Dropout():
            return "drop"
        case Shuffle():
            return "shuffle"
        case NormLayer(norm=norm):
            return norm
        case ActivationLayer(activation=activation):
            return activation
        case GlobalPool(reduction=reduction):
            return "gap" if reduction == "avg" else "gmp"
        case Scale():
            return "scale"
        case Identity():
            return "id"


def number(value: float) -> Number:
    """A number as an argument."""
    return Number(value, _NOWHERE)


def name(text: str) -> Name:
    """A word as an argument, or as a layer."""
    return Name(text, _NOWHERE)


def sides(kernel: Pair) -> Number | Size:
    """A window: one side where it is square."""
    return number(kernel[0]) if kernel[0] == kernel[1] else Size(kernel, _NOWHERE)


def _tags(conv: Conv, style: Style, depthwise: bool) -> tuple[Name, ...]:
    tags: list[str] = []
    if conv.groups > 1 and not depthwise:
        tags.append(f"g{conv.groups}")
    if conv.dilation > 1:
        tags.append(f"d{conv.dilation}")
    around: tuple[str | None, Activation | None] = (style.norm, style.activation)
    if (conv.norm, conv.activation) == around:
        pass
    elif conv.norm is None and conv.activation is None:
        tags.append("bare" if style.norm else "linear")
    else:
        if conv.norm is None and style.norm is not None:
            tags.append("bare")
            around = (None, None)
        elif conv.norm is not None and conv.norm != style.norm:
            tags.append(conv.norm)
        if conv.activation != around[1]:
            tags.append(conv.activation or "linear")
    if conv.bias != (style.norm is None):
        tags.append("bias" if conv.bias else "nobias")
    return (*_pad(conv.padding), *map(name, tags))


def _pad(padding: Pair | None) -> tuple[Name, ...]:
    if padding is None:
        return ()
    height, width = padding
    return (name(f"p{height}" if height == width else f"p{height}x{width}"),)


def _lrn(layer: LocalResponseNorm) -> Call:
    values: list[float] = [layer.alpha, layer.beta, layer.k]
    usual: list[float] = [1e-4, 0.75, 1.0]
    while values and values[-1] == usual[-1]:
        values.pop()
        usual.pop()
    whole = (int(value) if value.is_integer() else value for value in values)
    arguments = (number(layer.size), *map(number, whole))
    return Call("lrn", (*arguments, *((name("within"),) if layer.within else ())), _NOWHERE)
