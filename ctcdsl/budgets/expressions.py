"""The bounds of a budget: `<=1.0*A`, `>=8`, `<=256KB`, `0.98..1.02*A`.

    bound:  ("<=" | ">=" | "==") sum  |  sum ".." sum
    sum:    term (("+" | "-") term)*
    term:   factor (("*" | "/") factor)*
    factor: number unit?  |  number ".." number  |  network  |  "(" sum ")"

A network stands for what it costs itself: its own value of the metric that is bound. Numbers on
both sides of `..` without a unit are factors, so that `0.98..1.02*A` are 98 to 102 % of A.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from ctcdsl.budgets.places import Place
from ctcdsl.budgets.units import PERCENT, UNITS, Kind, example, kind_of
from ctcdsl.metrics.metric import Metric
from ctcdsl.text import Span, UserError, error

MAX_LENGTH = 500
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>(?:[\w.~-]*/)*[\w.'′-]+\.ctc\b | `[^`]+` | [A-Za-z_][\w'′]*)
    | (?P<number>[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,2}(?![0-9]))?)
      (?P<unit>[A-Za-zµμ]+|%)?
    | (?P<operator><=|>=|==|[≤≥]|\.\.|[-+*/()])
    )""",
    re.VERBOSE,
)
_SAME = {"≤": "<=", "≥": ">="}


class Limits(NamedTuple):
    """The least and the most that a bound allows; None where it does not say."""

    low: Fraction | None
    high: Fraction | None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int
    unit: str = ""


class _Interval(NamedTuple):
    """Values between two ends; `power` is 1 for an amount, 0 for a factor, None for a bare number.

    A bare number can be both.
    """

    low: Fraction
    high: Fraction
    power: int | None


class Expression:
    """Reads the bounds of one metric.

    `value_of` is what a network costs, by its name and the place of the name; `place` is where the
    text's characters are.
    """

    def __init__(
        self,
        text: str,
        metric: Metric[object],
        value_of: Callable[[str, Span], Fraction],
        place: Place,
    ) -> None:
        self._text = text
        self._metric = metric
        self._kind = kind_of(metric)
        self._value_of = value_of
        self._place = place
        if len(text) > MAX_LENGTH:
            raise self._wrong(f"a bound has at most {MAX_LENGTH} characters", 0, len(text))
        self._tokens = self._scan()
        self._at = 0

    def bound(self) -> Limits:
        """The limits of a bound.

        Raises:
            UserError: CTC714 where it is not one, CTC715 where an interval ends before it begins.
        """
        first = self._next
        word = _SAME.get(first.text, first.text)
        if word in ("<=", ">=", "=="):
            self._at += 1
            value = self._amount()
            if value.low != value.high:
                raise self._wrong(
                    "an interval has two ends already",
                    first.start,
                    first.end,
                    f"leave out `{first.text}`",
                )
            low = None if word == "<=" else value.low
            return Limits(low, None if word == ">=" else value.high)
        value = self._amount()
        if value.low == value.high and ".." not in self._text:
            raise self._wrong(
                f"`{self._text.strip()}` says neither at most nor at least",
                *self._all,
                f"write `<={self._text.strip()}`, or `>=`",
            )
        return Limits(value.low, value.high)

    def limit(self) -> Limits:
        """The limits of an expression that is the most allowed, as `--max-macs` takes it.

        Raises:
            UserError: CTC714 where it is no amount.
        """
        if self._next.kind == "operator" and self._next.text in ("<=", ">=", "==", "≤", "≥"):
            raise self._wrong(
                "the option says at most already",
                self._next.start,
                self._next.end,
                f"write `{self._text.strip().lstrip('<>=≤≥ ')}`",
            )
        value = self._amount()
        if value.low != value.high:
            raise self._wrong("the most allowed is one number, not an interval", *self._all)
        return Limits(None, value.high)

    def _amount(self) -> _Interval:
        """A sum, or two with `..` between, that gives an amount of the metric and ends the text."""
        value = self._sum()
        if self._next.text == "..":
            self._at += 1
            other = self._sum()
            self._require_order(value.low, other.high, *self._all)
            value = _Interval(value.low, other.high, self._same(value.power, other.power))
        token = self._next
        if token.kind != "end":
            raise self._wrong(
                f"`{token.text}` is not expected here", token.start, token.end, _EXPECTED
            )
        if value.power not in (None, 1):
            what = "a ratio" if value.power < 1 else "a product of amounts"
            raise self._wrong(f"`{self._text.strip()}` is {what}, not an amount", *self._all)
        if value.power is None and self._kind is Kind.TIME:
            raise self._wrong(
                f"`{self._text.strip()}` has no unit of time",
                *self._all,
                f"write {example(self._kind, '5')}",
            )
        return value

    def _sum(self) -> _Interval:
        value = self._term()
        while self._next.text in ("+", "-"):
            minus = self._next.text == "-"
            self._at += 1
            other = self._term()
            low, high = (-other.high, -other.low) if minus else (other.low, other.high)
            power = self._same(value.power, other.power)
            value = _Interval(value.low + low, value.high + high, power)
        return value

    def _same(self, power: int | None, other: int | None) -> int | None:
        """The power of a sum; a bare number is what the other is."""
        if power is not None and other is not None and power != other:
            raise self._wrong("an amount and a ratio do not add up", *self._all)
        return other if power is None else power

    def _term(self) -> _Interval:
        value = self._factor()
        while self._next.text in ("*", "/"):
            token = self._next
            self._at += 1
            other = self._factor()
            powers = (value.power or 0, other.power or 0)
            bare = value.power is None and other.power is None
            if token.text == "*":
                ends = [a * b for a in value[:2] for b in other[:2]]
                power = powers[0] + powers[1]
            else:
                if other.low <= 0 <= other.high:
                    raise self._wrong(
                        "division by zero", token.start, self._tokens[self._at - 1].end
                    )
                ends = [a / b for a in value[:2] for b in other[:2]]
                power = powers[0] - powers[1]
            value = _Interval(min(ends), max(ends), None if bare else power)
        return value

    def _factor(self) -> _Interval:
        token = self._next
        self._at += 1
        if token.kind == "number":
            value = self._number(token)
            follows = self._tokens[self._at : self._at + 2]
            if [each.text for each in follows[:1]] == [".."] and follows[1].kind == "number":
                return self._range(token, value, follows[1])
            return value
        if token.kind == "name":
            cost = self._cost(token)
            return _Interval(cost, cost, 1)
        if token.text == "(":
            value = self._sum()
            if self._next.text != ")":
                raise self._wrong("a `(` is not closed", token.start, token.end)
            self._at += 1
            return value
        raise self._unexpected(token)

    def _cost(self, token: _Token) -> Fraction:
        """What a network costs."""
        try:
            return self._value_of(token.text.strip("`"), self._place(token.start, token.end))
        except UserError as failure:
            name = re.match(r"-\w[\w.-]*", self._text[token.end :])
            if name is None or failure.diagnostics[0].code != "CTC005":
                raise
            message = failure.diagnostics[0].message
            hint = f"a name with hyphens stands in backquotes: `` `{token.text}{name[0]}` ``"
            raise self._wrong(message, token.start, token.end, hint) from failure

    def _range(self, token: _Token, low: _Interval, last: _Token) -> _Interval:
        """Two numbers with `..` between: factors where neither has a unit."""
        if bool(token.unit) != bool(last.unit):
            without, unit = (token, last.unit) if last.unit else (last, token.unit)
            raise self._wrong(
                f"one end of the interval has the unit {unit}, the other none",
                token.start,
                last.end,
                f"write `{self._text[without.start : without.end].strip()}{unit}`",
            )
        if token.unit and token.unit != PERCENT:
            return low  # an interval of amounts: `_amount` reads its other end
        self._at += 2
        high = self._number(last).high
        self._require_order(low.low, high, token.start, last.end)
        return _Interval(low.low, high, low.power)

    def _require_order(self, low: Fraction, high: Fraction, start: int, end: int) -> None:
        if low > high:
            message = f"`{self._text[start:end].strip()}` begins with its larger end"
            hint = "write the smaller end first"
            raise error("CTC715", message, at=self._place(start, end), hint=hint)

    def _number(self, token: _Token) -> _Interval:
        number = Fraction(token.text)
        if not token.unit:
            return _Interval(number, number, None)
        if token.unit == PERCENT:
            return _Interval(number / 100, number / 100, 0)
        units = UNITS[self._kind]
        if token.unit in units:
            value = number * units[token.unit]
            return _Interval(value, value, 1)
        written = f"{token.text}{token.unit}"
        for kind, others in UNITS.items():
            if token.unit in others and not (kind is Kind.COUNT and self._kind is not Kind.RATIO):
                raise self._wrong(
                    f"`{written}` is {kind.value}, and {self._metric.name} is in"
                    f" {self._metric.unit}",
                    token.start,
                    token.end,
                    f"write {example(self._kind, token.text)}",
                )
        raise self._wrong(
            f"`{token.unit}` is not a unit of {self._metric.name}",
            token.start,
            token.end,
            f"write {example(self._kind, token.text)}",
        )

    @property
    def _next(self) -> _Token:
        return self._tokens[min(self._at, len(self._tokens) - 1)]

    @property
    def _all(self) -> tuple[int, int]:
        return self._tokens[0].start, self._tokens[-1].start

    def _scan(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, end = 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                wrong = self._text[start]
                hint = _EXPECTED
                if wrong in "<>=":
                    hint = f"write `{'==' if wrong == '=' else wrong + '='}`"
                raise self._wrong(f"`{wrong}` is not part of a bound", start, start + 1, hint)
            kind = match.lastgroup if match.lastgroup != "unit" else "number"
            assert kind is not None
            unit = match["unit"] or ""
            tokens.append(_Token(kind, match[kind], match.start(kind), match.end(), unit))
            at = match.end()
        return [*tokens, _Token("end", "", end, end)]

    def _unexpected(self, token: _Token) -> UserError:
        message = f"`{token.text}` is not expected here"
        if token.kind == "end":
            message = "the bound ends too early"
        return self._wrong(message, token.start, token.end, _EXPECTED)

    def _wrong(self, message: str, start: int, end: int, hint: str = "") -> UserError:
        return error("CTC714", message, at=self._place(start, end), hint=hint)


_EXPECTED = "a bound is a number or a network, such as `<=60M`, `<=1.0*A` or `0.98..1.02*A`"
