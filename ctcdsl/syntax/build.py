"""From the parser's reductions to syntax nodes: one method a grammar rule."""

from __future__ import annotations

from typing import Any

from lark import Token

from ctcdsl.syntax import nodes as n
from ctcdsl.text import Source, Span

_MAX_DIGITS = 18
"""Longer numbers become this many nines: the checker rejects them by size."""


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS - 1


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

    def size(self, children: list[Any]) -> n.Size:
        numbers: list[n.Number] = children[::2]
        return n.Size(
            tuple(int(number.value) for number in numbers), self._span(children[0], children[-1])
        )

    def integer(self, children: list[Token]) -> n.Number:
        value = _integer(children[-1])
        return n.Number(
            value if len(children) == 1 else -value, self._span(children[0], children[-1])
        )

    def line(self, children: list[Any]) -> n.Line:
        label = children[0] if isinstance(children[0], Token) else None
        items: tuple[n.Item, ...] = children[-1]
        span = self._span(items[0] if label is None else label, items[-1])
        return n.Line(None if label is None else label[:-1], items, span)

    # ----------------------------------------------------------------- items

    def sequence(self, children: list[n.Item]) -> tuple[n.Item, ...]:
        return tuple(children)

    def joined(self, children: list[Any]) -> n.Item:
        item: n.Item = children[-1]
        return n.Item(item.primary, item.postfixes, True, item.span)

    def item(self, children: list[Any]) -> n.Item:
        primary, *postfixes = children
        if (
            isinstance(primary, n.Call)
            and primary.word == "max"
            and len(primary.arguments) == 1
            and isinstance(primary.arguments[0], n.Number)
            and postfixes
            and isinstance(postfixes[0], n.Stride)
        ):
            primary = primary.arguments[0]  # max(3)/2 is 3/2
        return n.Item(primary, tuple(postfixes), False, self._span(children[0], children[-1]))

    def postfix(self, children: list[Token]) -> n.Postfix:
        if len(children) == 1:
            return n.Stride(_integer(children[0][1:]), self._token_span(children[0]))
        return n.Times(_integer(children[1]), self._span(children[0], children[1]))

    def times_expression(self, children: list[Any]) -> n.Times:
        argument = children[2]
        span = self._span(children[0], children[-1])
        return n.Times(n.Expression((argument.span.text,), argument.span), span)

    def word(self, children: list[Token]) -> n.Name:
        return n.Name(str(children[0]), self._token_span(children[0]))

    def number(self, children: list[Token]) -> n.Number:
        return n.Number(_integer(children[0]), self._token_span(children[0]))

    def convolution(self, children: list[Any]) -> n.Convolution:
        return n.Convolution(tuple(children[1:-1]), self._span(children[0], children[-1]))

    def call(self, children: list[Any]) -> n.Call:
        return n.Call(
            children[0][:-1], tuple(children[1:-1]), self._span(children[0], children[-1])
        )

    def group(self, children: list[Any]) -> n.Group:
        return n.Group(
            str(children[0]), tuple(children[1:-1]), self._span(children[0], children[-1])
        )

    def branch(self, children: list[Any]) -> n.Branch:
        items: tuple[n.Item, ...] = children[0]
        last = children[1] if len(children) == 2 else items[-1]
        return n.Branch(items, len(children) == 2, self._span(items[0], last))

    # ------------------------------------------------------------- arguments

    def argument(self, tokens: list[Token]) -> n.Argument:
        span = self._span(tokens[0], tokens[-1])
        kinds = [token.type for token in tokens]
        if kinds == ["WORD"]:
            return n.Name(str(tokens[0]), span)
        if kinds[-1] in ("INT", "FLOAT") and kinds[:-1] in ([], ["MINUS"]):
            value = float(tokens[-1]) if kinds[-1] == "FLOAT" else _integer(tokens[-1])
            return n.Number(value if len(tokens) == 1 else -value, span)
        if len(tokens) > 1 and kinds == ["INT", "TIMES"] * (len(tokens) // 2) + ["INT"]:
            return n.Size(tuple(_integer(token) for token in tokens[::2]), span)
        return n.Expression(tuple(str(token) for token in tokens), span)

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
        items: tuple[n.Item, ...] = children[0]
        return n.Cell(items, False, self._span(items[0], items[-1]))
