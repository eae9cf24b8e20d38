"""Bounds: amounts, networks and intervals, and what is none."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcdsl.budgets.expressions import Expression, Limits
from ctcdsl.budgets.units import Kind, kind_of
from ctcdsl.metrics.catalog import DEPTH, INTENSITY, MACS, TRAFFIC
from ctcdsl.metrics.metric import Metric
from ctcdsl.text import Source, Span, UserError

COSTS = {
    "A": Fraction(1000),
    "J'": Fraction(500),
    "old/a-b.ctc": Fraction(7),
    "VGG-16": Fraction(9),
}
LATENCY = DEPTH._replace(key="latency", title="latency", unit="seconds")
METRICS: dict[str, Metric[Any]] = {
    "macs": MACS,
    "traffic": TRAFFIC,
    "depth": DEPTH,
    "intensity": INTENSITY,
    "latency": LATENCY,
}


def expression(text: str, metric: str = "macs") -> Expression:
    source = Source("<budget>", text)
    return Expression(
        text, METRICS[metric], lambda name, at: COSTS[name], lambda a, b: Span(source, a, b)
    )


def bound(text: str, metric: str = "macs") -> Limits:
    return expression(text, metric).bound()


@pytest.mark.parametrize(
    ("text", "metric", "low", "high"),
    [
        ("<=60M", "macs", None, 60_000_000),
        ("<= 1.5k", "macs", None, 1500),
        (">=8", "depth", 8, None),
        ("==8", "depth", 8, 8),
        ("≤1.0*A", "macs", None, 1000),
        ("≥A/2", "macs", 500, None),
        ("<=2*(A+J')-100", "macs", None, 2900),
        ("<=A - J' + 1e2", "macs", None, 600),
        ("<=97%*A", "macs", None, 970),
        ("<=0.57*100", "macs", None, 57),
        ("0.98..1.02*A", "macs", 980, 1020),
        ("A*98%..102%", "macs", 980, 1020),
        ("0.9*A..A", "macs", 900, 1000),
        ("J'..1.1*A", "macs", 500, 1100),
        ("10M..20M", "macs", 10_000_000, 20_000_000),
        ("8..16", "depth", 8, 16),
        ("5..5", "depth", 5, 5),
        ("<=256KB", "traffic", None, 256_000),
        ("<=256KiB", "traffic", None, 262_144),
        ("<=1_000_000", "traffic", None, 1_000_000),
        ("<=1.5GiB", "traffic", None, 3 * 2**29),
        ("<=2ms", "latency", None, Fraction(2, 1000)),
        ("<=150µs", "latency", None, Fraction(150, 10**6)),
        ("0.9..1.1*A", "latency", 900, 1100),
        (">=12.5", "intensity", Fraction(25, 2), None),
        ("<=old/a-b.ctc", "macs", None, 7),
        ("<=2*`VGG-16`", "macs", None, 18),
    ],
)
def test_bounds(text: str, metric: str, low: float | None, high: float | None) -> None:
    assert bound(text, metric) == Limits(
        None if low is None else Fraction(low), None if high is None else Fraction(high)
    )


@pytest.mark.parametrize(
    ("text", "metric", "message", "marked"),
    [
        ("60M", "macs", "`60M` says neither at most nor at least", "60M"),
        ("A", "macs", "`A` says neither at most nor at least", "A"),
        ("<60M", "macs", "`<` is not part of a bound", "<"),
        ("=60M", "macs", "`=` is not part of a bound", "="),
        ("<=256KB", "macs", "`256KB` is a number of bytes, and macs is in MACs", "256KB"),
        ("<=256K", "traffic", "`K` is not a unit of traffic", "256K"),
        ("<=5ms", "traffic", "`5ms` is a time, and traffic is in bytes", "5ms"),
        ("<=5", "latency", "`<=5` has no unit of time", "<=5"),
        ("<=3M", "intensity", "`3M` is a number, and intensity is in MACs/byte", "3M"),
        ("10..20M", "macs", "one end of the interval has the unit M, the other none", "10..20M"),
        ("<=(3*A", "macs", "a `(` is not closed", "("),
        ("<=3*A)", "macs", "`)` is not expected here", ")"),
        ("<=3 A", "macs", "`A` is not expected here", "A"),
        ("<=-3", "macs", "`-` is not expected here", "-"),
        ("<=3*", "macs", "the bound ends too early", ""),
        ("", "macs", "the bound ends too early", ""),
        ("<=A*A", "macs", "`<=A*A` is a product of amounts, not an amount", "<=A*A"),
        ("<=A/J'", "macs", "`<=A/J'` is a ratio, not an amount", "<=A/J'"),
        ("<=2/A", "macs", "`<=2/A` is a ratio, not an amount", "<=2/A"),
        ("<=A+5%", "macs", "an amount and a ratio do not add up", "<=A+5%"),
        ("<=A/0", "macs", "division by zero", "/0"),
        ("<=2..3*A", "macs", "an interval has two ends already", "<="),
        ("<=1,000", "macs", "`,` is not part of a bound", ","),
        ("<=10parsec", "macs", "`parsec` is not a unit of macs", "10parsec"),
        ("<=" + "1+" * 300 + "1", "macs", "a bound has at most 500 characters", None),
    ],
)
def test_mistakes(text: str, metric: str, message: str, marked: str | None) -> None:
    with pytest.raises(UserError) as caught:
        bound(text, metric)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.message) == ("CTC714", message)
    if marked is not None and text:
        assert diagnostic.labels[0].span.text == marked


@pytest.mark.parametrize(
    ("text", "marked"), [("2G..1G", "2G..1G"), ("1.02..0.98*A", "1.02..0.98"), ("2*A..A", "2*A..A")]
)
def test_intervals_begin_with_their_smaller_end(text: str, marked: str) -> None:
    with pytest.raises(UserError) as caught:
        bound(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "CTC715"
    assert diagnostic.message == f"`{marked}` begins with its larger end"
    assert diagnostic.labels[0].span.text == marked


def test_hints_say_what_to_write() -> None:
    for text, metric, hint in (
        ("60M", "macs", "write `<=60M`, or `>=`"),
        ("<5", "depth", "write `<=`"),
        ("=5", "depth", "write `==`"),
        ("<=256K", "traffic", "write 256KB (1000 bytes each) or 256KiB (1024)"),
        ("10..20M", "macs", "write `10M`"),
        ("10M..20", "macs", "write `20M`"),
        ("<=7", "latency", "write 5ms"),
        ("<=2..3*A", "macs", "leave out `<=`"),
    ):
        with pytest.raises(UserError) as caught:
            bound(text, metric)
        assert caught.value.diagnostics[0].hints == (hint,), text


def test_an_option_takes_the_most_alone() -> None:
    assert expression("1.5*A").limit() == Limits(None, Fraction(1500))
    for text, message in (
        ("<=5M", "the option says at most already"),
        ("1..2M", "one end of the interval has the unit M, the other none"),
        ("1M..2M", "the most allowed is one number, not an interval"),
    ):
        with pytest.raises(UserError, match=message):
            expression(text).limit()


def test_parentheses_in_parentheses_are_limited_by_the_length() -> None:
    assert bound("<=" + "(" * 240 + "A" + ")" * 240).high == 1000


@given(st.text(alphabet="<>=.()*/+-0123456789kMGB%AJ'`_ e", max_size=30))
def test_any_text_is_a_bound_or_a_message(text: str) -> None:
    try:
        low, high = bound(text)
    except UserError as failure:
        assert failure.diagnostics[0].code in ("CTC714", "CTC715")
    except KeyError as name:  # a network that is not there: its reader says so
        assert str(name.args[0]) not in COSTS
    else:
        assert low is not None or high is not None


def test_kinds_of_metrics() -> None:
    assert [kind_of(m) for m in METRICS.values()] == [
        *(Kind.COUNT, Kind.BYTES, Kind.COUNT, Kind.RATIO, Kind.TIME),
    ]
