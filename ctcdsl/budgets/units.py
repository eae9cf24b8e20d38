"""Numbers with units: `60M`, `256KB`, `1.5GiB`, `5ms`."""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction
from types import MappingProxyType

from ctcdsl.metrics.metric import Metric
from ctcdsl.text import error


class Kind(Enum):
    """What a metric's numbers are of."""

    COUNT = "a number"
    BYTES = "a number of bytes"
    TIME = "a time"
    RATIO = "a ratio"


_PREFIXES = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
UNITS = MappingProxyType(
    {
        Kind.COUNT: {prefix: Fraction(1000**power) for prefix, power in _PREFIXES.items()},
        Kind.BYTES: {
            "B": Fraction(1),
            **{f"{prefix}B": Fraction(1000**power) for prefix, power in _PREFIXES.items()},
            **{f"{prefix}iB": Fraction(1024**power) for prefix, power in _PREFIXES.items()},
        },
        Kind.TIME: {
            "s": Fraction(1),
            "ms": Fraction(1, 1000),
            **dict.fromkeys(("us", "µs", "μs"), Fraction(1, 10**6)),
            "ns": Fraction(1, 10**9),
        },
        Kind.RATIO: {},
    }
)
"""What each unit is in the unit of the metrics of a kind: 1, bytes, seconds."""
PERCENT = "%"

_KINDS = {"bytes": Kind.BYTES, "seconds": Kind.TIME, "MACs/byte": Kind.RATIO}


def kind_of(metric: Metric[object]) -> Kind:
    """What the numbers of a metric are of."""
    return _KINDS.get(metric.unit, Kind.COUNT)


def example(kind: Kind, number: str) -> str:
    """How a number of a kind is written: `60M`, `256KB or 256KiB`, `5ms`."""
    match kind:
        case Kind.COUNT:
            return f"{number}M"
        case Kind.BYTES:
            return f"{number}KB (1000 bytes each) or {number}KiB (1024)"
        case Kind.TIME:
            return f"{number}ms"
        case Kind.RATIO:
            return number


def parse_bytes(text: str) -> int:
    """An amount of memory, `6GB` or `256KiB`, in bytes.

    Raises:
        UserError: CTC702 where it is none.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    if match is None:
        hint = "write 6GB (1,000,000,000 bytes each) or 6GiB (1,073,741,824)"
        raise error("CTC702", f"`{text}` is not an amount of memory", hint=hint)
    number, unit = match.groups()
    units = UNITS[Kind.BYTES]
    if unit not in units:
        message = (
            f"`{text.strip()}` has no unit" if not unit else f"`{unit}` is not a unit of memory"
        )
        meant = next((known for known in units if known.lower() == unit.lower()), "GB")
        named = ", ".join(known for known in units if known[0] != "k")
        hint = f"write {number}{meant}; the units are {named}"
        raise error("CTC702", message, hint=hint)
    amount = int(Fraction(number) * units[unit])
    if amount < 1:
        raise error("CTC702", f"`{text.strip()}` is no memory at all", hint="write 6GB, or 256KiB")
    return amount
