"""The keys of a budget: metrics that are bound, and how a network is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ctcdsl.budgets.bounds import BOUNDED
from ctcdsl.budgets.places import key_span
from ctcdsl.budgets.units import example, kind_of
from ctcdsl.metrics.metric import Metric
from ctcdsl.metrics.workload import VALUE_BYTES
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import Source, Span, UserError, error

if TYPE_CHECKING:
    from ctcdsl.metrics.latency_table import LatencyTable


def _batch(value: object, at: Span) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message, hint = "batch is not a whole number from 1 on", "write `batch = 8`"
        raise error("CTC713", message, at=at, hint=hint)
    return value


def _precision(value: object, at: Span) -> str:
    if value not in VALUE_BYTES:
        message = f"precision is one of {', '.join(VALUE_BYTES)}"
        raise error("CTC713", message, at=at, hint='write `precision = "bf16"`')
    return str(value)


def _table(value: object, at: Span) -> LatencyTable:
    if not isinstance(value, str):
        hint = 'write `table = "device.json"`'
        raise error("CTC713", "table is not the path of a device's table", at=at, hint=hint)
    from ctcdsl.metrics.latency_table import read_table

    return read_table(value)


CONDITIONS: Mapping[str, tuple[str, Callable[[object, Span], Any]]] = MappingProxyType(
    {
        "batch": ("batch", _batch),
        "precision": ("precision", _precision),
        "table": ("latencies", _table),
    }
)
"""The keys that say how a network is run: the arguments of `Workload`, and what reads them."""


def read_conditions(
    data: Mapping[str, object], source: Source, given: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of `Workload`: of a budget's keys, unless they are given.

    Raises:
        UserError: CTC713 a key has no value that it takes; a table cannot be used.
    """
    read = {
        argument: reader(data[key], key_span(source, key))
        for key, (argument, reader) in CONDITIONS.items()
        if key in data and argument not in given
    }
    return with_table({**read, **given})


def with_table(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `Workload`, with a table's own batch where no other is given."""
    table = conditions.get("latencies")
    return {**({} if table is None else {"batch": table.batch}), **conditions}


def require_known(data: Iterable[str], source: Source) -> None:
    """Raise CTC713 for a key that a budget has not, and where nothing is bound."""
    known = (*BOUNDED, *CONDITIONS)
    for key in data:
        if key not in CONDITIONS and key.replace("_", "-") not in BOUNDED:
            otherwise = f"a budget has {', '.join(known)}"
            if "flop" in key.lower():
                otherwise = "`macs` bounds MACs, each of which is two FLOPs"
            hint = did_you_mean(key.replace("_", "-"), known, otherwise)
            message = f"a budget has no key `{key}`"
            raise error("CTC713", message, at=key_span(source, key), hint=hint)
    if set(data) <= set(CONDITIONS):
        hint = 'write bounds such as `macs = "<=60M"`'
        raise error("CTC713", "the budget bounds nothing", path=source.name, hint=hint)


def require_text(key: str, value: object, source: Source) -> str:
    """The bound of a metric; CTC714 where it is no text."""
    if isinstance(value, str):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    kind = kind_of(BOUNDED[key.replace("_", "-")])
    bound = str(value) if number else example(kind, "60").split()[0]
    raise error(
        "CTC714",
        f"{key} is not a text with a bound",
        at=key_span(source, key),
        hint=f'write `{key} = "<={bound}"`',
    )


def no_table(metric: Metric[Any], at: Span) -> UserError:
    """The error of a bound on a time that no table of a device predicts."""
    hint = (
        '`table = "device.json"` in a budget, `check --latency device.json`,'
        " or `search --table device.json`"
    )
    return error(
        "CTC732",
        f"{metric.name} is predicted from the table of a device, and there is none",
        at=at,
        hint=(hint, "`ctcdsl bench --table -o device.json` makes one"),
    )
