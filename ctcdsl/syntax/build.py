"""From the parser's reductions to syntax nodes: one method a grammar rule."""

from __future__ import annotations

from typing import Any, cast

from lark import Token

from ctcdsl.syntax.format import decimal
from ctcdsl.syntax.lexing import MAX_DEPTH, NestingTooDeep
from ctcdsl.syntax.nodes import (
    Argument,
    Branch,
    Call,
    Cell,
    Convolution,
    Def,
    Expression,
    File,
    Group,
    Header,
    Item,
    Let,
    Line,
    Name,
    Number,
    Postfix,
    Repeat,
    Row,
    Size,
    Statement,
    Stride,
    Table,
)
from ctcdsl.text import Source, Span

_MAX_DIGITS = 18
"""Longer numbers become this many nines: the checker rejects them by size."""


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS - 1


def _real(digits: str) -> float:
    return min(float(digits), 10.0**_MAX_DIGITS)


def _sides(text: str) -> tuple[int, ...]:
    return tuple(_integer(side.strip()) for side in text.replace("×", "x").split("x"))


_OPERATORS = {"TIMES": "*", "MINUS": "-"}
"""Expressions have these signs, however the author wrote them."""


def _tokens(argument: Argument) -> tuple[str, ...]:
    match argument:
        case Expression(tokens):
            return tokens
        case Number(value):
            return (decimal(value),) if value >= 0 else ("-", decimal(-value))
        case Name(text):
            return (text,)
        case Size(sides):
            return ("x".join(map(str, sides)),)


def _is_stride_tag(argument: Argument) -> bool:
    text = argument.text if isinstance(argument, Name) else ""
    return text[:1] == "s" and text[1:].isascii() and text[1:].isdecimal()


def _is_literal_stride(postfix: Postfix) -> bool:
    return isinstance(postfix, Stride) and isinstance(postfix.value, int)


class Builder:
    """Builds the nodes of one source; its methods are Lark's callbacks."""

    def __init__(self) -> None:
        self.source = Source("", "")

    def _span(self, first: Any, last: Any) -> Span:
        start = first.start_pos if isinstance(first, Token) else first.span.start
        end = last.end_pos if isinstance(last, Token) else last.span.end
        assert isinstance(start, int) and isinstance(end, int)
        return Span(self.source, start, end)

    def _token_span(self, token: Token) -> Span:
        return Span(self.source, token.start_pos or 0, token.end_pos or 0)

    # ------------------------------------------------------------ statements

    def start(self, statements: list[Statement]) -> File:
        return File(tuple(statements), (), Span(self.source, 0, len(self.source.text)))

    def header(self, children: list[Any]) -> Header:
        word, *values = children
        return Header(
            str(word),
            tuple(Name(str(v), self._token_span(v)) if isinstance(v, Token) else v for v in values),
            self._span(word, values[-1]),
        )

    def name(self, children: list[Token]) -> Name:
        return Name("".join(children), self._span(children[0], children[-1]))

    def size(self, tokens: list[Token]) -> Size:
        return Size(_sides(tokens[0]), self._token_span(tokens[0]))

    def let(self, children: list[Any]) -> Let:
        word, name, _, value = children
        return Let(Name(str(name), self._token_span(name)), value, self._span(word, value))

    def definition(self, children: list[Any]) -> Def:
        word, name, *rest = children
        items: list[Item] = rest[-1]
        text = name.rstrip("(")
        start = name.start_pos or 0
        parameters = rest[0] if isinstance(rest[0], list) else []
        return Def(
            Name(text, Span(self.source, start, start + len(text))),
            tuple(Name(str(token), self._token_span(token)) for token in parameters),
            tuple(items),
            self._span(word, items[-1]),
        )

    def line(self, children: list[Any]) -> Line:
        label = children[0] if isinstance(children[0], Token) else None
        items: list[Item] = children[-1]
        span = self._span(items[0] if label is None else label, items[-1])
        return Line(None if label is None else label[:-1], tuple(items), span)

    # ----------------------------------------------------------------- items

    def first(self, children: list[Any]) -> list[Any]:
        return children

    def following(self, children: list[Any]) -> list[Any]:
        elements: list[Any] = children[0]
        elements.append(children[1])
        return elements

    def joined(self, children: list[Any]) -> list[Item]:
        items: list[Item] = children[0]
        item: Item = children[2]
        items.append(Item(item.primary, item.postfixes, True, item.span))
        return items

    def item(self, children: list[Convolution | Call | Group]) -> Item:
        """Build an item; a tag `s2` of a convolution or a pool is the stride `/2`."""
        primary = children[0]
        item = Item(primary, (), False, primary.span)
        if isinstance(primary, Group):
            return item
        if isinstance(primary, Call) and primary.word not in ("max", "avg"):
            return item
        numbers = 2 if isinstance(primary, Convolution) else 1
        strides = [tag for tag in primary.arguments[numbers:] if _is_stride_tag(tag)]
        if not strides:
            return item
        others = tuple(argument for argument in primary.arguments if argument not in strides)
        item = item._replace(primary=primary._replace(arguments=others))
        for tag in strides:
            assert isinstance(tag, Name)
            item = self._extended(item, Stride(_integer(tag.text[1:]), tag.span), None)
        return item._replace(span=primary.span)

    def word(self, children: list[Token]) -> Item:
        name = Name(str(children[0]), self._token_span(children[0]))
        return Item(name, (), False, name.span)

    def number(self, children: list[Token]) -> Item:
        number = Number(_integer(children[0]), self._token_span(children[0]))
        return Item(number, (), False, number.span)

    def strided(self, children: list[Any]) -> Item:
        item, token = children
        digits = token[1:]
        span = self._token_span(token)
        value = _integer(digits) if digits.isdecimal() else Expression((digits,), span)
        return self._extended(item, Stride(value, span), token)

    def repeated(self, children: list[Any]) -> Item:
        item, times, counts = children
        span = self._span(times, counts)
        tight = item.postfixes and item.postfixes[-1].span.end == span.start
        for amount in _sides(counts):  # x4x2 repeats twice
            # Once is nothing; `/2x1` is kept, and reported: it reads as a stride per side.
            if amount == 1 and not (tight and _is_literal_stride(item.postfixes[-1])):
                item = item._replace(span=self._span(item, counts))
                continue
            item = self._extended(item, Repeat(amount, span), times)
        return cast("Item", item)

    def repeated_by(self, children: list[Any]) -> Item:
        item, times, _, argument, closing = children
        count = Expression(_tokens(argument), argument.span)
        return self._extended(item, Repeat(count, self._span(times, closing)), times)

    def _extended(self, item: Item, postfix: Postfix, token: Token | None) -> Item:
        if token is not None and len(item.postfixes) >= MAX_DEPTH:
            raise NestingTooDeep(token)
        primary = item.primary
        if (
            isinstance(postfix, Stride)
            and not item.postfixes
            and isinstance(primary, Call)
            and primary.word == "max"
            and len(primary.arguments) == 1
            and isinstance(primary.arguments[0], Number)
        ):
            primary = primary.arguments[0]  # max(3)/2 is 3/2
        span = Span(self.source, item.span.start, postfix.span.end)
        return Item(primary, (*item.postfixes, postfix), False, span)

    def convolution(self, children: list[Any]) -> Convolution:
        span = self._span(children[0], children[-1])
        return Convolution(tuple(children[1]) if len(children) == 3 else (), span)

    def call(self, children: list[Any]) -> Call:
        span = self._span(children[0], children[-1])
        return Call(children[0][:-1], tuple(children[1]) if len(children) == 3 else (), span)

    def group(self, children: list[Any]) -> Group:
        opening, branches, closing = children
        return Group(str(opening), tuple(branches), self._span(opening, closing))

    def branch(self, children: list[Any]) -> Branch:
        items: list[Item] = children[0]
        optional = len(children) == 2
        last = children[1] if optional else items[-1]
        return Branch(tuple(items), optional, self._span(items[0], last))

    # ------------------------------------------------------------- arguments

    def argument(self, tokens: list[Token]) -> Argument:
        first = tokens[0]
        if len(tokens) == 1:
            span = self._token_span(first)
            match first.type:
                case "INT":
                    return Number(_integer(first), span)
                case "WORD" | "CLASSES":
                    return Name(str(first), span)
                case "SIZE":
                    return Size(_sides(first), span)
                case "FLOAT":
                    return Number(_real(first), span)
                case _:
                    return Expression((str(first),), span)
        span = self._span(first, tokens[-1])
        kinds = [token.type for token in tokens]
        if kinds in (["MINUS", "INT"], ["MINUS", "FLOAT"]):
            value = _real(tokens[1]) if kinds[1] == "FLOAT" else _integer(tokens[1])
            return Number(-value, span)
        return Expression(tuple(_OPERATORS.get(token.type) or str(token) for token in tokens), span)

    # ---------------------------------------------------------------- tables

    def table(self, children: list[Any]) -> Table:
        rows = tuple(row for row in children[1:-1] if row.cells)
        return Table(rows, self._span(children[0], children[-1]))

    def row(self, cells: list[Cell]) -> Row:
        """Build a row; the outer bars of a Markdown table give empty cells at its ends."""
        full = [k for k, cell in enumerate(cells) if cell.items or cell.is_separator]
        if not full:
            return Row((), Span(self.source, 0, 0))
        cells = cells[min(full[0], 1) : full[-1] + 1]
        return Row(tuple(cells), self._span(cells[full[0] - 1 if full[0] else 0], cells[-1]))

    def cell(self, children: list[Any]) -> Cell:
        if not children:
            return Cell((), False, Span(self.source, 0, 0))
        if isinstance(children[0], Token):
            return Cell((), True, self._token_span(children[0]))
        items: list[Item] = children[0]
        return Cell(tuple(items), False, self._span(items[0], items[-1]))
