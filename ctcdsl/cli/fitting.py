"""Facts on one line: where there is little room, those that matter least are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Fact(NamedTuple):
    """Some words on a line."""

    text: str
    rank: int = 0
    """Those of a higher rank are left out first; of equal ones the last."""


def fit(facts: Sequence[Fact], width: int) -> str:
    """The facts in their order, two spaces between, in at most `width` columns.

    The last that is left is cut where even that is too long.
    """
    left = list(facts)
    while len(left) > 1 and len(_joined(left)) > width:
        least = max(range(len(left)), key=lambda index: (left[index].rank, index))
        del left[least]
    return _joined(left)[: max(width, 1)]


def _joined(facts: Sequence[Fact]) -> str:
    return "  ".join(fact.text for fact in facts)
