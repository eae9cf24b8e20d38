"""Networks and layers back to text: the canonical spec that rewrites and digests are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from ctcdsl.ir.architecture import Architecture, Stage
from ctcdsl.ir.blocks import Block, Element, Join, contains_conv, layers_of, out_channels
from ctcdsl.ir.names import names
from ctcdsl.ir.recompute import part_text
from ctcdsl.ir.strides import NoStridedLayer, StrideAlreadySet, with_stride
from ctcdsl.layers.activations import ActivationLayer
from ctcdsl.layers.arguments import Flag, Function, Integer, Integers, Real
from ctcdsl.layers.base import WORDS, LayerKind
from ctcdsl.layers.convolution import Conv
from ctcdsl.layers.linear import Linear
from ctcdsl.layers.norms import NormLayer
from ctcdsl.layers.pooling import POOL_TAGS, Pool
from ctcdsl.layers.style import CONV_RELU, Constants, Style
from ctcdsl.layers.transposed import ConvTranspose
from ctcdsl.layers.windows import SlidingWindow
from ctcdsl.ops.shapes import Pair, format_sides
from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.format import format_file, format_items
from ctcdsl.text import Source, Span

_NOWHERE = Span(Source("", ""), 0, 0)

Sides = int | syntax.Size
"""A stride; 0 for a layer that has none to be written."""


def unparse(architecture: Architecture) -> str:
    """Return the spec of a network: parsing and reading it gives the network again.

    Equal neighbours are folded to `xN`, sequential convolutions joined by `+` as the
    paper writes them, and paddings shown only where the author gave them. Blocks are
    written out: definitions and parameters are the author's, not the network's.
    """
    headers = [
        _header("net", _name(architecture.name)),
        _header("input", syntax.Size(tuple(architecture.input), _NOWHERE)),
        _header("classes", syntax.Size((architecture.classes,), _NOWHERE)),
    ]
    if architecture.style.name != CONV_RELU.name:
        headers.append(_header("style", _name(architecture.style.name)))
    headers.append(_header("pad", _name(str(architecture.pad))))
    headers += _constants(architecture.style.constants)
    if architecture.maps:
        sizes = (tuple(dict.fromkeys(sides)) for sides in architecture.maps)
        headers.append(_header("maps", *(syntax.Size(sides, _NOWHERE) for sides in sizes)))
    if architecture.recompute:
        headers.append(recompute_header(architecture, written_out=True))
    return format_file(syntax.File((*headers, *to_lines(architecture)), (), _NOWHERE))


def recompute_header(architecture: Architecture, *, written_out: bool) -> syntax.Header:
    """The line `recompute …`; `written_out` where the text has no `def`s, nor names by them."""
    texts = part_texts(architecture, written_out=written_out)
    return _header("recompute", *map(_name, texts))


def part_texts(architecture: Architecture, *, written_out: bool = False) -> list[str]:
    """The parts that training computes again, as the line `recompute …` names them."""
    stages = (*architecture.stage_names, architecture.head.name)
    texts = []
    for part in architecture.recompute:
        stage, chain = stages[part.stage], architecture.chains[part.stage]
        texts.append(part_text(part, stage, names(stage, chain, written_out=written_out)))
    return texts


def _constants(constants: Constants) -> list[syntax.Header]:
    """The lines `norm …` and `act …`, where there is anything to say."""
    eps, momentum, groups, slope, wseps = constants
    norm = {"eps": eps, "momentum": momentum, "groups": groups, "wseps": wseps}
    headers: list[syntax.Header] = []
    for word, values in (("norm", norm), ("act", {"slope": slope})):
        given = tuple(
            syntax.Named(_name(key), _number(value), _NOWHERE)
            for key, value in values.items()
            if value is not None
        )
        if given:
            headers.append(_header(word, *given))
    return headers


def to_lines(architecture: Architecture) -> list[syntax.Line]:
    """The lines of a network's canonical text, below its headers."""
    lines: list[syntax.Line] = []
    channels = architecture.input.channels
    for label, elements in _lines(architecture):
        items, channels = to_items(elements, architecture.style, channels)
        lines.append(syntax.Line(label, items, _NOWHERE))
    if not architecture.head.layers:
        none = syntax.Item(_name("none"), (), False, _NOWHERE)
        lines.append(syntax.Line("head", (none,), _NOWHERE))
    return lines


def digest(architecture: Architecture) -> str:
    """Return the SHA-256 of a network's canonical text: equal for specs that say the same."""
    return sha256(unparse(architecture).encode()).hexdigest()


def row(elements: Iterable[Element], style: Style, channels: int) -> str:
    """Return a chain as a paper's table writes it: `3/1 (2,128)/3+(2,128)x3`.

    Args:
        elements: A chain of layers and blocks.
        style: The network's; tags are shown where a convolution differs from it.
        channels: Those of the chain's input; a convolution with as many groups is `dw`.
    """
    return " ".join(format_items(to_items(tuple(elements), style, channels)[0]))


def _lines(architecture: Architecture) -> list[tuple[str | None, tuple[Element, ...]]]:
    """Lines and their labels; neighbouring stages with a pool between them share a line."""
    lines: list[tuple[str | None, tuple[Element, ...]]] = []
    previous: Stage | None = None
    for stage in architecture.stages:
        if previous is not None and _one_line(previous, stage):
            lines[-1] = (None, (*lines[-1][1], *stage.elements))
        else:
            lines.append((stage.name, stage.elements))
        previous = stage
    if architecture.head.layers and not architecture.head.implied:
        lines.append((architecture.head.name, architecture.head.layers))
    return lines


def _one_line(before: Stage, after: Stage) -> bool:
    """Whether reading both stages from one line would split them here, and only here."""
    convs = [k for k, element in enumerate(before.elements) if contains_conv(element)]
    return (
        before.name is None
        and after.name is None
        and isinstance(after.elements[0], Pool)
        and bool(convs)
        and not any(isinstance(element, Pool) for element in before.elements[convs[0] :])
        and any(contains_conv(element) for element in after.elements)
    )


# ---------------------------------------------------------------------- items


def to_items(
    elements: Sequence[Element], style: Style, channels: int, *, joining: bool = True
) -> tuple[tuple[syntax.Item, ...], int]:
    """The items of a chain with `channels` at its input, and the channels of its output.

    With `joining` a `+` is written between convolutions, as in the paper.
    """
    items: list[syntax.Item] = []
    at = 0
    while at < len(elements):
        element = elements[at]
        primary, stride = to_primary(element, style, channels)
        before, after = channels, out_channels((element,), channels)
        count = 1
        while at + count < len(elements) and elements[at + count] == element:
            if after != before:
                if to_primary(element, style, after) != (primary, stride):
                    break  # the same numbers have another text here: a dw of other channels
                before, after = after, out_channels((element,), after)
            count += 1
        strides = (syntax.Stride(stride, _NOWHERE),) if stride else ()
        repeats = (syntax.Repeat(count, _NOWHERE),) if count > 1 else ()
        postfixes: tuple[syntax.Postfix, ...] = (*strides, *repeats)
        repeated = _strided_repeat(elements[at:]) if count == 1 else None
        if repeated is not None:
            count, stride = repeated
            primary, _ = to_primary(elements[at + 1], style, channels)
            postfixes = (syntax.Repeat(count, _NOWHERE), syntax.Stride(stride, _NOWHERE))
        joined = joining and at > 0 and isinstance(element, Conv)
        joined = joined and isinstance(elements[at - 1], Conv)
        items.append(syntax.Item(primary, postfixes, joined, _NOWHERE))
        channels = after
        at += count
    return tuple(items), channels


def _strided_repeat(elements: Sequence[Element]) -> tuple[int, int] | None:
    """Blocks that are `[ … ]xN/s`: how many, and the stride; None where they are not."""
    if len(elements) < 2 or not all(isinstance(element, Block) for element in elements[:2]):
        return None
    strides = {
        first.stride
        for first, second in zip(layers_of(elements[:1]), layers_of(elements[1:2]), strict=False)
        if isinstance(first, SlidingWindow)
        and isinstance(second, SlidingWindow)
        and first.stride != second.stride
    }
    try:
        if (
            len(strides) != 1
            or len({*next(iter(strides))}) > 1
            or with_stride(elements[1:2], *strides) != [elements[0]]
        ):
            return None
    except (NoStridedLayer, StrideAlreadySet):
        return None
    count = 2
    while count < len(elements) and elements[count] == elements[1]:
        count += 1
    (height, width) = strides.pop()
    return (count, height) if height == width else None  # a tag, which groups have not


def to_primary(element: Element, style: Style, channels: int) -> tuple[syntax.Primary, Sides]:
    """Return the syntax of a layer or block whose input has `channels`, and its stride or 0.

    Tags are given only where a layer differs from the style.
    """
    match element:
        case Block():
            branches = tuple(
                syntax.Branch(
                    to_items(branch.elements, style, share, joining=False)[0],
                    branch.optional,
                    _NOWHERE,
                )
                for branch, share in zip(
                    element.branches, element.in_channels(channels), strict=True
                )
            )
            bracket = "{" if element.join.concatenates else "["
            return syntax.Group(bracket, branches, _NOWHERE, _join(element)), 0
        case Conv(filters=filters, stride=stride):
            depthwise = element.groups == filters == channels and filters > 1
            count = _name("dw") if depthwise else _number(filters)
            numbers = (_sides(element.kernel), count)
            convolution = syntax.Convolution(
                (*numbers, *_tags(element, style, depthwise)), _NOWHERE
            )
            return convolution, sides_of(stride) if element.strided else 0
        case ConvTranspose(conv=conv):
            primary, _ = to_primary(conv, style, channels)
            assert isinstance(primary, syntax.Convolution)
            return primary._replace(arguments=(*primary.arguments, _name("up2"))), 0
        case Pool(reduction=reduction, kernel=kernel, stride=stride):
            size, written = _sides(kernel), sides_of(stride)
            flags = (f.word for f in POOL_TAGS[reduction] if getattr(element, f.name) == f.value)
            options = (*_pad(element.padding), *map(_name, flags))
            pool: syntax.Number | syntax.Call
            plain = reduction == "max" and not options and isinstance(written, int)
            if plain and isinstance(size, syntax.Number):
                pool = size
            else:
                pool = syntax.Call(reduction, (size, *options), _NOWHERE)
            if not element.grouped:
                return pool, written
            item = syntax.Item(pool, (syntax.Stride(written, _NOWHERE),), False, _NOWHERE)
            return syntax.Group("{", (syntax.Branch((item,), False, _NOWHERE),), _NOWHERE), 0
        case NormLayer(norm=part) | ActivationLayer(activation=part):
            return _word(style.written(part)), 0
        case _:
            word, arguments = element.keyword, _arguments(element, style)
            primary = syntax.Call(word, arguments, _NOWHERE) if arguments else _name(word)
            if isinstance(element, SlidingWindow) and element.strided:
                return primary, sides_of(element.stride)
            return primary, 0


def _join(block: Block) -> syntax.Name | syntax.Call | None:
    """The word that touches a block's bracket."""
    if block.join in (Join.CONCAT, Join.ADD):
        return None
    if block.share is None:
        return _name(str(block.join))
    return syntax.Call(str(block.join), (_number(block.share),), _NOWHERE)


def _arguments(layer: LayerKind, style: Style) -> tuple[syntax.Argument, ...]:
    """The arguments of a layer that is a word, by its declarations; defaults are left out."""
    if isinstance(layer, Linear) and layer.features is None:
        return ()
    numbers: list[tuple[float, float | None]] = []
    functions: list[tuple[str, bool]] = []
    flags: list[str] = []
    for argument in WORDS[layer.keyword].arguments:
        value = getattr(layer, argument.name)
        match argument:
            case Integers():
                numbers += [(number, None) for number in value]
            case Integer() | Real():
                numbers += [(value, argument.default)] if value is not None else []
            case Function():
                functions.append(
                    (style.written(value) if value else "linear", value == argument.default(style))
                )
            case Flag():
                flags += [argument.word] if value == argument.value else []
    while len(numbers) > 1 and numbers[-1][0] == numbers[-1][1]:
        numbers.pop()
    while functions and functions[-1][1]:
        functions.pop()
    texts = [text for text, _ in functions] + flags
    return (*(_number(int(n) if n == int(n) else n) for n, _ in numbers), *map(_word, texts))


def _tags(conv: Conv, style: Style, depthwise: bool) -> tuple[syntax.Name | syntax.Call, ...]:
    tags: list[str] = []
    if conv.groups > 1 and not depthwise:
        tags.append(f"g{conv.groups}")
    if conv.dilation != (1, 1):
        tags.append(f"d{format_sides(conv.dilation)}")
    tags += conv.tags(style)
    return (*_pad(conv.padding), *map(_word, tags))


def _pad(padding: Pair | None) -> tuple[syntax.Name, ...]:
    if padding is None:
        return ()
    return (_name(f"p{format_sides(padding)}"),)


def _sides(kernel: Pair) -> syntax.Number | syntax.Size:
    """A window: one side where it is square."""
    return _number(kernel[0]) if kernel[0] == kernel[1] else syntax.Size(kernel, _NOWHERE)


def sides_of(stride: Pair) -> Sides:
    """A stride: one number where it is that of both sides."""
    return stride[0] if stride[0] == stride[1] else syntax.Size(stride, _NOWHERE)


def _header(keyword: str, *values: syntax.Name | syntax.Size | syntax.Named) -> syntax.Header:
    return syntax.Header(keyword, values, _NOWHERE)


def _number(value: float) -> syntax.Number:
    return syntax.Number(value, _NOWHERE)


def _word(text: str) -> syntax.Name | syntax.Call:
    """A word, with constants of its own, `gn(16,noaffine)`, or without."""
    word, _, inside = text.removesuffix(")").partition("(")
    if not inside:
        return _name(word)
    return syntax.Call(word, tuple(map(_name, inside.split(","))), _NOWHERE)


def _name(text: str) -> syntax.Name:
    return syntax.Name(text, _NOWHERE)
