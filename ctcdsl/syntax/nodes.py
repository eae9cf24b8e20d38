"""The syntax tree of a .ctc file: what the author wrote, before anything is looked up.

Nodes are named tuples: frozen, and a tenth of a frozen dataclass's price to define, which
a command that answers at once would notice. Spans are fields like any other; to
compare what two trees say, strip them (tests/support/trees.py does).
"""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.text import Span


class Comments(NamedTuple):
    """The comment lines above a statement and the comment that ends its line.

    An empty string in `leading` is a blank line.
    """

    leading: tuple[str, ...] = ()
    trailing: str = ""


NO_COMMENTS = Comments()


# ---------------------------------------------------------------- arguments


class Number(NamedTuple):
    """A number: `7`, `0.5`, `-1`, `1e-3`."""

    value: int | float
    span: Span


class Name(NamedTuple):
    """A word among arguments or after a header: `p1`, `ceil`, `paper`."""

    text: str
    span: Span


class Size(NamedTuple):
    """Numbers joined by `x`: `3x224x224`, `1x7`; a lone header number has one."""

    sides: tuple[int, ...]
    span: Span


class Expression(NamedTuple):
    """Arithmetic, as the tokens it is made of: `4c`, `t*c`, `c/4`, `round8(2*(c+1))`.

    A divisor has its `/` (`/4`, `/n`, `/(`), a function its `(`.
    """

    tokens: tuple[str, ...]
    span: Span


class Call(NamedTuple):
    """A word with arguments: a layer `fc(4096)`, a tag `g(n/16)`, a function `round8(w*c)`.

    `named` follow the others, and only a layer has them: `mb(3,24,e=1)`.
    """

    word: str
    arguments: tuple[Argument, ...]
    span: Span
    named: tuple[Named, ...] = ()


class Range(NamedTuple):
    """`16..512 by 16`: the numbers from `low` to `high`, both among them; `step` is 1 if None."""

    low: Argument
    high: Argument
    step: Argument | None
    span: Span


class Choice(NamedTuple):
    """Values of which a network has one: `2 | 3 | 16..512 by 16`, or in place `<3|5>`."""

    values: tuple[Argument | Range, ...]
    span: Span


Argument = Number | Name | Size | Expression | Call | Choice


class Named(NamedTuple):
    """`name=value`: of a header `eps=0.001`, a call, or a parameter with a default."""

    name: Name
    value: Argument
    span: Span


# -------------------------------------------------------------------- items


class Convolution(NamedTuple):
    """`(k,n,tags)`."""

    arguments: tuple[Argument, ...]
    span: Span


class Group(NamedTuple):
    """`{ … }` (`bracket` is `{`) or `[ … ]` with branches.

    `join` is the word that touches the bracket: `mul[ … ]`, `split(c/4){ … }`.
    """

    bracket: str
    branches: tuple[Branch, ...]
    span: Span
    join: Name | Call | None = None


class Alternatives(NamedTuple):
    """`< a | b | none >`: items of which a network has one branch's, chosen again at each place."""

    branches: tuple[Branch, ...]
    span: Span


class Stride(NamedTuple):
    """`/s` after an item; `s` may be a name. Two sides are those of the tag `s2x1`."""

    value: int | Size | Expression
    span: Span


class Repeat(NamedTuple):
    """`xN` after an item."""

    amount: int | Expression | Choice
    span: Span


Primary = Convolution | Call | Group | Alternatives | Name | Number
Postfix = Stride | Repeat


class Item(NamedTuple):
    """A layer or a group with what is done to it; `joined` by the author's `+`."""

    primary: Primary
    postfixes: tuple[Postfix, ...]
    joined: bool
    span: Span


class Branch(NamedTuple):
    """One branch of a group; `optional` when `?` follows it."""

    items: tuple[Item, ...]
    optional: bool
    span: Span


# --------------------------------------------------------------- statements


class Header(NamedTuple):
    """`word value …`: `input 3x224x224`, `maps 36 18 6`, `net J'`, `norm eps=0.001`."""

    word: str
    values: tuple[Name | Size | Named, ...]
    span: Span
    comments: Comments = NO_COMMENTS


class Let(NamedTuple):
    """`let name = value`: a parameter of the spec; with a `Choice` the spec is a space."""

    name: Name
    value: Argument
    span: Span
    comments: Comments = NO_COMMENTS


class Comparison(NamedTuple):
    """`k != 2`, `1 < w <= 64`: operands, and the operators between them."""

    operands: tuple[Argument, ...]
    operators: tuple[str, ...]
    span: Span


class Condition(NamedTuple):
    """Comparisons and conditions joined by `and` or by `or`, two at least."""

    operator: str
    parts: tuple[Condition | Comparison, ...]
    span: Span


class Where(NamedTuple):
    """`where k != 2 or d%2 == 0`: what must hold for the networks of a space."""

    condition: Condition | Comparison
    span: Span
    comments: Comments = NO_COMMENTS


class Parameter(NamedTuple):
    """A parameter of a `def`, and the value of one that a call leaves out: `e=6`."""

    text: str
    span: Span
    default: Argument | None = None


class Def(NamedTuple):
    """`def name(parameters) = items`: a user-defined block."""

    name: Name
    parameters: tuple[Parameter, ...]
    items: tuple[Item, ...]
    span: Span
    comments: Comments = NO_COMMENTS


class Line(NamedTuple):
    """A line of layers, with the stage's name where it has one."""

    label: str | None
    items: tuple[Item, ...]
    span: Span
    comments: Comments = NO_COMMENTS


class Cell(NamedTuple):
    """A cell of a table; a separator has the dashes below a Markdown table's titles."""

    items: tuple[Item, ...]
    is_separator: bool
    span: Span


class Row(NamedTuple):
    """A row of a table: its first cell is the network's name (or the titles)."""

    cells: tuple[Cell, ...]
    span: Span
    comments: Comments = NO_COMMENTS


class Table(NamedTuple):
    """`table … end`; the first row has the titles."""

    rows: tuple[Row, ...]
    span: Span
    comments: Comments = NO_COMMENTS
    end_comments: Comments = NO_COMMENTS


Statement = Header | Let | Where | Def | Line | Table


class File(NamedTuple):
    """A file; `trailing_comments` follow the last statement."""

    statements: tuple[Statement, ...]
    trailing_comments: tuple[str, ...]
    span: Span
