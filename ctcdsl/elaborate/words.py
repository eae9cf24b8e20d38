"""Layers that are words, read by the arguments that each declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctcdsl.elaborate.arguments import Arguments, Tags
from ctcdsl.elaborate.expressions import Scope
from ctcdsl.ir import Layer, Linear, Style
from ctcdsl.layers.activations import ACTIVATIONS, Activation
from ctcdsl.layers.arguments import (
    Declaration,
    Flag,
    Function,
    Integer,
    Integers,
    Real,
    is_required,
    numbers,
    shown,
)
from ctcdsl.layers.base import WORDS, Word
from ctcdsl.layers.convolution import TAGS, Conv
from ctcdsl.layers.norms import NORMS, Norm
from ctcdsl.layers.standardisation import Standardisation
from ctcdsl.syntax.nodes import Argument, Call, Name
from ctcdsl.text import Hint, Origin, Span
from ctcdsl.text.fixes import write
from ctcdsl.text.plural import plural
from ctcdsl.text.sink import Diagnostics

Part = Norm | Activation | Standardisation
"""What a convolution has of its style, or by a tag of its own."""


class Words:
    """Reads the words of one network, whose style gives constants and activations to some."""

    def __init__(self, diagnostics: Diagnostics, style: Style) -> None:
        self._diagnostics = diagnostics
        self._arguments = Arguments(diagnostics)
        self._style = style

    def word(self, word: str, origin: Origin, known: tuple[str, ...] = ()) -> Layer | None:
        """A word without arguments; `known` are user-defined names, to suggest."""
        span = origin.span
        entry = WORDS.get(word)
        match word:
            case "max" | "avg":
                hint = write(f"{word}(3)/2")
                self._diagnostics.error("CTC102", f"`{word}` needs a window size", span, hint=hint)
            case "fc":
                return Linear(features=None, origin=origin)
            case "none":
                self._diagnostics.error(
                    "CTC301", "`none` is alone after `head:`", span, hint=_none_as_head(span)
                )
            case "x":
                self._diagnostics.error(
                    "CTC101",
                    "`x` is reserved for repetition",
                    span,
                    hint="a number follows it: `(3,256)x3`",
                )
            case _ if entry is None:
                self._arguments.unknown(word, span, known)
            case _ if any(map(is_required, entry.arguments)):
                self._diagnostics.error(
                    "CTC102", f"`{word}` needs an argument", span, hint=write(entry.example)
                )
            case _:
                return self._made(entry, {}, origin)
        return None

    def call(
        self, call: Call, scope: Scope, origin: Origin, known: tuple[str, ...] = ()
    ) -> Layer | None:
        """A word with arguments."""
        entry = WORDS.get(call.word)
        if entry is not None and entry.arguments:
            values = self._values(entry, call, scope)
            return None if values is None else self._made(entry, values, origin)
        if entry is not None or call.word == "none":
            self._report_none(call)
        else:
            span = Span(call.span.source, call.span.start, call.span.start + len(call.word))
            self._arguments.unknown(call.word, span, known)
        return None

    def _made(self, entry: Word, values: dict[str, Any], origin: Origin) -> Layer | None:
        """The layer of a word; None, reported, where its values do not go together."""
        for argument in entry.arguments:
            match argument:
                case Function():
                    values.setdefault(argument.name, argument.default(self._style))
                case Integer() | Real() if argument.default is not None:
                    values.setdefault(argument.name, argument.default)
                case _:
                    pass
        if entry.group in ("norm", "activation"):
            values = {entry.group: self._part(entry.word, values)}
        layer = entry.make(**values, origin=origin)
        problem = layer.problem
        if problem is not None:
            self._diagnostics.error("CTC108", problem[0], origin, hint=problem[1])
            return None
        return layer

    def part(self, word: str, tags: Tags, scope: Scope) -> Part | None:
        """What a word is as a tag that may have constants; None, reported, after an error."""
        call = tags.calls.get(word)
        if call is None:
            return self._part(word, {})
        entry = (
            WORDS[word] if word in WORDS else Word(word, "tag", *TAGS[word], kind=Conv, make=Conv)
        )
        if not entry.arguments:
            self._report_none(call)
            return None
        values = self._values(entry, call, scope)
        return None if values is None else self._part(word, values)

    def _part(self, word: str, values: Mapping[str, Any]) -> Part:
        if word == "ws":
            return self._style.make_standardisation(**values)
        if word in NORMS:
            return self._style.make_norm(word, **values)
        return self._style.make_activation(word, *values.values())

    def _report_none(self, call: Call) -> None:
        self._diagnostics.error(
            "CTC102",
            f"`{call.word}` takes no arguments",
            call.span,
            hint=write(call.word),
        )

    def _values(self, entry: Word, call: Call, scope: Scope) -> dict[str, Any] | None:
        """The values of a call's arguments by their names; None, reported, where one is wrong."""
        declared = numbers(entry.arguments)
        given, tags = _split(call.arguments, entry.arguments)
        many = bool(declared) and isinstance(declared[-1], Integers)
        least = sum(1 for argument in declared if is_required(argument))
        if len(given) < least or (len(given) > len(declared) and not many):
            self._report_count(entry, call, given)
            return None
        hint = write(entry.example).at(call.span)
        values: dict[str, Any] = {}
        ok = self._tags(entry, tags, values, call.span, scope)
        for argument, declaration in zip(given, declared, strict=False):
            match declaration:
                case Integers(name, low, high, noun):
                    rest = given[len(declared) - 1 :]
                    several = [self._arguments.integer(a, low, high, noun, scope) for a in rest]
                    values[name] = None if None in several else tuple(several)
                case Integer(name, low, high, noun):
                    values[name] = self._arguments.integer(argument, low, high, noun, scope)
                case Real():
                    values[declaration.name] = self._real(argument, declaration, scope, hint)
        return (
            values
            if ok and None not in (values[d.name] for d, _ in zip(declared, given, strict=False))
            else None
        )

    def _report_count(self, entry: Word, call: Call, given: Sequence[Argument]) -> None:
        declared = numbers(entry.arguments)
        if not declared:
            self._diagnostics.error(
                "CTC102",
                f"`{entry.word}` takes no number",
                given[0].span,
                hint=Hint(
                    f"write `{entry.word}`, or `{entry.example}`", entry.word, entry.example
                ).at(call.span),
            )
            return
        names = ", ".join(shown(argument) for argument in declared)
        takes = plural(len(declared), "argument") if len(declared) > 1 else "one argument"
        listed = f" ({names})" if len(declared) > 1 else ""
        if len(declared) > 1 and any(not is_required(argument) for argument in declared):
            takes = f"1 to {len(declared)} arguments"
        if isinstance(declared[-1], Integers):
            takes = "one argument or more"
        self._diagnostics.error(
            "CTC102",
            f"`{entry.word}` takes {takes}{listed}, not {len(given)}",
            given[len(declared)].span if len(given) > len(declared) else call.span,
            hint=write(entry.example).at(call.span),
        )

    def _real(
        self, argument: Argument, declaration: Real, scope: Scope, hint: Hint
    ) -> float | None:
        value = self._arguments.real(argument, scope)
        if value is None:
            return None
        _, low, high, noun, _, less, _ = declaration
        if low <= value <= high and not (less and value == high):
            return float(value)
        bounds = f"at least {low:g} and less than {high:g}" if less else f"from {low:g} to {high:g}"
        self._diagnostics.error(
            "CTC108",
            f"{noun} must be {bounds}, not {value:g}",
            argument.span,
            hint=hint,
        )
        return None

    def _tags(
        self,
        entry: Word,
        tags: Sequence[Argument],
        values: dict[str, Any],
        span: Span,
        scope: Scope,
    ) -> bool:
        """Read the words after a layer's numbers; whether all of them are its own."""
        functions = [a for a in entry.arguments if isinstance(a, Function)]
        flags = {a.word: a for a in entry.arguments if isinstance(a, Flag)}
        linear = ("linear",) if any(f.optional for f in functions) else ()
        known = (*linear, *(ACTIVATIONS if functions else ()), *flags)
        before = self._diagnostics.num_errors
        read = self._arguments.tags(tags, scope, options=known)
        chosen = [word for word in read.words if word not in flags]
        if len(chosen) > len(functions) > 1:
            message = f"`{entry.word}` takes {len(functions)} activations, not {len(chosen)}"
            names = " and ".join(function.noun for function in functions)
            self._diagnostics.error("CTC104", message, span, hint=f"keep {names}")
        elif len(chosen) > len(functions):
            self._arguments.one_of(read, ("linear", *ACTIVATIONS), "activation", span)
        for function, word in zip(functions, chosen, strict=False):
            values[function.name] = None if word == "linear" else self.part(word, read, scope)
        for word in read.words:
            if word in flags:
                values[flags[word].name] = flags[word].value
        return self._diagnostics.num_errors == before


def _split(
    arguments: Sequence[Argument], declared: Sequence[Declaration]
) -> tuple[Sequence[Argument], Sequence[Argument]]:
    """The numbers of a call, and the words after them."""
    if all(isinstance(argument, Integer | Real | Integers) for argument in declared):
        return arguments, ()
    words = {"linear", *ACTIVATIONS, *(a.word for a in declared if isinstance(a, Flag))}
    known = numbers(tuple(declared))
    count = least = sum(1 for argument in known if is_required(argument))
    for argument in arguments[least:]:
        # An unknown word after all numbers is meant as a tag.
        word = argument.text if isinstance(argument, Name) else ""
        word = argument.word if isinstance(argument, Call) else word
        if word in words or (word and count >= len(known)):
            break
        count += 1
    return arguments[:count], arguments[count:]


def _none_as_head(none: Span) -> Hint:
    """The hint to write `head: none`; with the change, where `none` is all of its line."""
    before, after = none.source.text[: none.start], none.source.text[none.end :]
    around = before.rpartition("\n")[2] + after.partition("\n")[0]
    return Hint("write `head: none`", *(() if around.strip() else ("head: none",)))
