"""Header lines: `net`, `input`, `classes`, `pad`, `maps`, `style`, `norm`, `act`, `recompute`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from ctcdsl.elaborate.arguments import Arguments
from ctcdsl.elaborate.expressions import Scope
from ctcdsl.ir import CONV_RELU, PadRule, Shape, Style
from ctcdsl.layers.standardisation import CONVOLUTIONS
from ctcdsl.layers.style import Constants
from ctcdsl.syntax.nodes import Header, Name, Named, Size
from ctcdsl.syntax.words import did_you_mean, words
from ctcdsl.text import Fix, Hint, Label, Severity, Span
from ctcdsl.text.fixes import write
from ctcdsl.text.plural import plural
from ctcdsl.text.sink import Diagnostics, quoted

MAX_SIDE = 100_000
MAX_CLASSES = 10_000_000
MAX_WIDTH = 1_000_000

CONSTANTS = {"norm": ("eps", "momentum", "groups", "wseps"), "act": ("slope",)}
"""The names that a header gives values to."""

_RANGES = {
    "eps": (0, inf, "more than 0"),
    "momentum": (0, 1, "more than 0 and at most 1"),
    "slope": (0, 1, "from 0 to 1"),
    "wseps": (0, 1, "more than 0 and at most 1"),
}
_SYNONYMS = {"epsilon": "eps", "alpha": "slope", "negative_slope": "slope"}
"""What other tools call them."""

IMAGENET = Shape(3, 224, 224)
"""The input of the paper, and of a spec that names none."""


@dataclass(slots=True)
class Headers:
    """What the headers above a network say; defaults are the paper's."""

    name: str | None = None
    input: Shape = IMAGENET
    inputs: tuple[Shape, ...] = ()  # where there is a choice
    classes: int = 1000
    style: Style = CONV_RELU
    pad: PadRule | None = None
    maps: tuple[tuple[int, int], ...] = ()
    maps_span: Span | None = None
    styled: Span | None = None  # the `style` line, the file's or the network's own
    recompute: tuple[Name, ...] = ()
    constants: dict[str, Named] = field(default_factory=dict)
    seen: dict[str, Span] = field(default_factory=dict)

    def copy(self) -> Headers:
        """The same headers for another network of the file, which may override them."""
        return replace(self, name=None, seen={}, constants=dict(self.constants))


class HeaderReader:
    """Reads header statements into `Headers`."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._arguments = Arguments(diagnostics)

    def read(self, header: Header, into: Headers) -> None:
        """Read one header; one given twice for a network is an error."""
        word = header.word
        if word in into.seen:
            first = Label(into.seen[word], "first given here")
            self._diagnostics.error(
                "CTC106", f"`{word}` is given twice", header.span, also=(first,)
            )
            return
        into.seen[word] = header.span
        value = header.values[0]
        match word, value:
            case "net", Name(text):
                into.name = text
            case "input", Size():
                into.input = self._input(value) or into.input
                others = [self._input(x) for x in header.values[1:] if isinstance(x, Size)]
                into.inputs = tuple(shape for shape in (into.input, *others) if shape is not None)
            case "classes", Size():
                into.classes = self._classes(value) or 1000
            case "pad", Name(text, span):
                if text in words("rule"):
                    into.pad = PadRule(text)
                else:
                    self._unknown(text, "rule", "padding rule", span)
            case "style", Name(text, span):
                into.styled = header.span
                style = _style(text)
                if style is not None:
                    into.style = style
                else:
                    self._unknown(text, "style", "style", span)
            case "norm" | "act", _:
                self._constants(header, into)
            case "recompute", _:
                into.recompute = tuple(x for x in header.values if isinstance(x, Name))
            case "maps", _:
                into.maps_span = header.span
                into.maps = self._maps(header)

    def _input(self, size: Size) -> Shape | None:
        if len(size.sides) != 3:
            self._diagnostics.error(
                "CTC107",
                f"an input is channels x height x width, and {quoted(size.span)} has"
                f" {plural(len(size.sides), 'number')}",
                size.span,
                hint=_image(size.sides),
            )
            return None
        names = ("the number of input channels", "the input's height", "the input's width")
        ok = [
            self._arguments.number(side, 1, MAX_SIDE, name, size.span)
            for side, name in zip(size.sides, names, strict=True)
        ]
        if not all(ok):
            return None
        first, second, last = size.sides
        if min(first, second) >= 8 and (last in (3, 4) or (last == 1 and first == second)):
            self._diagnostics.add(
                Severity.WARNING,
                "CTC922",
                f"`input {first}x{second}x{last}` is {first} channels of {second}x{last} pixels",
                size.span,
                hint=Hint(
                    f"channels come first: `input {last}x{first}x{second}`",
                    f"{last}x{first}x{second}",
                ),
            )
        return Shape(*size.sides)

    def _classes(self, size: Size) -> int | None:
        if len(size.sides) != 1:
            message = f"the number of classes is one number, not {quoted(size.span)}"
            self._diagnostics.error("CTC107", message, size.span)
            return None
        (classes,) = size.sides
        ok = self._arguments.number(classes, 1, MAX_CLASSES, "the number of classes", size.span)
        return classes if ok else None

    def _maps(self, header: Header) -> tuple[tuple[int, int], ...]:
        maps: list[tuple[int, int]] = []
        for size in header.values:
            assert isinstance(size, Size)
            if len(size.sides) > 2:
                self._diagnostics.error(
                    "CTC107",
                    f"a map is one side or height x width, not {quoted(size.span)}",
                    size.span,
                    hint="write `maps 36 18 6`",
                )
                return ()
            height, width = size.sides[0], size.sides[-1]
            for side in {height, width}:
                if not self._arguments.number(side, 1, MAX_SIDE, "a map's side", size.span):
                    return ()
            maps.append((height, width))
        return tuple(maps)

    def _constants(self, header: Header, into: Headers) -> None:
        """Read `norm eps=0.001 …` or `act slope=0.1`; the values wait for those of `let`s."""
        given: dict[str, Named] = {}
        for value in header.values:
            assert isinstance(value, Named)
            name = value.name.text
            if name in given:
                first = Label(given[name].span, "first given here")
                message = f"`{name}` is given twice"
                self._diagnostics.error("CTC106", message, value.span, also=(first,))
            elif name in CONSTANTS[header.word]:
                given[name] = value
            else:
                self._unknown_constant(header, value)
        into.constants.update(given)

    def _unknown_constant(self, header: Header, value: Named) -> None:
        word, name = header.word, value.name.text
        homes = [home for home, names in CONSTANTS.items() if name in names]
        known = CONSTANTS[word]
        listed = ", ".join(f"`{constant}`" for constant in known)
        hint = f"`{word}` takes {listed}"
        if homes:
            row = f"{homes[0]} {value.span.text}"
            alone = len(header.values) == 1
            last = (Fix(header.span if alone else value.span, row),)
            hint = Hint(f"write `{row}`", *(last if value is header.values[-1] else ()))
        elif name in _SYNONYMS:
            hint = Hint(f"did you mean `{_SYNONYMS[name]}`?", _SYNONYMS[name])
        else:
            hint = did_you_mean(name, known, hint)
        message = f"unknown constant `{name}` of `{word}`"
        self._diagnostics.error("CTC101", message, value.name.span, hint=hint)

    def constants(self, headers: Headers, values: Mapping[str, float | None]) -> Constants:
        """The constants of a network's layers; `values` are those of its `let`s."""
        scope = Scope(values)
        found: dict[str, float | int | None] = {}
        for name, (_, argument, span) in headers.constants.items():
            value = self._arguments.real(argument, scope)
            if value is None:
                continue
            if name == "groups":
                groups = self._arguments.integer(argument, 1, MAX_WIDTH, "`groups`", scope)
                found[name] = groups
                continue
            low, high, rule = _RANGES[name]
            if (low < value or (value == low and name == "slope")) and value <= high:
                found[name] = value
            else:
                self._diagnostics.error("CTC108", f"`{name}` must be {rule}, not {value:g}", span)
        return Constants(**found)  # type: ignore[arg-type]  # `groups` is whole

    def _unknown(self, text: str, kind: str, noun: str, span: Span) -> None:
        known = words(kind)
        hint = did_you_mean(text, known, f"one of {', '.join(known)}")
        if kind == "style":
            hint = _style_hint(text) or hint
        self._diagnostics.error("CTC101", f"unknown {noun} `{text}`", span, hint=hint)


def _style_hint(style: str) -> str:
    """What to do about a norm or an activation of a style that other tools know."""
    from ctcdsl.syntax.foreign import hints  # loaded only for an error
    from ctcdsl.syntax.foreign.vocabulary import MEANT, plain

    parts = style.split("-")
    standardised = "-".join("wsconv" if part == "conv" else part for part in parts if part != "ws")
    if "ws" in parts and _style(standardised) is not None:
        return write(standardised)
    known = (*CONVOLUTIONS, *words("norm", "activation"))
    unknown = [part for part in parts if part not in known]
    if not unknown or not hints.is_foreign(unknown[0]):
        return ""
    hint = hints.hint(unknown[0], ())
    meant = MEANT.get(plain(unknown[0]), "")
    meant = {"(3,64)": "conv", "(3,64,ws)": "wsconv", "ws": "wsconv"}.get(meant, meant)
    known_style = style.replace(unknown[0], meant)
    return write(known_style) if meant and known_style in words("style") else str(hint)


def _image(sides: tuple[int, ...]) -> Hint:
    """The hint for an input of one or two numbers; others get an example."""
    channels = sides[0] if len(sides) == 2 and sides[0] in (1, 3) else 3
    side = sides[-1]
    height = side if channels == sides[0] else sides[0]
    size = f"{channels}x{height}x{side}" if len(sides) < 3 else "3x224x224"
    return Hint(f"write `input {size}`", *([size] if len(sides) < 3 else []))


def _style(text: str) -> Style | None:
    """Return the style of a name such as `conv-bn-relu`, or None.

    Beside those of the keyword table any norm and any activation make one: `conv-gelu`,
    `conv-ln-gelu`, `bn-silu-conv`, `wsconv-gn-silu`.
    """
    parts = text.split("-")
    preactivation = len(parts) > 1 and parts[-1] in CONVOLUTIONS
    if preactivation:
        parts = [parts[-1], *parts[:-1]]
    conv, *rest = parts
    if conv not in CONVOLUTIONS:
        return None
    norm = rest.pop(0) if rest and rest[0] in words("norm") else None
    activation = rest.pop(0) if rest and rest[0] in words("activation") else None
    if rest:
        return None
    plain = CONV_RELU
    return Style(
        plain.make_norm(norm) if norm else None,
        plain.make_activation(activation) if activation else None,
        preactivation,
        CONVOLUTIONS[conv],
    )
