"""From the parser's reductions to syntax nodes: one method a grammar rule."""

from __future__ import annotations

from typing import Any, cast

from lark import Token

from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.format import decimal
from ctcdsl.syntax.lexing import MAX_DEPTH, NestingTooDeep
from ctcdsl.text import Source, Span

_MAX_DIGITS = 18
"""Longer numbers become this many nines: the checker rejects them by size."""


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS - 1


def _real(text: str) -> int | float:
    """A number with a fraction or an exponent: `1e3` is whole, `1000.0` is not."""
    value = min(float(text.replace("−", "-")), 10.0**_MAX_DIGITS)
    return int(value) if value.is_integer() and "e" in text.lower() else value


def _sides(text: str) -> tuple[int, ...]:
    return tuple(_integer(side.strip()) for side in text.replace("×", "x").split("x"))


_OPERATORS = {"TIMES": "*", "MINUS": "-"}
"""Expressions have these signs, however the author wrote them."""


def _tokens(argument: syntax.Argument) -> tuple[str, ...]:
    match argument:
        case syntax.Expression(tokens):
            return tokens
        case syntax.Number(value):
            return (decimal(value),) if value >= 0 else ("-", decimal(-value))
        case syntax.Name(text):
            return (text,)
        case syntax.Size(sides):
            return ("x".join(map(str, sides)),)
        case syntax.Call(word, arguments):
            inner = [token for value in arguments for token in (",", *_tokens(value))]
            return (f"{word}(", *inner[1:], ")")
        case syntax.Choice():
            raise AssertionError("the grammar has no choices in expressions")


def _stride_tag(argument: syntax.Argument) -> int | syntax.Size | None:
    """The stride of a tag `s2` or `s2x1`; None for any other argument."""
    if not isinstance(argument, syntax.Name) or argument.text[0] != "s":
        return None
    sides = argument.text[1:].split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdecimal() for side in sides):
        return None
    numbers = tuple(map(_integer, sides))
    return numbers[0] if len(set(numbers)) == 1 else syntax.Size(numbers, argument.span)


def _is_literal_stride(postfix: syntax.Postfix) -> bool:
    return isinstance(postfix, syntax.Stride) and isinstance(postfix.value, int)


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

    def start(self, statements: list[syntax.Statement]) -> syntax.File:
        return syntax.File(tuple(statements), (), Span(self.source, 0, len(self.source.text)))

    def header(self, children: list[Any]) -> syntax.Header:
        word, *values = children
        return syntax.Header(
            str(word),
            tuple(
                syntax.Name(str(v), self._token_span(v)) if isinstance(v, Token) else v
                for v in values
            ),
            self._span(word, values[-1]),
        )

    def name(self, children: list[Token]) -> syntax.Name:
        return syntax.Name("".join(children), self._span(children[0], children[-1]))

    def size(self, tokens: list[Token]) -> syntax.Size:
        return syntax.Size(_sides(tokens[0]), self._token_span(tokens[0]))

    def let(self, children: list[Any]) -> syntax.Let:
        word, name, _, values = children
        value = values[0]
        if len(values) > 1 or isinstance(value, syntax.Range):
            value = syntax.Choice(tuple(values), self._span(values[0], values[-1]))
        return syntax.Let(
            syntax.Name(str(name), self._token_span(name)), value, self._span(word, value)
        )

    def value(self, children: list[Any]) -> syntax.Argument:
        value: syntax.Argument = children[0]
        return value

    def range(self, children: list[Any]) -> syntax.Range:
        low, _, high, *by = children
        return syntax.Range(low, high, by[1] if by else None, self._span(low, children[-1]))

    def where(self, children: list[Any]) -> syntax.Where:
        word, condition = children
        return syntax.Where(condition, self._span(word, condition))

    def condition(self, children: list[Any]) -> syntax.Condition | syntax.Comparison:
        return self._joined(children, "or")

    def conjunction(self, children: list[Any]) -> syntax.Condition | syntax.Comparison:
        return self._joined(children, "and")

    def _joined(self, children: list[Any], word: str) -> syntax.Condition | syntax.Comparison:
        """Conditions with a word between them; those of the same word are one."""
        parts: list[syntax.Condition | syntax.Comparison] = []
        for child in children:
            if isinstance(child, syntax.Condition) and child.operator == word:
                parts += child.parts
            elif not isinstance(child, Token):
                parts.append(child)
        if len(parts) == 1:
            return parts[0]
        return syntax.Condition(word, tuple(parts), self._span(children[0], children[-1]))

    def comparison(self, children: list[Any]) -> syntax.Comparison:
        span = self._span(children[0], children[-1])
        return syntax.Comparison(tuple(children[::2]), tuple(map(str, children[1::2])), span)

    def definition(self, children: list[Any]) -> syntax.Def:
        word, name, *rest = children
        items: list[syntax.Item] = rest[-1]
        text = name.rstrip("(")
        start = name.start_pos or 0
        parameters = rest[0] if isinstance(rest[0], list) else []
        return syntax.Def(
            syntax.Name(text, Span(self.source, start, start + len(text))),
            tuple(map(self._to_parameter, parameters)),
            tuple(items),
            self._span(word, items[-1]),
        )

    def _to_parameter(self, child: Token | syntax.Named) -> syntax.Parameter:
        if isinstance(child, syntax.Named):
            return syntax.Parameter(child.name.text, child.name.span, child.value)
        return syntax.Parameter(str(child), self._token_span(child))

    def named(self, children: list[Any]) -> syntax.Named:
        token, _, value = children
        name = syntax.Name(str(token), self._token_span(token))
        return syntax.Named(name, value, self._span(token, value))

    def line(self, children: list[Any]) -> syntax.Line:
        label = children[0] if isinstance(children[0], Token) else None
        items: list[syntax.Item] = children[-1]
        span = self._span(items[0] if label is None else label, items[-1])
        return syntax.Line(None if label is None else label[:-1], tuple(items), span)

    # ----------------------------------------------------------------- items

    def first(self, children: list[Any]) -> list[Any]:
        return children

    def following(self, children: list[Any]) -> list[Any]:
        elements: list[Any] = children[0]
        elements.append(children[1])
        return elements

    def joined(self, children: list[Any]) -> list[syntax.Item]:
        items: list[syntax.Item] = children[0]
        item: syntax.Item = children[2]
        items.append(syntax.Item(item.primary, item.postfixes, True, item.span))
        return items

    def item(
        self,
        children: list[syntax.Convolution | syntax.Call | syntax.Group | syntax.Alternatives],
    ) -> syntax.Item:
        """Build an item; a tag `s2` of a convolution or a pool is the stride `/2`."""
        primary = children[0]
        item = syntax.Item(primary, (), False, primary.span)
        if isinstance(primary, syntax.Group | syntax.Alternatives):
            return item
        if isinstance(primary, syntax.Call) and primary.word not in ("max", "avg"):
            return item
        numbers = 2 if isinstance(primary, syntax.Convolution) else 1
        if len(primary.arguments) <= numbers:
            return item
        strides: list[syntax.Stride] = []
        others = list(primary.arguments[:numbers])
        for tag in primary.arguments[numbers:]:
            stride = _stride_tag(tag)
            if stride is None:
                others.append(tag)
            else:
                strides.append(syntax.Stride(stride, tag.span))
        if not strides:
            return item
        item = item._replace(primary=primary._replace(arguments=tuple(others)))
        # Those of two sides first: they are written as tags again.
        for stride_tag in sorted(strides, key=lambda tag: isinstance(tag.value, int)):
            item = self._extended(item, stride_tag, None)
        return item._replace(span=primary.span)

    def word(self, children: list[Token]) -> syntax.Item:
        name = syntax.Name(str(children[0]), self._token_span(children[0]))
        return syntax.Item(name, (), False, name.span)

    def number(self, children: list[Token]) -> syntax.Item:
        number = syntax.Number(_integer(children[0]), self._token_span(children[0]))
        return syntax.Item(number, (), False, number.span)

    def strided(self, children: list[Any]) -> syntax.Item:
        item, token = children
        digits = token[1:]
        span = self._token_span(token)
        value = _integer(digits) if digits.isdecimal() else syntax.Expression((digits,), span)
        return self._extended(item, syntax.Stride(value, span), token)

    def repeated(self, children: list[Any]) -> syntax.Item:
        item, times, counts = children
        span = self._span(times, counts)
        tight = item.postfixes and item.postfixes[-1].span.end == span.start
        for amount in _sides(counts):  # x4x2 repeats twice
            # Once is nothing; `/2x1` is kept, and reported: it reads as a stride per side.
            if amount == 1 and not (tight and _is_literal_stride(item.postfixes[-1])):
                item = item._replace(span=self._span(item, counts))
                continue
            item = self._extended(item, syntax.Repeat(amount, span), times)
        return cast("syntax.Item", item)

    def repeated_by(self, children: list[Any]) -> syntax.Item:
        item, times, _, argument, closing = children
        count: syntax.Expression | syntax.Choice = argument
        if not isinstance(argument, syntax.Choice):
            count = syntax.Expression(_tokens(argument), argument.span)
        return self._extended(item, syntax.Repeat(count, self._span(times, closing)), times)

    def _extended(
        self, item: syntax.Item, postfix: syntax.Postfix, token: Token | None
    ) -> syntax.Item:
        if token is not None and len(item.postfixes) >= MAX_DEPTH:
            raise NestingTooDeep(token)
        primary = item.primary
        if (
            isinstance(postfix, syntax.Stride)
            and not item.postfixes
            and isinstance(primary, syntax.Call)
            and primary.word == "max"
            and not isinstance(postfix.value, syntax.Size)
            and not primary.named
            and len(primary.arguments) == 1
            and isinstance(primary.arguments[0], syntax.Number)
        ):
            primary = primary.arguments[0]  # max(3)/2 is 3/2
        span = Span(self.source, item.span.start, postfix.span.end)
        return syntax.Item(primary, (*item.postfixes, postfix), False, span)

    def convolution(self, children: list[Any]) -> syntax.Convolution:
        span = self._span(children[0], children[-1])
        return syntax.Convolution(tuple(children[1]) if len(children) == 3 else (), span)

    def call(self, children: list[Any]) -> syntax.Call:
        span = self._span(children[0], children[-1])
        given = [argument for arguments in children[1:-1] for argument in arguments]
        named = tuple(argument for argument in given if isinstance(argument, syntax.Named))
        arguments = tuple(given[: len(given) - len(named)])
        return syntax.Call(children[0][:-1], arguments, span, named)

    function = call

    def group(self, children: list[Any]) -> syntax.Group:
        opening, branches, closing = children
        return syntax.Group(str(opening), tuple(branches), self._span(opening, closing))

    def alternatives(self, children: list[Any]) -> syntax.Alternatives:
        opening, branches, closing = children
        return syntax.Alternatives(tuple(branches), self._span(opening, closing))

    def choice(self, children: list[Any]) -> syntax.Choice:
        opening, values, closing = children
        return syntax.Choice(tuple(values), self._span(opening, closing))

    def joining(self, children: list[Any]) -> syntax.Group:
        join, opening, branches, closing = children
        span = self._span(join, closing)
        if isinstance(join, Token):
            join = syntax.Name(str(join), self._token_span(join))
        return syntax.Group(str(opening), tuple(branches), span, join)

    def branch(self, children: list[Any]) -> syntax.Branch:
        items: list[syntax.Item] = children[0]
        optional = len(children) == 2
        last = children[1] if optional else items[-1]
        return syntax.Branch(tuple(items), optional, self._span(items[0], last))

    # ------------------------------------------------------------- arguments

    def argument(self, children: list[Any]) -> syntax.Argument:
        first = children[0]
        if len(children) == 1:
            if isinstance(first, syntax.Call):
                return first
            span = self._token_span(first)
            match first.type:
                case "INT":
                    return syntax.Number(_integer(first), span)
                case "WORD" | "CLASSES":
                    return syntax.Name(str(first), span)
                case "SIZE":
                    return syntax.Size(_sides(first), span)
                case "FLOAT":
                    return syntax.Number(_real(first), span)
                case _:
                    return syntax.Expression((str(first),), span)
        kinds = [child.type if isinstance(child, Token) else "" for child in children]
        if kinds == ["LPAR", "", "RPAR"]:
            inner: syntax.Argument = children[1]
            return inner
        span = self._span(first, children[-1])
        if kinds in (["MINUS", "INT"], ["MINUS", "FLOAT"]):
            value = _real(children[1]) if kinds[1] == "FLOAT" else _integer(children[1])
            return syntax.Number(-value, span)
        tokens: list[str] = []
        for child, kind in zip(children, kinds, strict=True):
            if not kind:
                tokens += _tokens(child)
            elif kind == "LPAR" and tokens and tokens[-1] == "/":
                tokens[-1] = "/("
            elif kind == "FLOAT":
                tokens.append(decimal(_real(child)))
            else:
                tokens.append(_OPERATORS.get(kind) or str(child))
        return syntax.Expression(tuple(tokens), span)

    # ---------------------------------------------------------------- tables

    def table(self, children: list[Any]) -> syntax.Table:
        rows = tuple(row for row in children[1:-1] if row.cells)
        return syntax.Table(rows, self._span(children[0], children[-1]))

    def row(self, cells: list[syntax.Cell]) -> syntax.Row:
        """Build a row; the outer bars of a Markdown table give empty cells at its ends."""
        full = [k for k, cell in enumerate(cells) if cell.items or cell.is_separator]
        if not full:
            return syntax.Row((), Span(self.source, 0, 0))
        cells = cells[min(full[0], 1) : full[-1] + 1]
        return syntax.Row(tuple(cells), self._span(cells[full[0] - 1 if full[0] else 0], cells[-1]))

    def cell(self, children: list[Any]) -> syntax.Cell:
        if not children:
            return syntax.Cell((), False, Span(self.source, 0, 0))
        if isinstance(children[0], Token):
            return syntax.Cell((), True, self._token_span(children[0]))
        items: list[syntax.Item] = children[0]
        return syntax.Cell(tuple(items), False, self._span(items[0], items[-1]))
