"""Numbers that remember the expression that gave them: `Symbol(24, n)` doubled is 48 and `2 * n`.

The layers of a `def` that are elaborated with such arguments are those of plain numbers, equal to
them, and say of each of their numbers how it follows from the parameters.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from math import floor
from typing import Any, NamedTuple, Self

FLOORED = "// "
"""The sign of a quotient that need not be whole; others are, or there is no such layer."""

_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, FLOORED: 2}
"""Operators, those that bind closer with a larger number."""


class Form(NamedTuple):
    """An expression: a name or a number; or with operands an operator or a function."""

    word: str
    operands: tuple[Form, ...] = ()

    @property
    def names(self) -> Iterator[str]:
        """The names in it, each as often as it occurs."""
        if not self.operands and not self.word[0].isdecimal() and self.word[0] != "-":
            yield self.word
        for operand in self.operands:
            yield from operand.names

    @property
    def functions(self) -> Iterator[str]:
        """The functions that it calls."""
        if self.operands and self.word not in _BINDING:
            yield self.word
        for operand in self.operands:
            yield from operand.functions

    def renamed(self, names: Mapping[str, str]) -> Form:
        """The expression with other names."""
        if not self.operands:
            return Form(names.get(self.word, self.word))
        return Form(self.word, tuple(operand.renamed(names) for operand in self.operands))

    def replaced(self, old: Form, new: Form) -> Form:
        """The expression with `new` wherever `old` is in it."""
        if self == old:
            return new
        return Form(self.word, tuple(operand.replaced(old, new) for operand in self.operands))

    def text(self) -> str:
        """The expression in Python."""
        if not self.operands:
            return self.word
        if self.word not in _BINDING:
            return f"{self.word}({', '.join(operand.text() for operand in self.operands)})"
        binding = _BINDING[self.word]
        left, right = self.operands
        right_text = right._in(binding + (self.word != "+"))
        return f"{left._in(binding)} {self.word.strip()} {right_text}"

    def _in(self, binding: int) -> str:
        """The expression as an operand of what binds so closely."""
        loose = bool(self.operands) and _BINDING.get(self.word, 3) < binding
        return f"({self.text()})" if loose else self.text()


class Symbolic:
    """A number with the `form` that it has."""

    form: Form

    def __add__(self, other: Any) -> Any:
        return _combined(operator.add, "+", self, other)

    def __radd__(self, other: Any) -> Any:
        return _combined(operator.add, "+", other, self)

    def __sub__(self, other: Any) -> Any:
        return _combined(operator.sub, "-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _combined(operator.sub, "-", other, self)

    def __mul__(self, other: Any) -> Any:
        return _combined(operator.mul, "*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _combined(operator.mul, "*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _combined(operator.truediv, "/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _combined(operator.truediv, "/", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _combined(operator.floordiv, "//", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _combined(operator.floordiv, "//", other, self)


class Symbol(Symbolic, int):
    """A whole number with its form."""

    def __new__(cls, value: int, form: Form) -> Self:
        """The number `value`, which `form` gave."""
        number = int.__new__(cls, value)
        number.form = form
        return number

    def __floor__(self) -> int:
        return self


class RealSymbol(Symbolic, float):
    """Any other number with its form."""

    def __new__(cls, value: float, form: Form) -> Self:
        """The number `value`, which `form` gave."""
        number = float.__new__(cls, value)
        number.form = form
        return number

    def __floor__(self) -> int:
        operands = self.form.operands
        if self.form.word == "/":
            return Symbol(floor(float(self)), Form(FLOORED, operands))
        return Symbol(floor(float(self)), Form("int", (self.form,)))


def symbol(value: float, name: str) -> float:
    """The number that a name stands for."""
    return _made(value, Form(name))


def whole(value: float) -> int:
    """A number without fraction as an integer."""
    if isinstance(value, RealSymbol):
        return Symbol(int(float(value)), Form("int", (value.form,)))
    return int(value)


def applied(word: str, function: Callable[[float], float], value: float) -> float:
    """What a function of the language gives."""
    if isinstance(value, Symbolic):
        return _made(function(_plain(value)), Form(word, (value.form,)))
    return function(value)


def times(one: float, other: float) -> float:
    """A product, with a form if one of them has: a plain float would drop that of an integer."""
    if isinstance(other, Symbolic):
        product: float = other.__rmul__(one)
        return product
    return one * other


def form_of(value: float) -> Form:
    """The expression of a number: of a plain one itself."""
    return value.form if isinstance(value, Symbolic) else Form(repr(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Symbol):
        return int(value)
    return float(value) if isinstance(value, RealSymbol) else value


def _made(value: float, form: Form) -> float:
    return Symbol(value, form) if isinstance(value, int) else RealSymbol(value, form)


def _combined(function: Callable[[Any, Any], Any], sign: str, one: Any, other: Any) -> Any:
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return NotImplemented
    neutral = 0 if sign in "+-" else 1
    if _is(other, neutral) and (sign != "/" or isinstance(one, float)):
        return one
    if sign in "+*" and _is(one, neutral):
        return other
    value = function(_plain(one), _plain(other))
    forms = form_of(one), form_of(other)
    return _made(value, _sum(sign, *forms) if sign in "+-" else Form(sign, forms))


def _sum(sign: str, one: Form, other: Form) -> Form:
    """A sum or a difference, in which equal terms are taken together: `n + n` is `2 * n`."""
    counts: dict[Form, int] = {}
    for factor, form in ((1, one), (-1 if sign == "-" else 1, other)):
        for count, term in _terms(form):
            counts[term] = counts.get(term, 0) + factor * count
    number = counts.pop(_ONE, 0)
    terms = [_times(count, term) for term, count in counts.items() if count]
    terms += [(number, _ONE)] if number else []
    terms.sort(key=lambda pair: pair[0] < 0)
    total: Form | None = None
    for count, term in terms:
        if term == _ONE:
            summand = Form(str(abs(count)))
        else:
            summand = term if abs(count) == 1 else Form("*", (Form(str(abs(count))), term))
        if total is None:
            total = summand if count > 0 else Form("*", (Form(str(count)), term))
        else:
            total = Form("+" if count > 0 else "-", (total, summand))
    return total or Form("0")


_ONE = Form("1")


def _terms(form: Form) -> Iterator[tuple[int, Form]]:
    """The terms of a sum, each with its whole factor."""
    if form.word in ("+", "-") and form.operands:
        one, other = form.operands
        yield from _terms(one)
        sign = 1 if form.word == "+" else -1
        yield from ((sign * count, term) for count, term in _terms(other))
    elif form.word == "*" and _is_whole(form.operands[0]):
        yield int(form.operands[0].word), form.operands[1]
    elif _is_whole(form):
        yield int(form.word), _ONE
    else:
        yield 1, form


def _is_whole(form: Form) -> bool:
    return not form.operands and form.word.removeprefix("-").isdecimal()


def _times(count: int, term: Form) -> tuple[int, Form]:
    """A term and its factor: all shares of what is divided are that itself."""
    if term.word == "//" and term.operands[1].word == str(count):
        return 1, term.operands[0]
    return count, term


def _is(value: float, number: int) -> bool:
    """Whether a value is always that number."""
    return not isinstance(value, Symbolic) and value == number
