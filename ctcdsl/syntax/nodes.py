"""The syntax tree of a .ctc file: what the author wrote, before anything is looked up.

Spans are left out of comparison, so two trees are equal when they say the same;
comments and blank lines do count, because the formatter keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ctcdsl.text import Span


class Trivia(NamedTuple):
    """What stands around a statement: comment lines above it and one behind it.

    An empty string in `above` is a blank line.
    """

    above: tuple[str, ...] = ()
    behind: str = ""


NO_TRIVIA = Trivia()


# ---------------------------------------------------------------- arguments


@dataclass(frozen=True, slots=True)
class Number:
    """A number: `7`, `0.5`, `-1`."""

    value: int | float
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A word among arguments or behind a header: `p1`, `ceil`, `paper`."""

    text: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers joined by `x`: `3x224x224`, `1x7`; a lone header number has one."""

    sides: tuple[int, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Expression:
    """Arithmetic, as the tokens it is made of: `4c`, `t*c`, `c/4`."""

    tokens: tuple[str, ...]
    span: Span = field(compare=False)


Argument = Number | Name | Size | Expression


# -------------------------------------------------------------------- items


@dataclass(frozen=True, slots=True)
class Convolution:
    """`(k,n,tags)`."""

    arguments: tuple[Argument, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A word with arguments: `fc(4096)`."""

    word: str
    arguments: tuple[Argument, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """`{ … }` (`bracket` is `{`) or `[ … ]` around branches."""

    bracket: str
    branches: tuple[Branch, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Stride:
    """`/s` behind an item."""

    value: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Times:
    """`xN` behind an item."""

    count: int | Expression
    span: Span = field(compare=False)


Primary = Convolution | Call | Group | Name | Number
Postfix = Stride | Times


@dataclass(frozen=True, slots=True)
class Item:
    """A layer or a group with what is done to it; `joined` by the author's `+`."""

    primary: Primary
    postfixes: tuple[Postfix, ...]
    joined: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a group; `optional` when `?` follows it."""

    items: tuple[Item, ...]
    optional: bool
    span: Span = field(compare=False)


# --------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Header:
    """`word value …`: `input 3x224x224`, `maps 36 18 6`, `net J'`."""

    word: str
    values: tuple[Name | Size, ...]
    span: Span = field(compare=False)
    trivia: Trivia = NO_TRIVIA


@dataclass(frozen=True, slots=True)
class Line:
    """A line of layers, with the stage's name where it has one."""

    label: str | None
    items: tuple[Item, ...]
    span: Span = field(compare=False)
    trivia: Trivia = NO_TRIVIA


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; `rule` for the dashes under a Markdown table's head."""

    items: tuple[Item, ...]
    rule: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its first cell is the network's name (or the titles)."""

    cells: tuple[Cell, ...]
    span: Span = field(compare=False)
    trivia: Trivia = NO_TRIVIA


@dataclass(frozen=True, slots=True)
class Table:
    """`table … end`; the first row holds the titles."""

    rows: tuple[Row, ...]
    span: Span = field(compare=False)
    trivia: Trivia = NO_TRIVIA
    end: Trivia = NO_TRIVIA


Statement = Header | Line | Table


@dataclass(frozen=True, slots=True)
class File:
    """A whole file; `below` are the comments after the last statement."""

    statements: tuple[Statement, ...]
    below: tuple[str, ...]
    span: Span = field(compare=False)
