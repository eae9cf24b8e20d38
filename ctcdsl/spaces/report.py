"""The front of a search as a table, and what to say below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ctcdsl.metrics.catalog import DEPTH, MACS, PARAMS
from ctcdsl.metrics.tables import Table
from ctcdsl.spaces.design import Design
from ctcdsl.spaces.objectives import Objective
from ctcdsl.spaces.search import Search
from ctcdsl.text.plural import plural

CHOICES = "choices"
_NONE: Mapping[str, Sequence[str]] = MappingProxyType({})


def shown_rows(search: Search, limit: int) -> list[tuple[int, Design]]:
    """The rows of a front that are shown, with their numbers: all, or `limit` spread over it."""
    rows = list(enumerate(search.front, start=1))
    if len(rows) <= limit:
        return rows
    if limit < 2:
        return rows[:limit]
    return [rows[k * (len(rows) - 1) // (limit - 1)] for k in range(limit)]


def front_table(search: Search, limit: int, more: Mapping[str, Sequence[str]] = _NONE) -> Table:
    """A row for each network of the front: its number, costs and choices.

    `more` are other columns by their titles, each with a cell for each row that is shown.
    """
    return _table(search, shown_rows(search, limit), more)


def best_table(
    search: Search, best: Sequence[Design], more: Mapping[str, Sequence[str]] = _NONE
) -> Table:
    """A row for each of some networks; `more` are other columns."""
    return _table(search, list(enumerate(best, start=1)), more)


def _table(
    search: Search, numbered: Sequence[tuple[int, Design]], more: Mapping[str, Sequence[str]]
) -> Table:
    ranked = [o.metric for o in search.objectives if o.of is None]
    measured = dict.fromkeys([DEPTH, MACS, PARAMS, *ranked])
    metrics = [*measured, *(b.metric for b in search.budget.bounds if b.metric not in measured)]
    metrics = list(dict.fromkeys(metrics))
    titles = ("#", *(metric.title for metric in metrics), *more, CHOICES)
    rows = tuple(
        (
            str(number),
            *(metric.text(design.costs[metric.name]) for metric in metrics),
            *(cells[place] for cells in more.values()),
            design.title,
        )
        for place, (number, design) in enumerate(numbered)
    )
    return Table(titles, rows, frozenset({CHOICES}))


def _direction(objective: Objective) -> str:
    """`more`, `less`, or `fewer` of what is counted."""
    if not objective.less:
        return "more"
    return "fewer" if objective.metric.title[-1] == "s" else "less"


def _most(objective: Objective) -> str:
    """`most`, `least`, or `fewest` of what is counted."""
    return {"more": "most", "less": "least", "fewer": "fewest"}[_direction(objective)]


def statements(search: Search, limit: int, others: Sequence[str] = ()) -> list[str]:
    """How many networks there are, what the table has, what was rounded, what no search says.

    `others` are said before the last of them.
    """
    words = [f"{_direction(o)} {o.metric.title}" for o in search.objectives]
    front = search.front
    lines = [_count(search)]
    more = f", {limit} of them shown (--limit)" if len(front) > limit else ""
    rails = f"; {search.rails_text}" if search.rails_text else ""
    lines.append(
        f"{plural(len(front), 'network')} that no other beats in {', '.join(words)}{more}{rails}."
    )
    if not front and rails:
        lines.append("None keeps to these: --min-width, --max-depth and --chains change them.")
    return [*lines, *_remarks(search, others)]


def best_statements(
    search: Search, best: Sequence[Design], others: Sequence[str] = ()
) -> list[str]:
    """The same of the best networks by the first objective."""
    first = search.objectives[0]
    rails = f"; {search.rails_text}" if search.rails_text else ""
    said = f"{plural(len(best), 'network')} of the {_most(first)} {first.metric.title}{rails}."
    return [_count(search), said, *_remarks(search, others)]


def _count(search: Search) -> str:
    if not search.budget.bounds:
        return f"{search.total:,} networks."
    return f"{search.count_text} of {search.total:,} networks are within the budget."


def _remarks(search: Search, others: Sequence[str]) -> list[str]:
    lines: list[str] = []
    price = search.price
    if price is not None:
        lines.append(f"{price.text[:1].upper()}{price.text[1:]}.")
    lines += [f"{note[:1].upper()}{note[1:]}." for note in search.notes]
    lines += others
    lines.append("No accuracy was measured: costs are known before training, errors are not.")
    return lines
