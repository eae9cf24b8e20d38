"""Hypothesis strategies for syntax trees: everything the parser can build."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from ctcdsl.syntax.nodes import (
    Alternatives,
    Branch,
    Call,
    Cell,
    Choice,
    Comments,
    Comparison,
    Condition,
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
    Named,
    Number,
    Parameter,
    Primary,
    Range,
    Repeat,
    Row,
    Size,
    Stride,
    Table,
    Where,
)
from ctcdsl.syntax.words import KEYWORDS
from ctcdsl.text import Source, Span


def bare(node: object) -> object:
    """What a tree says: its nodes with their kinds, without their spans."""
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return (type(node).__name__, *map(bare, node))
    return node


SPAN = Span(Source("", ""), 0, 0)

HEADERS = {word for word, entry in KEYWORDS.items() if entry.kind == "header"}
HEADERS |= {"x", "by", "and", "or"}

integers = st.integers(0, 10**6)
words = st.one_of(
    st.sampled_from(["gap", "fc", "lrn", "id", "relu6", "p1", "dw", "ceil", "none", "xy", "_"]),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True),
).filter(lambda word: word not in HEADERS and not re.match("x[0-9]|s[0-9]+(x[0-9]+)?$", word))
primed = st.tuples(words, st.sampled_from(["", "", "'", "′", "''"])).map("".join)
comments = st.from_regex(r"#[ -~×′]{0,12}", fullmatch=True).map(str.rstrip)

numbers = st.one_of(
    integers,
    integers.map(lambda value: -value - 1),
    st.integers(0, 9999).map(lambda value: value / 1000),
    st.integers(1, 999).map(lambda value: value / 10**8),  # 0.00000999, never 9.99e-06
    st.integers(1, 99).map(lambda value: -value * 1e16),
).map(lambda value: Number(value, SPAN))
names = primed.map(lambda text: Name(text, SPAN))
sizes = st.lists(integers, min_size=2, max_size=3).map(lambda sides: Size(tuple(sides), SPAN))

# Expressions are tokens: terms with `+`, `-`, `*` between them, a divisor with its `/`, some in
# parentheses or given to a function.
# `bn-3` would be read as a style; no parameter has such a name.
identifiers = words.filter(lambda word: word not in ("conv", "bn", "ln"))
terms = st.one_of(
    st.integers(0, 9999).map(str),
    st.integers(1, 999).map(lambda value: f"{value / 1000}"),
    st.integers(1, 9).map(lambda value: f"{value}e-7"),
    identifiers,
    st.tuples(st.integers(0, 99), identifiers)
    .map(lambda pair: f"{pair[0]}{pair[1]}")
    .filter(lambda term: not re.fullmatch("[0-9]+[eE][0-9]+", term)),
    st.just("classes"),
)
divisors = st.one_of(st.integers(0, 99).map(str), identifiers)


def _encloses(of: tuple[str, ...]) -> bool:
    """Whether one pair of parentheses, or one call, is all there is."""
    if of[0][-1] != "(":
        return False
    depth = 0
    for token in of[:-1]:
        depth += (token[-1] == "(") - (token == ")")
        if depth == 0:
            return False
    return True


OPERATORS = ("", "+", "-", "*", "/", "(", "+/", "*-", "/*", "-(", "(+", "//", "+*/", "%", "%/")
"""Operators of a sum, chosen at once: each draw takes time."""


@st.composite
def _sums(draw: st.DrawFn, terms: st.SearchStrategy[tuple[str, ...]]) -> tuple[str, ...]:
    """Terms with operators between them, a lone one among them."""
    signs = st.sampled_from([(), (), ("-",)])
    of = [*draw(signs), *draw(terms)]
    for operator in draw(st.sampled_from(OPERATORS)):
        if operator == "/":
            of.append(f"/{draw(divisors)}")
        elif operator == "(":
            inner = draw(_sums(terms).filter(lambda of: not _bare_parentheses(of)))
            of += ["/(", *inner, ")"]
        else:
            of += [operator, *draw(signs), *draw(terms)]
    return tuple(of) if of != ["-", "0"] else ("0",)


def _bare_parentheses(of: tuple[str, ...]) -> bool:
    return of[0] == "(" and _encloses(of)  # the parser leaves them out


def _called(word: str, given: list[tuple[str, ...]]) -> tuple[str, ...]:
    tokens = [token for of in given for token in (",", *of)]
    return (f"{word}(", *tokens[1:], ")")


def _enclosed(inner: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[tuple[str, ...]]:
    """A sum in parentheses, or a call of some."""
    sums = _sums(inner).filter(lambda of: not _bare_parentheses(of))
    return st.one_of(
        sums.map(lambda of: ("(", *of, ")")),
        st.builds(_called, words, st.lists(sums, max_size=2)),
    )


tokens = _sums(st.recursive(terms.map(lambda term: (term,)), _enclosed, max_leaves=3)).filter(
    lambda of: not _bare_parentheses(of)
)


def _is_expression(of: tuple[str, ...]) -> bool:
    """Whether these are more than a number, a name or a call, which the parser keeps apart."""
    if len(of) == 1:
        return re.fullmatch(r"[0-9]+[A-Za-z_]\w*", of[0]) is not None
    if _encloses(of):
        return False
    return of[0] != "-" or len(of) > 2 or re.fullmatch(r"[0-9.]+(e-7)?", of[1]) is None


expressions = tokens.filter(_is_expression).map(lambda of: Expression(of, SPAN))
plain = st.one_of(numbers, names, sizes, expressions)


def _calls_of(
    argument: st.SearchStrategy[Number | Name | Size | Expression | Call],
) -> st.SearchStrategy[Call]:
    given = st.lists(argument, max_size=3).map(tuple)
    return st.builds(lambda word, given: Call(word, given, SPAN), words, given)


argument = st.recursive(plain, _calls_of, max_leaves=4)
ranges = st.builds(
    lambda low, high, step: Range(low, high, step, SPAN),
    argument,
    argument,
    st.one_of(st.none(), argument),
)
values = st.lists(st.one_of(argument, ranges), min_size=1, max_size=3).map(tuple)


@st.composite
def _choices(draw: st.DrawFn) -> Choice:
    """A choice; a strategy of this form is short to print."""
    return Choice(draw(values), SPAN)


choices = _choices()


def _is_one(choice: Choice) -> bool:
    """Whether a choice has one value, which the parser takes for no choice."""
    return len(choice.values) == 1 and not isinstance(choice.values[0], Range)


given = st.one_of(argument, argument, argument, choices)
arguments = st.lists(given, max_size=3).map(tuple)
named = st.builds(lambda name, value: Named(name, value, SPAN), names, given)

convolutions = arguments.map(lambda given: Convolution(given, SPAN))
calls = st.builds(
    lambda word, given, named: Call(word, given, SPAN, tuple(named)),
    words,
    arguments,
    st.lists(named, max_size=2),
)
strides = st.one_of(integers, words.map(lambda word: Expression((word,), SPAN))).map(
    lambda value: Stride(value, SPAN)
)
# Two sides are those of a tag after a layer's numbers.
tagged_strides = st.lists(
    st.tuples(integers, integers)
    .filter(lambda sides: sides[0] != sides[1])
    .map(lambda sides: Stride(Size(sides, SPAN), SPAN)),
    max_size=2,
).map(tuple)
# Repeating once is dropped by the parser, and a tag `s2` is a stride.
times = st.one_of(
    integers.filter(lambda n: n != 1), tokens.map(lambda of: Expression(of, SPAN)), choices
).map(lambda value: Repeat(value, SPAN))
postfixes = st.lists(st.one_of(strides, times), max_size=3).map(tuple)


def _is_plain_pool(item: Item) -> bool:
    """`max(3)/2`, which the parser turns into `3/2`."""
    return (
        isinstance(item.primary, Call)
        and item.primary.word == "max"
        and not item.primary.named
        and len(item.primary.arguments) == 1
        and isinstance(item.primary.arguments[0], Number)
        and bool(item.postfixes)
        and isinstance(item.postfixes[0], Stride)
        and not isinstance(item.postfixes[0].value, Size)
    )


def _takes_tags(primary: Primary) -> bool:
    if isinstance(primary, Convolution):
        return len(primary.arguments) > 1
    return isinstance(primary, Call) and primary.word in ("max", "avg") and bool(primary.arguments)


def sequences(
    primaries: st.SearchStrategy[Primary], most: int = 3
) -> st.SearchStrategy[tuple[Item, ...]]:
    """Up to `most` items one after another, some joined by `+`."""
    item = st.builds(
        lambda primary, tags, after, joined: Item(
            primary, (*tags, *after) if _takes_tags(primary) else after, joined, SPAN
        ),
        primaries,
        st.one_of(st.just(()), tagged_strides),
        postfixes,
        st.booleans(),
    ).filter(lambda item: not _is_plain_pool(item))
    return st.lists(item, min_size=1, max_size=most).map(
        lambda items: (Item(items[0].primary, items[0].postfixes, False, SPAN), *items[1:])
    )


def _alternatives(branches: list[Branch]) -> Primary:
    return Alternatives(tuple(branches), SPAN)


def _groups(children: st.SearchStrategy[Primary]) -> st.SearchStrategy[Primary]:
    branch = st.builds(
        # Hypothesis throws groups of many leaves away: short branches take half the time.
        lambda items, optional: Branch(items, optional, SPAN),
        sequences(children, 2),
        st.booleans(),
    )
    return st.one_of(
        st.builds(
            lambda bracket, branches, join: Group(bracket, tuple(branches), SPAN, join),
            st.sampled_from(["{", "["]),
            st.lists(branch, min_size=1, max_size=3),
            st.one_of(st.none(), names, calls),
        ),
        st.lists(branch, min_size=1, max_size=3).map(_alternatives),
    )


lone = integers.map(lambda value: Number(value, SPAN))
leaves = st.one_of(convolutions, calls, names, lone)
primaries = st.recursive(leaves, _groups, max_leaves=6)
items = sequences(primaries)

leading = st.lists(comments, max_size=2).map(tuple)
attached = st.builds(
    lambda leading, trailing: Comments(leading, trailing),
    leading,
    st.one_of(st.just(""), comments),
)

size = st.lists(integers, min_size=1, max_size=3).map(lambda sides: Size(tuple(sides), SPAN))
net_names = st.sampled_from(["ResNet-50", "A+B'", "bn-inception", "VGG-16-bn", "conv-net-2"]).map(
    lambda text: Name(text, SPAN)
)
headers = st.one_of(
    st.builds(lambda name: ("net", (name,)), st.one_of(names, net_names)),
    st.builds(lambda of: ("input", tuple(of)), st.lists(size, min_size=1, max_size=2)),
    st.builds(lambda value: ("classes", (value,)), size),
    st.builds(lambda name: ("pad", (name,)), names),
    st.builds(
        lambda word, given: (word, tuple(given)),
        st.sampled_from(["norm", "act"]),
        st.lists(named, min_size=1, max_size=3),
    ),
    st.builds(lambda values: ("maps", tuple(values)), st.lists(size, min_size=1, max_size=3)),
    st.builds(
        lambda texts: ("recompute", tuple(Name(text, SPAN) for text in texts)),
        st.lists(
            st.sampled_from(["conv2_x", "a.conv1", "b.block1..block3", "b.x'..b.x'2"]),
            min_size=1,
            max_size=9,
        ),
    ),
    st.sampled_from(["conv-relu", "bn-relu-conv", "relu-conv", "conv", "none"]).map(
        lambda text: ("style", (Name(text, SPAN),))
    ),
).flatmap(lambda pair: attached.map(lambda around: Header(pair[0], pair[1], SPAN, around)))
lets = st.builds(
    lambda name, value, around: Let(name, value, SPAN, around),
    names,
    st.one_of(argument, choices.filter(lambda choice: not _is_one(choice))),
    attached,
)
comparisons = st.lists(argument, min_size=2, max_size=3).flatmap(
    lambda operands: st.lists(
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        min_size=len(operands) - 1,
        max_size=len(operands) - 1,
    ).map(lambda operators: Comparison(tuple(operands), tuple(operators), SPAN))
)


def _joined(operator: str, parts: list[Condition | Comparison]) -> Condition:
    of: list[Condition | Comparison] = []
    for part in parts:  # conditions of one word are one
        of += part.parts if isinstance(part, Condition) and part.operator == operator else [part]
    return Condition(operator, tuple(of), SPAN)


conditions = st.recursive(
    comparisons,
    lambda parts: st.builds(
        _joined, st.sampled_from(["and", "or"]), st.lists(parts, min_size=2, max_size=3)
    ),
    max_leaves=4,
)
wheres = st.builds(lambda condition, around: Where(condition, SPAN, around), conditions, attached)
parameters = st.builds(
    lambda name, default: Parameter(name.text, SPAN, default),
    names,
    st.one_of(st.none(), argument),
)
definitions = st.one_of(
    st.builds(lambda name, of, around: Def(name, (), of, SPAN, around), names, items, attached),
    st.builds(
        lambda word, parameters, of, around: Def(
            Name(word, SPAN), tuple(parameters), of, SPAN, around
        ),
        words,
        st.lists(parameters, min_size=1, max_size=3),
        items,
        attached,
    ),
)
labels = st.one_of(st.none(), words)
lines = st.builds(lambda label, of, around: Line(label, of, SPAN, around), labels, items, attached)
in_cells = sequences(primaries, 2).map(lambda of: Cell(of, False, SPAN))
cells = st.one_of(in_cells, st.just(Cell((), True, SPAN)))
rows = st.builds(
    lambda first, others, last, around: Row((first, *others, last), SPAN, around),
    cells,
    st.lists(st.one_of(cells, st.just(Cell((), False, SPAN))), max_size=2),
    cells,
    attached,
)
tables = st.builds(
    lambda of, around, end: Table(tuple(of), SPAN, around, end),
    st.lists(rows, min_size=1, max_size=2),
    attached,
    attached,
)
files = st.builds(
    lambda statements, below: File(tuple(statements), below, SPAN),
    st.lists(st.one_of(headers, lets, wheres, definitions, lines, tables), min_size=1, max_size=4),
    leading,
)
