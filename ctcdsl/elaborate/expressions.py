"""The values of expressions: `4c`, `c/4`, `2*w+1`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.elaborate.symbols import applied, times
from ctcdsl.syntax.nodes import Argument, Call, Choice, Expression, Name, Number, Size
from ctcdsl.syntax.words import KEYWORDS, did_you_mean
from ctcdsl.text import Hint, Span
from ctcdsl.text.sink import Diagnostics, quoted

MAX_VALUE = 10**15
"""Values are cut here: everything has a lower limit."""

TAG = re.compile(r"[pgd][0-9]+(x[0-9]+)?")
"""A letter with its number, such as `p1`: never a name."""

_SIGNS = {"+": 1, "-": -1}
_REAL = re.compile(r"[0-9]+|[0-9]*\.[0-9]+(e-[0-9]+)?|[0-9]+e-[0-9]+")


def round8(value: float) -> int:
    """The nearest multiple of 8 that is at least 8 and at least 90 % of the value.

    Widths of MobileNets and their successors: `_make_divisible(value, 8)` of torchvision, which
    has it from TensorFlow's `mobilenet`.
    """
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * value else rounded + 8


_FUNCTIONS: Mapping[str, Callable[[float], float]] = MappingProxyType({"round8": round8})


class Scope(NamedTuple):
    """The values of names.

    `values` are those of `let`s and parameters; None for one with an error. `channels` is `c`:
    the input channels of the innermost brackets, braces or `def`, or with `per_layer`, outside
    of all, of each layer. None in a `let`, and where an earlier error leaves them `unknown`.
    """

    values: Mapping[str, float | None]
    channels: int | None = None
    unknown: bool = False
    per_layer: bool = False


class _EvaluationFailed(Exception):
    """The expression has no value; the error has been reported."""


class Expressions:
    """Evaluates arguments and reports unknown names."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics

    def report(self, code: str, message: str, at: Span, hint: str = "") -> None:
        """Add an error."""
        self._diagnostics.error(code, message, at, hint=hint)

    def value(self, argument: Argument, scope: Scope) -> float | None:
        """The value of a number, a name or an expression; None after an error."""
        if isinstance(argument, Number):
            return argument.value
        if isinstance(argument, Choice):
            message = f"{quoted(argument.span)} is a choice, and a number is expected here"
            hint = "`let` gives a choice a name: `let k = 3 | 5`"
            self._diagnostics.error("CTC121", message, argument.span, hint=hint)
            return None
        if isinstance(argument, Size):
            self._diagnostics.error(
                "CTC107",
                f"{quoted(argument.span)} is a size, and a number is expected",
                argument.span,
            )
            return None
        try:
            if isinstance(argument, Call):
                values = [self.value(inner, scope) for inner in argument.arguments]
                return self.call(argument.word, values, argument.span)
            tokens = (argument.text,) if isinstance(argument, Name) else argument.tokens
            return _Sum(self, tokens, scope, argument.span).value()
        except _EvaluationFailed:
            return None

    def call(self, word: str, values: Sequence[float | None], span: Span) -> float:
        """The value of a function."""
        function = _FUNCTIONS.get(word)
        if function is None:
            entry = KEYWORDS.get(word)
            known = ", ".join(f"`{name}`" for name in _FUNCTIONS)
            hint = f"a function of numbers is {known}: {KEYWORDS['round8'].summary}"
            if entry is not None:
                message = f"`{word}(…)` is not a number: {entry.summary}"
            else:
                message = f"`{word}` is not a function"
                hint = did_you_mean(word, _FUNCTIONS, hint)
            self._diagnostics.error("CTC112", message, span, hint=hint)
            raise _EvaluationFailed
        if len(values) != 1:
            self._diagnostics.error(
                "CTC102",
                f"`{word}` takes one number, not {len(values)}",
                span,
                hint=f"write `{KEYWORDS[word].example}`",
            )
            raise _EvaluationFailed
        (value,) = values
        if value is None:
            raise _EvaluationFailed
        return applied(word, function, value)

    def term(self, token: str, scope: Scope, span: Span) -> float:
        """The value of a number, a name, or a product such as `4c`."""
        if _REAL.fullmatch(token):
            return int(token[:18]) if token.isdecimal() else min(float(token), MAX_VALUE)
        digits = re.match(r"[0-9]*", token)
        assert digits is not None
        factor, name = digits[0], token[digits.end() :]
        if "x" in name and factor and re.fullmatch(r"(x[0-9]+)+", name):
            self._diagnostics.error(
                "CTC107", f"`{token}` is a size, and a number is expected", span
            )
            raise _EvaluationFailed
        return (int(factor[:18]) if factor else 1) * self._name(name, scope, span)

    def _name(self, name: str, scope: Scope, span: Span) -> float:
        if name == "c":
            if scope.channels is not None:
                return scope.channels
            if not scope.unknown:
                self._diagnostics.error(
                    "CTC113",
                    "`c` is the input channels of a layer, and a `let` belongs to none",
                    span,
                    hint="write a number here, and `c` in the layers: `(1,4c)`",
                )
            raise _EvaluationFailed
        if name in scope.values:
            value = scope.values[name]
            if value is None:
                raise _EvaluationFailed
            return value
        if self._diagnostics.is_reported("CTC112", span):
            raise _EvaluationFailed
        from ctcdsl.syntax.foreign.hints import amount_hint  # loaded only for an error

        known = tuple(scope.values)
        hint: str
        repeated = re.fullmatch(r"(\w+?)(x[0-9]+)", name)
        if repeated is not None and repeated[1] in known:
            spaced = f"{repeated[1]} {repeated[2]}"
            hint = Hint(f"before `x` a name needs a space: `{spaced}`", spaced)
        elif name in KEYWORDS:
            hint = f"`{name}` is a keyword: {KEYWORDS[name].summary}"
        elif TAG.fullmatch(name):
            hint = f"`{name}` is a tag: tags follow the numbers, `(3,64,p1)`"
        else:
            hint = amount_hint(name) or f"give it a value: `let {name} = …`"
            hint = did_you_mean(name, known, hint)
        if isinstance(hint, Hint):
            hint = hint.at(_word(name, span))
        self._diagnostics.error("CTC112", f"`{name}` has no value here", span, hint=hint)
        raise _EvaluationFailed

    def remainder(self, value: float, divisor: float, span: Span) -> float:
        """What a division leaves, from 0 up to the divisor."""
        if divisor == 0:
            self._diagnostics.error("CTC108", f"{quoted(span)} divides by zero", span)
            raise _EvaluationFailed
        return value % divisor

    def divided(self, value: float, divisor: float, span: Span) -> float:
        """A quotient, whole where it can be."""
        if divisor == 0:
            self._diagnostics.error("CTC108", f"{quoted(span)} divides by zero", span)
            raise _EvaluationFailed
        if isinstance(value, int) and isinstance(divisor, int) and value % divisor == 0:
            return value // divisor
        return value / divisor


def _word(name: str, span: Span) -> Span:
    """The first use of a name in an expression; digits may precede it."""
    found = re.search(rf"(?<![A-Za-z_]){name}(?![A-Za-z0-9_])", span.text)
    assert found is not None
    return span._replace(start=span.start + found.start(), end=span.start + found.end())


class _Sum:
    """Reads the tokens of one expression from left to right."""

    def __init__(
        self, expressions: Expressions, tokens: tuple[str, ...], scope: Scope, span: Span
    ) -> None:
        self._expressions = expressions
        self._tokens = tokens
        self._scope = scope
        self._span = span
        self._at = 0

    def value(self) -> float:
        """Add and subtract products, up to a `,`, a `)` or the end."""
        total = self._product()
        while self._next() in _SIGNS:
            sign = _SIGNS[self._tokens[self._at]]
            self._at += 1
            total = _cut(total + sign * self._product())
        return total

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _product(self) -> float:
        product = self._signed()
        while True:
            token = self._next()
            if token == "*":
                self._at += 1
                product = _cut(times(product, self._signed()))
            elif token == "%":
                self._at += 1
                product = self._expressions.remainder(product, self._signed(), self._span)
            elif token == "/(":
                product = self._expressions.divided(product, self._term(), self._span)
            elif token[:1] == "/":
                self._at += 1
                divisor = self._expressions.term(token[1:], self._scope, self._span)
                product = self._expressions.divided(product, divisor, self._span)
            else:
                return product

    def _signed(self) -> float:
        sign = 1
        while (token := self._next()) in _SIGNS:
            sign *= _SIGNS[token]
            self._at += 1
        return sign * self._term()

    def _term(self) -> float:
        token = self._tokens[self._at]
        self._at += 1
        if token[-1] != "(":
            return _cut(self._expressions.term(token, self._scope, self._span))
        values: list[float] = []
        while self._next() != ")":
            values.append(self.value())
            self._at += self._next() == ","
        self._at += 1
        if token in ("(", "/("):
            return values[0]
        return self._expressions.call(token[:-1], values, self._span)


def _cut(value: float) -> float:
    return max(-MAX_VALUE, min(value, MAX_VALUE))


def names_in(node: object) -> Iterator[str]:
    """The names that a syntax node mentions: in expressions, as layers, as arguments."""
    if isinstance(node, Expression):
        for token in node.tokens:
            yield from re.findall(r"[A-Za-z_]\w*", token)
    elif isinstance(node, Name):
        yield node.text
    elif isinstance(node, tuple) and not isinstance(node, Span):
        if isinstance(node, Call):
            yield node.word
        for part in node:
            yield from names_in(part)
