"""The values of expressions: `4c`, `c/4`, `2*w+1`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ctcdsl.syntax.nodes import Argument, Call, Expression, Name, Number, Size
from ctcdsl.syntax.words import KEYWORDS, did_you_mean
from ctcdsl.text import Hint, Span
from ctcdsl.text.sink import Diagnostics, quoted

MAX_VALUE = 10**15
"""Values are cut here: everything has a lower limit."""

TAG = re.compile(r"[pgd][0-9]+(x[0-9]+)?")
"""A letter with its number, such as `p1`: never a name."""

_SIGNS = {"+": 1, "-": -1}


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

    def value(self, argument: Argument, scope: Scope) -> float | None:
        """The value of a number, a name or an expression; None after an error."""
        if isinstance(argument, Number):
            return argument.value
        if isinstance(argument, Size):
            self._diagnostics.error(
                "CTC107",
                f"{quoted(argument.span)} is a size, and a number is expected",
                argument.span,
            )
            return None
        tokens = (argument.text,) if isinstance(argument, Name) else argument.tokens
        try:
            return self._sum(tokens, scope, argument.span)
        except _EvaluationFailed:
            return None

    def _sum(self, tokens: tuple[str, ...], scope: Scope, span: Span) -> float:
        """Add and subtract products: the tokens are terms, `+ - * /n` between them."""
        total: float = 0
        product: float = 1
        sign = 1
        expecting = True  # a term: a sign here is the term's own
        for token in tokens:
            if token in _SIGNS and expecting:
                sign *= _SIGNS[token]
            elif token in _SIGNS:
                total += sign * product
                product, sign, expecting = 1, _SIGNS[token], True
            elif token == "*":
                expecting = True
            elif token[0] == "/":
                product = self._divided(product, self._term(token[1:], scope, span), span)
            else:
                product *= self._term(token, scope, span)
                product = max(-MAX_VALUE, min(product, MAX_VALUE))
                expecting = False
        return max(-MAX_VALUE, min(total + sign * product, MAX_VALUE))

    def _term(self, token: str, scope: Scope, span: Span) -> float:
        digits = re.match(r"[0-9.]*", token)
        assert digits is not None
        factor, name = digits[0], token[digits.end() :]
        if "x" in name and factor and re.fullmatch(r"(x[0-9]+)+", name):
            self._diagnostics.error(
                "CTC107", f"`{token}` is a size, and a number is expected", span
            )
            raise _EvaluationFailed
        number: float = 1
        if factor:
            number = min(float(factor), MAX_VALUE) if "." in factor else int(factor[:18])
        return number * self._name(name, scope, span) if name else number

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

    def _divided(self, value: float, divisor: float, span: Span) -> float:
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
