"""The row for a layer of another notation: its own numbers, and its padding by the file's rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ctcdsl.syntax.words import words

Fields = Mapping[str, str]
"""What a notation says of a layer, by letter.

`k` filter size (`7`, `1x7`), `n` filters or features, `s` stride, `p` padding (`3`, `0x3`, `same`),
`d` dilation, `g` groups, `i` channels in, `x` repeats, `norm` and `act` (`""`: none; left
out: the style's), `bias` and `ceil` (`true`, `false`), `a` the argument of another layer.
"""

FILTERS = "64"
"""Stands for a number of filters that the notation does not name."""

_PAPER = {1: 0, 3: 1, 5: 2, 7: 0, 11: 0}


class Context(NamedTuple):
    """The headers that hold at a place: padding rule, norm and activation, number of classes."""

    rule: str = "paper"
    norm: str = ""
    activation: str = "relu"
    classes: str = "1000"


def context_at(text: str, offset: int) -> Context:
    """The headers of the network around an offset, read without a parser: its text is wrong."""
    common: dict[str, str] = {}
    own = common
    for place, header, value in _headers(text):
        if place >= offset:
            break
        own = dict(common) if header == "net" else own
        own[header] = value
    style = own.get("style", "")
    parts = style.split("-")
    return Context(
        rule=own.get("pad") or ("same" if style else "paper"),
        norm=next((part for part in parts if part in words("norm")), ""),
        activation=next((part for part in parts if part in words("activation")), "")
        if style
        else "relu",
        classes=own.get("classes", "1000"),
    )


@lru_cache(maxsize=1)
def _headers(text: str) -> tuple[tuple[int, str, str], ...]:
    """The headers of a text with their places; `net` begins another network."""
    lines = re.finditer(r"^[ \t]*(?:net|input|maps|pad|style|classes)\b[^#\n]*", text, re.MULTILINE)
    return tuple(
        (line.start(), match[1], match[2])
        for line in lines
        for match in re.finditer(r"\b(net|pad|style|classes)[ \t]+([\w-]+)", line[0])
    )


def sides(size: str) -> tuple[int, int]:
    """Height and width of `7`, `7x7`, `1 × 7`, `(7, 7)`."""
    numbers = [int(digits) for digits in re.findall(r"\d+", size)]
    return numbers[0], numbers[-1]


def side(size: str) -> str:
    """`7` for `7x7`, `1x7` for itself."""
    height, width = sides(size)
    return str(height) if height == width else f"{height}x{width}"


def row(kind: str, fields: Fields, context: Context) -> str:
    """The row for a layer of a kind: `conv`, `dw`, `max`, `avg`, `fc`, or a word."""
    if kind in ("conv", "dw", "max", "avg"):
        return _window(kind, fields, context) + _repeat(fields)
    if kind == "fc":
        number = fields.get("n", "4096")
        classifier = number == context.classes or fields.get("act") == "softmax"
        style = context._replace(norm="")
        tags = "".join(f",{tag}" for tag in _activation({**fields, "norm": ""}, style))
        return "fc" if classifier else f"fc({number}{tags}){_repeat(fields)}"
    argument = fields.get("a", "")
    return f"{kind}({argument})" if argument else kind


def by_rule(rule: str, kind: str, kernel: int, stride: int, dilation: int = 1) -> int | None:
    """The padding that a rule gives to one side of a window; None where that is not sure."""
    if rule == "same":
        return 0 if kernel == stride else dilation * (kernel - 1) // 2
    if rule == "valid" or kind in ("max", "avg"):
        return 0
    return _PAPER.get(kernel) if dilation == 1 else None


def _window(kind: str, fields: Fields, context: Context) -> str:
    kernel, stride = sides(fields["k"]), sides(fields.get("s", "1"))
    dilation = sides(fields.get("d", "1"))
    postfix, strided = f"/{stride[0]}", []
    if stride[0] != stride[1]:
        postfix, strided = "", [f"s{stride[0]}x{stride[1]}"]
    tags = _padding(kind, fields, context, kernel, stride, dilation)
    size = side(fields["k"])
    if kind in ("max", "avg"):
        tags += ["ceil"] * (fields.get("ceil") == "true")
        tags += ["nocount"] * (kind == "avg" and fields.get("count") == "false")
        tags += strided
        if kind == "max" and not tags and size.isdecimal():
            return f"{size}{postfix}"
        return f"{kind}({','.join([size, *tags])}){postfix}"
    groups = fields.get("g", "1")
    channelwise = kind == "dw" or groups == fields.get("i", "") == fields.get("n", "")
    filters = "dw" if channelwise else fields.get("n", FILTERS)
    tags += [f"g{groups}"] * (groups != "1" and not channelwise)
    if dilation != (1, 1):
        tags.append(f"d{side(fields['d'])}")
    tags += _activation(fields, context)
    bias = fields.get("bias")
    tags += ["nobias"] * (bias == "false" and not context.norm)
    tags += ["bias"] * (bias == "true" and context.norm != "")
    return f"({','.join([size, filters, *tags, *strided])}){postfix if stride != (1, 1) else ''}"


def _padding(
    kind: str,
    fields: Fields,
    context: Context,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> list[str]:
    """The tag `pN`, where the notation names a padding that the file's rule does not give."""
    windows = list(zip(kernel, stride, dilation, strict=True))
    usual = [by_rule(context.rule, kind, *window) for window in windows]
    if kernel[0] != kernel[1] and context.rule == "paper" and kind in ("conv", "dw"):
        usual = [None, None]
    given = fields.get("p")
    if given is None:
        if None not in usual or kernel == (2, 2):
            return []
        given = "same"
    wanted: list[int | None] = list(sides(given)) if given[0].isdecimal() else []
    wanted = wanted or [by_rule(given, kind, *window) for window in windows]
    if wanted == usual:
        return []
    return [f"p{wanted[0]}" if wanted[0] == wanted[1] else f"p{wanted[0]}x{wanted[1]}"]


def _activation(fields: Fields, context: Context) -> list[str]:
    """Tags for a norm and an activation that the style does not bring."""
    norm, act = fields.get("norm", context.norm), fields.get("act", context.activation)
    if context.norm and not norm:
        return ["bare", *([act] if act else [])]
    tags = [norm] * (norm != context.norm)
    if act != context.activation:
        tags.append(act or "linear")
    return tags


def _repeat(fields: Fields) -> str:
    times = fields.get("x") or "1"
    return f"x{times}" if times != "1" else ""
