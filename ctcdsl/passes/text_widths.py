"""The widths that a text names: numbers of filters and features that a rewrite may change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ctcdsl.layers import WORDS
from ctcdsl.syntax.nodes import (
    Argument,
    Call,
    Convolution,
    Def,
    Expression,
    File,
    Group,
    Item,
    Let,
    Line,
    Name,
    Number,
)
from ctcdsl.text import Span


class WidthLiteral(NamedTuple):
    """A number of the text that is a width, found again by where it is."""

    value: int
    place: tuple[int, int]


def width_literals(tree: File) -> tuple[WidthLiteral, ...]:
    """The widths of a file of one network, in the order of the text.

    Numbers of filters, features and squeezed channels; arguments of `def`s and values of
    `let`s that are used as such. Not the factors of expressions: `6c`, `c/4` and `2n`
    follow the number that they multiply.
    """
    return tuple(_Finder(tree).literals())


def with_values(tree: File, values: Mapping[tuple[int, int], int]) -> File:
    """A file with other numbers at some places."""
    file: File = _with_values(tree, values)
    return file


def _with_values(node: Any, values: Mapping[tuple[int, int], int]) -> Any:
    if isinstance(node, Number):
        value = values.get((node.span.start, node.span.end))
        return node if value is None else node._replace(value=value)
    if not isinstance(node, tuple) or isinstance(node, Span):
        return node
    parts = [_with_values(part, values) for part in node]
    if all(new is old for new, old in zip(parts, node, strict=True)):
        return node
    return node._make(parts) if hasattr(node, "_make") else tuple(parts)


class _Finder:
    """Finds which parameters are widths, by where they are used, and then the numbers."""

    def __init__(self, tree: File) -> None:
        self._defs = {s.name.text: s for s in tree.statements if isinstance(s, Def)}
        self._lets = {s.name.text: s for s in tree.statements if isinstance(s, Let)}
        self._lines = [s for s in tree.statements if isinstance(s, Line)]
        self._widths: set[tuple[str, str]] = set()
        """Parameters that are widths, each with its `def`; `let`s with an empty one."""

    def literals(self) -> Iterator[WidthLiteral]:
        """The numbers that are widths, in the order of the text."""
        known = -1
        while known < len(self._widths):  # a parameter may be handed on to another `def`
            known = len(self._widths)
            for scope, argument in self._positions():
                self._mark(argument, scope)
        found: dict[tuple[int, int], WidthLiteral] = {}
        for _, argument in self._positions():
            if isinstance(argument, Number) and isinstance(argument.value, int):
                place = argument.span.start, argument.span.end
                found[place] = WidthLiteral(argument.value, place)
        yield from (found[place] for place in sorted(found))

    def _positions(self) -> Iterator[tuple[str, Argument]]:
        """Each argument that is a width as far as is known, and the `def` that it is in."""
        for name, let in self._lets.items():
            if ("", name) in self._widths:
                yield "", let.value
        for name, definition in self._defs.items():
            for parameter in definition.parameters:
                if (name, parameter.text) in self._widths and parameter.default is not None:
                    yield "", parameter.default
            yield from ((name, argument) for argument in self._of_items(definition.items))
        for line in self._lines:
            yield from (("", argument) for argument in self._of_items(line.items))

    def _of_items(self, items: Sequence[Item]) -> Iterator[Argument]:
        for item in items:
            match item.primary:
                case Convolution(arguments):
                    yield from arguments[1:2]
                case Group(branches=branches, join=join):
                    if isinstance(join, Call):  # `split(64){ … }`: the share of the first branch
                        yield from join.arguments[:1]
                    for branch in branches:
                        yield from self._of_items(branch.items)
                case Call(word, arguments, named=named) if word in self._defs:
                    yield from (n.value for n in named if (word, n.name.text) in self._widths)
                    for parameter, argument in zip(
                        self._defs[word].parameters, arguments, strict=False
                    ):
                        if (word, parameter.text) in self._widths:
                            yield argument
                case Call(word, arguments) if word in WORDS:
                    for declared, argument in zip(WORDS[word].arguments, arguments, strict=False):
                        if declared.name in WORDS[word].kind.widths:
                            yield argument
                case _:
                    continue

    def _mark(self, argument: Argument, scope: str) -> None:
        """Note the names that give an argument its channels: in `t*c` that is `c`, in `2n` n."""
        if isinstance(argument, Call):  # a function: `round8(w*c)`
            for part in argument.arguments:
                self._mark(part, scope)
            return
        if isinstance(argument, Name):
            terms = [[argument.text]]
        elif isinstance(argument, Expression):
            terms = _terms(argument)
        else:
            return
        for names in terms:
            if "c" in names:
                continue
            for name in reversed(names):  # of a product the last: `t*n` is n, t times
                if scope and any(p.text == name for p in self._defs[scope].parameters):
                    self._widths.add((scope, name))
                elif name in self._lets:
                    self._widths.add(("", name))
                else:
                    continue
                break


def _terms(expression: Expression) -> list[list[str]]:
    """The names of each summand of an expression, those that divide left out."""
    terms: list[list[str]] = [[]]
    for token in expression.tokens:
        if token in ("+", "-"):
            terms.append([])
        elif token[0] != "/":
            terms[-1] += re.findall(r"[A-Za-z_]\w*", token)
    return terms
