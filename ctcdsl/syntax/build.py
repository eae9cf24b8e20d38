"""From the parser's reductions to syntax nodes: one method a grammar rule."""

from __future__ import annotations

from typing import Any, cast

from lark import Token

from ctcdsl.syntax import nodes as n
from ctcdsl.syntax.format import decimal
from ctcdsl.syntax.lexing import MAX_DEPTH, NestingTooDeep
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
"""However the author wrote them, expressions hold these."""


def _tokens(argument: n.Argument) -> tuple[str, ...]:
    match argument:
        case n.Expression(tokens):
            return tokens
        case n.Number(value):
            return (decimal(value),) if value >= 0 else ("-", decimal(-value))
        case n.Name(text):
            return (text,)
        case n.Size(sides):
            return ("x".join(map(str, sides)),)


def _is_stride_tag(argument: n.Argument) -> bool:
    text = argument.text if isinstance(argument, n.Name) else ""
    return text[:1] == "s" and text[1:].isascii() and text[1:].isdecimal()


def _is_literal_stride(postfix: n.Postfix) -> bool:
    return isinstance(postfix, n.Stride) and isinstance(postfix.value, int)


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

    def start(self, statements: list[n.Statement]) -> n.File:
        return n.File(tuple(statements), (), Span(self.source, 0, len(self.source.text)))

    def header(self, children: list[Any]) -> n.Header:
        word, *values = children
        return n.Header(
            str(word),
            tuple(
                n.Name(str(v), self._token_span(v)) if isinstance(v, Token) else v for v in values
            ),
            self._span(word, values[-1]),
        )

    def name(self, children: list[Token]) -> n.Name:
        return n.Name("".join(children), self._span(children[0], children[-1]))

    def size(self, tokens: list[Token]) -> n.Size:
        return n.Size(_sides(tokens[0]), self._token_span(tokens[0]))

    def let(self, children: list[Any]) -> n.Let:
        word, name, _, value = children
        return n.Let(n.Name(str(name), self._token_span(name)), value, self._span(word, value))

    def definition(self, children: list[Any]) -> n.Def:
        word, name, *rest = children
        items: list[n.Item] = rest[-1]
        text = name.rstrip("(")
        start = name.start_pos or 0
        parameters = rest[0] if isinstance(rest[0], list) else []
        return n.Def(
            n.Name(text, Span(self.source, start, start + len(text))),
            tuple(n.Name(str(token), self._token_span(token)) for token in parameters),
            tuple(items),
            self._span(word, items[-1]),
        )

    def line(self, children: list[Any]) -> n.Line:
        label = children[0] if isinstance(children[0], Token) else None
        items: list[n.Item] = children[-1]
        span = self._span(items[0] if label is None else label, items[-1])
        return n.Line(None if label is None else label[:-1], tuple(items), span)

    # ----------------------------------------------------------------- items

    def first(self, children: list[Any]) -> list[Any]:
        return children

    def following(self, children: list[Any]) -> list[Any]:
        elements: list[Any] = children[0]
        elements.append(children[1])
        return elements

    def joined(self, children: list[Any]) -> list[n.Item]:
        items: list[n.Item] = children[0]
        item: n.Item = children[2]
        items.append(n.Item(item.primary, item.postfixes, True, item.span))
        return items

    def item(self, children: list[n.Convolution | n.Call | n.Group]) -> n.Item:
        """Build an item; a tag `s2` of a convolution or a pool is the stride `/2` behind it."""
        primary = children[0]
        item = n.Item(primary, (), False, primary.span)
        if isinstance(primary, n.Group):
            return item
        if isinstance(primary, n.Call) and primary.word not in ("max", "avg"):
            return item
        numbers = 2 if isinstance(primary, n.Convolution) else 1
        strides = [tag for tag in primary.arguments[numbers:] if _is_stride_tag(tag)]
        if not strides:
            return item
        kept = tuple(argument for argument in primary.arguments if argument not in strides)
        item = item._replace(primary=primary._replace(arguments=kept))
        for tag in strides:
            assert isinstance(tag, n.Name)
            item = self._extended(item, n.Stride(_integer(tag.text[1:]), tag.span), None)
        return item._replace(span=primary.span)

    def word(self, children: list[Token]) -> n.Item:
        name = n.Name(str(children[0]), self._token_span(children[0]))
        return n.Item(name, (), False, name.span)

    def number(self, children: list[Token]) -> n.Item:
        number = n.Number(_integer(children[0]), self._token_span(children[0]))
        return n.Item(number, (), False, number.span)

    def strided(self, children: list[Any]) -> n.Item:
        item, token = children
        digits = token[1:]
        span = self._token_span(token)
        value = _integer(digits) if digits.isdecimal() else n.Expression((digits,), span)
        return self._extended(item, n.Stride(value, span), token)

    def repeated(self, children: list[Any]) -> n.Item:
        item, times, counts = children
        span = self._span(times, counts)
        tight = item.postfixes and item.postfixes[-1].span.end == span.start
        for amount in _sides(counts):  # x4x2 repeats twice
            # Once is nothing; `/2x1` is kept, and reported: it reads as a stride per side.
            if amount == 1 and not (tight and _is_literal_stride(item.postfixes[-1])):
                item = item._replace(span=self._span(item, counts))
                continue
            item = self._extended(item, n.Repeat(amount, span), times)
        return cast("n.Item", item)

    def repeated_by(self, children: list[Any]) -> n.Item:
        item, times, _, argument, closing = children
        count = n.Expression(_tokens(argument), argument.span)
        return self._extended(item, n.Repeat(count, self._span(times, closing)), times)

    def _extended(self, item: n.Item, postfix: n.Postfix, token: Token | None) -> n.Item:
        if token is not None and len(item.postfixes) >= MAX_DEPTH:
            raise NestingTooDeep(token)
        primary = item.primary
        if (
            isinstance(postfix, n.Stride)
            and not item.postfixes
            and isinstance(primary, n.Call)
            and primary.word == "max"
            and len(primary.arguments) == 1
            and isinstance(primary.arguments[0], n.Number)
        ):
            primary = primary.arguments[0]  # max(3)/2 is 3/2
        span = Span(self.source, item.span.start, postfix.span.end)
        return n.Item(primary, (*item.postfixes, postfix), False, span)

    def convolution(self, children: list[Any]) -> n.Convolution:
        span = self._span(children[0], children[-1])
        return n.Convolution(tuple(children[1]) if len(children) == 3 else (), span)

    def call(self, children: list[Any]) -> n.Call:
        span = self._span(children[0], children[-1])
        return n.Call(children[0][:-1], tuple(children[1]) if len(children) == 3 else (), span)

    def group(self, children: list[Any]) -> n.Group:
        opening, branches, closing = children
        return n.Group(str(opening), tuple(branches), self._span(opening, closing))

    def branch(self, children: list[Any]) -> n.Branch:
        items: list[n.Item] = children[0]
        optional = len(children) == 2
        last = children[1] if optional else items[-1]
        return n.Branch(tuple(items), optional, self._span(items[0], last))

    # ------------------------------------------------------------- arguments

    def argument(self, tokens: list[Token]) -> n.Argument:
        first = tokens[0]
        if len(tokens) == 1:
            span = self._token_span(first)
            match first.type:
                case "INT":
                    return n.Number(_integer(first), span)
                case "WORD" | "CLASSES":
                    return n.Name(str(first), span)
                case "SIZE":
                    return n.Size(_sides(first), span)
                case "FLOAT":
                    return n.Number(_real(first), span)
                case _:
                    return n.Expression((str(first),), span)
        span = self._span(first, tokens[-1])
        kinds = [token.type for token in tokens]
        if kinds in (["MINUS", "INT"], ["MINUS", "FLOAT"]):
            value = _real(tokens[1]) if kinds[1] == "FLOAT" else _integer(tokens[1])
            return n.Number(-value, span)
        return n.Expression(
            tuple(_OPERATORS.get(token.type) or str(token) for token in tokens), span
        )

    # ---------------------------------------------------------------- tables

    def table(self, children: list[Any]) -> n.Table:
        rows = tuple(row for row in children[1:-1] if row.cells)
        return n.Table(rows, self._span(children[0], children[-1]))

    def row(self, cells: list[n.Cell]) -> n.Row:
        """Build a row; the outer bars of a Markdown table leave empty cells at its ends."""
        full = [k for k, cell in enumerate(cells) if cell.items or cell.rule]
        if not full:
            return n.Row((), Span(self.source, 0, 0))
        cells = cells[min(full[0], 1) : full[-1] + 1]
        return n.Row(tuple(cells), self._span(cells[full[0] - 1 if full[0] else 0], cells[-1]))

    def cell(self, children: list[Any]) -> n.Cell:
        if not children:
            return n.Cell((), False, Span(self.source, 0, 0))
        if isinstance(children[0], Token):
            return n.Cell((), True, self._token_span(children[0]))
        items: list[n.Item] = children[0]
        return n.Cell(tuple(items), False, self._span(items[0], items[-1]))
