"""Numbers with units: `60M`, `256KB`, `1.5GiB`, `5ms`."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from types import MappingProxyType

from ctcdsl.metrics.metric import Metric


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
