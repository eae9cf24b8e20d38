"""Arguments of layers: numbers and tags, checked and reported."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import floor
from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.elaborate.expressions import Expressions, Scope
from ctcdsl.elaborate.symbols import whole
from ctcdsl.ir import Pair
from ctcdsl.layers.base import MAX_KERNEL
from ctcdsl.layers.convolution import TAGS
from ctcdsl.syntax.nodes import Argument, Call, Name, Number, Size, Stride
from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES, words
from ctcdsl.text import Fix, Hint, Span
from ctcdsl.text.fixes import write
from ctcdsl.text.sink import Diagnostics, quoted

MAX_TAG = 1_000_000

_AMOUNTS = {"p": "the padding", "g": "the number of groups", "d": "the dilation"}
_COMPUTED = {"p": "p(k/2)", "g": "g(n/16)", "d": "d(r)"}
"""How a tag of each letter is written whose number is computed."""
_DIGITS = 18
_LETTER_TAG = re.compile(r"([pgd])([0-9]+)(?:[x×]([0-9]+))?")


class Tags(NamedTuple):
    """What follows a layer's numbers: `p1`, `g32`, `d2`, and words."""

    padding: Pair | None = None
    groups: int = 1
    dilation: Pair = (1, 1)
    words: tuple[str, ...] = ()
    calls: Mapping[str, Call] = MappingProxyType({})
    """Those words that have constants of their own: `leaky(0.1)`."""


NO_TAGS = Tags()


def _letter(argument: Argument) -> str:
    """The letter of a tag with a number, written `p1` or computed, `p(k/2)`; empty for others."""
    if isinstance(argument, Call):
        return argument.word if argument.word in _AMOUNTS else ""
    match = _LETTER_TAG.fullmatch(argument.text) if isinstance(argument, Name) else None
    return match[1] if match is not None else ""


def _least(letter: str) -> int:
    return 0 if letter == "p" else 1


def _is_part(call: Call) -> bool:
    """Whether a tag in parentheses is a norm, an activation, or another that has constants."""
    if call.word in TAGS:
        return bool(TAGS[call.word].arguments)
    return call.word in KEYWORDS and KEYWORDS[call.word].kind in ("norm", "activation")


class Arguments:
    """Reads the arguments of layers and reports wrong ones."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._expressions = Expressions(diagnostics)

    def tags(
        self,
        arguments: Sequence[Argument],
        scope: Scope,
        *,
        letters: str = "",
        options: tuple[str, ...] = (),
    ) -> Tags:
        """Read the tags after a layer's numbers: `letters` with their numbers, and `options`."""
        if not arguments:
            return NO_TAGS
        numbers: dict[str, Pair] = {}
        words: list[str] = []
        calls: dict[str, Call] = {}
        for argument in arguments:
            text = argument.text if isinstance(argument, Name) else ""
            if isinstance(argument, Call) and _is_part(argument):
                text = argument.word
                calls.setdefault(text, argument)
            letter = _letter(argument)
            if letter and letter in letters:
                noun = _AMOUNTS[letter]
                if letter in numbers:
                    self._diagnostics.error("CTC104", f"{noun} is given twice", argument.span)
                    continue
                if isinstance(argument, Call):
                    sides = self._computed(argument, noun, scope)
                else:
                    sides = self._written(argument, noun)
                if sides is not None:
                    numbers[letter] = sides
            elif text in options and text in words:
                self._diagnostics.error("CTC104", f"`{text}` is given twice", argument.span)
            elif text in options:
                words.append(text)
            else:
                self._report_tag(argument, letters, options)
        return Tags(
            numbers.get("p"),
            numbers.get("g", (1, 1))[0],
            numbers.get("d", (1, 1)),
            tuple(words),
            calls,
        )

    def _written(self, tag: Argument, noun: str) -> Pair | None:
        """The number of a tag `p1`, for height and width; or both, of `d1x2`."""
        match = _LETTER_TAG.fullmatch(tag.text if isinstance(tag, Name) else "")
        assert match is not None
        letter, *texts = match.groups()
        sides = [int(side[:_DIGITS]) for side in texts if side is not None]
        if len(sides) == 2 and letter == "g":
            message = f"{noun} is one number, and {quoted(tag.span)} has two"
            self._diagnostics.error("CTC104", message, tag.span)
            return None
        low = _least(letter)
        if not all(self.number(side, low, MAX_TAG, noun, tag.span) for side in sides):
            return None
        return sides[0], sides[-1]

    def _computed(self, tag: Call, noun: str, scope: Scope) -> Pair | None:
        """The number of a tag `p(k/2)`: paddings and dilations floor, groups are whole."""
        low = _least(tag.word)
        if len(tag.arguments) != 1 or tag.named:
            self._diagnostics.error(
                "CTC104",
                f"{noun} is one number, and {quoted(tag.span)} has {len(tag.arguments)}",
                tag.span,
                hint=f"write `{_COMPUTED[tag.word]}`",
            )
            return None
        (argument,) = tag.arguments
        value: float | None
        if tag.word == "g":
            value = self.integer(argument, low, MAX_TAG, noun, scope)
        else:
            value = self._expressions.value(argument, scope)
        if value is None:
            return None
        side = floor(value)
        return (side, side) if self.number(side, low, MAX_TAG, noun, argument.span) else None

    def one_of(self, tags: Tags, words: Sequence[str], noun: str, span: Span) -> None:
        """Report tags that exclude each other: of `words` there may be one."""
        exclusive = [f"`{word}`" for word in tags.words if word in words]
        if len(exclusive) > 1:
            message = f"{' and '.join(exclusive)} exclude each other"
            changes = (fix for word in words for fix in without(word, span) if word in tags.words)
            hint = Hint(f"keep one {noun}", *changes)
            self._diagnostics.error("CTC104", message, span, hint=hint)

    def _report_tag(self, argument: Argument, letters: str, options: tuple[str, ...]) -> None:
        known = [f"`{letter}N` ({TAG_PREFIXES[letter]} N)" for letter in letters]
        kinds = ("norm", "activation")  # so many that the message says their kind
        known += [f"`{word}`" for word in options if word not in words(*kinds)]
        for kind in kinds:
            known += [f"one {kind}"] if any(word in words(kind) for word in options) else []
        numbers = "numbers" if "g" in letters else "number"
        hint = f"after its {numbers} this layer takes {', '.join(known)}"
        message = f"{quoted(argument.span)} is not a tag of this layer"
        text = argument.text if isinstance(argument, Name) else ""
        if isinstance(argument, Number) and letters:
            hint = "a stride follows the layer, `/2`; padding is a tag, `p1`"
        if letter := _letter(argument):
            message = f"{quoted(argument.span)}, {TAG_PREFIXES[letter]}, is not a tag of this layer"
        elif text == "nocount":
            hint = "it is for averages, `avg(3,nocount)/1`: a maximum leaves its padding out"
        elif isinstance(argument, Call) and argument.word == "s":
            hint = "a computed stride follows the layer: `(3,64)/s`"
        elif text and text in TAG_PREFIXES:
            message = f"the number of the tag `{text}` is missing"
            hint = write(f"{text}1", f" for {TAG_PREFIXES[text]} 1")
        elif text and text not in KEYWORDS:
            from ctcdsl.syntax.foreign import hints  # loaded only for an error

            message = f"unknown tag `{text}`"
            hint = hints.tag_hint(text, options) or hint
        self._diagnostics.error("CTC104", message, argument.span, hint=hint)

    def integer(
        self, argument: Argument, low: int, high: int, noun: str, scope: Scope
    ) -> int | None:
        """A whole number from `low` to `high`, or None after an error that names the `noun`."""
        value = self._expressions.value(argument, scope)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = whole(value)
        if not isinstance(value, int):
            text = quoted(argument.span)
            evaluated = "" if isinstance(argument, Number) else f", which is {value:g}"
            self._diagnostics.error(
                "CTC108", f"{noun} is a whole number, not {text}{evaluated}", argument.span
            )
            return None
        return value if self.number(value, low, high, noun, argument.span) else None

    def amount(
        self, value: int | Argument, span: Span, low: int, high: int, noun: str, scope: Scope
    ) -> int | None:
        """The whole number of a stride or a repetition, which `span` covers."""
        if isinstance(value, int):
            return value if self.number(value, low, high, noun, span) else None
        return self.integer(value, low, high, noun, scope)

    def stride(self, stride: Stride, scope: Scope) -> Pair | None:
        """That of height and width, of `/2` or a tag `s2x1`; None after an error."""
        noun = "a stride"
        if isinstance(stride.value, Size):
            height, width = stride.value.sides
            ok = [self.number(side, 1, MAX_KERNEL, noun, stride.span) for side in (height, width)]
            return (height, width) if all(ok) else None
        side = self.amount(stride.value, stride.span, 1, MAX_KERNEL, noun, scope)
        return None if side is None else (side, side)

    def real(self, argument: Argument, scope: Scope) -> float | None:
        """Any number, or None after an error."""
        return self._expressions.value(argument, scope)

    def window(self, argument: Argument, high: int, noun: str, scope: Scope) -> Pair | None:
        """A window: one side, or height x width."""
        if isinstance(argument, Size):
            if len(argument.sides) != 2:
                self._diagnostics.error(
                    "CTC107",
                    f"{noun} is a side or height x width, not {quoted(argument.span)}",
                    argument.span,
                    hint="write `3` or `1x7`",
                )
                return None
            height, width = argument.sides
            ok = [self.number(side, 1, high, noun, argument.span) for side in (height, width)]
            return (height, width) if all(ok) else None
        side = self.integer(argument, 1, high, noun, scope)
        return None if side is None else (side, side)

    def number(self, value: int, low: int, high: int, noun: str, span: Span) -> bool:
        """Whether `value` is from `low` to `high`; reported if not."""
        if low <= value <= high:
            return True
        shown = str(value) if abs(value) < 10**15 else "a number of over 15 digits"
        self._diagnostics.error(
            "CTC108", f"{noun} must be between {low} and {high:,}, not {shown}", span
        )
        return False

    def unknown(self, word: str, span: Span, definitions: tuple[str, ...] = ()) -> None:
        """Report a word that is not a layer, and suggest the one meant."""
        if self._diagnostics.is_reported("CTC101", span):
            return
        from ctcdsl.syntax.foreign import hints  # loaded only for an error

        entry = KEYWORDS.get(word)
        if entry is not None:
            article = "an" if entry.kind[0] in "ao" else "a"
            message = f"`{word}` is {article} {entry.kind} word, not a layer"
            hint = hints.hint(word, ()) if entry.kind == "style" else ""
            hint = hint or f"it means: {entry.summary}"
            self._diagnostics.error("CTC101", message, span, hint=hint)
            return
        known = (*definitions, *words("layer", "norm", "activation"))
        repeated = re.fullmatch(r"(\w*?)([xX])([0-9]+|\w*)", word)
        if repeated is not None and repeated[1] in known and repeated[3].isdecimal():
            spaced = f"{repeated[1]} x{repeated[3]}"
            hint = Hint(f"before `x` a word needs a space: `{spaced}`", spaced)
        elif repeated is not None and not repeated[1] and repeated[3].isdecimal():
            hint = Hint(f"repetition is a small x: `x{repeated[3]}`", f"x{repeated[3]}")
        else:
            hint = hints.hint(word, (*known, *words("header")))
            if word[:1] == "x" and not hint:
                hint = Hint(f"repetition by a name is `x({word[1:]})`", f"x({word[1:]})")
        hint = hint or f"the layers are {', '.join(known)}"
        self._diagnostics.error("CTC101", f"unknown layer {quoted(span)}", span, hint=hint)


def without(tag: str, span: Span) -> tuple[Fix, ...]:
    """The change that takes a tag, with its constants, out of a layer's text, if it is there."""
    found = re.search(rf",[ \t]*{tag}(?![\w×])(?:\([^()]*\))?(?!\()", span.text)
    if found is None:
        return ()
    start = span.start + found.start()
    return (Fix(span._replace(start=start, end=start + len(found[0])), ""),)


def with_padding(tag: str, span: Span) -> tuple[Fix, ...]:
    """The change of the padding in a layer's text, where numbers give it."""
    found = re.search(r"(?<=[, \t])p[0-9]+(?:[x×][0-9]+)?(?![\w×])", span.text)
    if found is None:
        return ()
    start = span.start + found.start()
    return (Fix(span._replace(start=start, end=start + len(found[0])), tag),)
