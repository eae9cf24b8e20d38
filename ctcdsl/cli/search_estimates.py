"""Columns of `ctcdsl search` that estimate how well a network will learn."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ctcdsl.estimates.scores import SCORES
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from ctcdsl.checking import Network
    from ctcdsl.estimates.columns import Column
    from ctcdsl.estimates.surrogate import Surrogate
    from ctcdsl.spaces.design import Design
    from ctcdsl.spaces.search import Search


def score_names(
    context: click.Context, option: click.Parameter, text: str | None
) -> tuple[str, ...]:
    """Read the option `--score`: names of scores, each once."""
    names = () if text is None else tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in SCORES:
            raise click.BadParameter(f"{name!r} is not a score: {', '.join(SCORES)}")
    return tuple(dict.fromkeys(names))


def fitted(results: str | None, trained: Sequence[str]) -> Surrogate | None:
    """The model of the results of `--results`; `--trained` has the specs of their networks."""
    if results is None:
        if trained:
            raise click.UsageError("--trained is for --results")
        return None
    require_packages("a model of results", "numpy")
    from ctcdsl.cli.inputs import load_networks
    from ctcdsl.estimates.results import fit_results

    networks = [loaded.network for loaded in load_networks(trained, notes=False)]
    return fit_results(results, networks)


def estimates(
    search: Search, kinds: Sequence[str], surrogate: Surrogate | None, designs: Sequence[Design]
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns of the designs that are shown, and what is said of them."""
    if not kinds and surrogate is None:
        return (), []
    from ctcdsl.estimates.columns import predicted_column, predicted_statement, statement

    rows = [design.network for design in designs]
    columns, said = score_rows(search, kinds, rows), []
    if kinds:
        said.append(statement(columns))
    if surrogate is not None:
        columns = (*columns, predicted_column(rows, surrogate))
        said.append(predicted_statement(rows, surrogate))
    return columns, said


def score_rows(search: Search, kinds: Sequence[str], rows: Sequence[Network]) -> tuple[Column, ...]:
    """The columns of scores of the rows that are shown; progress is on a terminal alone."""
    from ctcdsl.estimates.columns import score_columns

    if not kinds:
        return ()
    require_packages("a score", "torch", "numpy", "PIL")
    done = 0

    def each(networks: Sequence[Network]) -> Iterator[Network]:
        nonlocal done
        hidden = not sys.stderr.isatty()
        with click.progressbar(networks, label="scoring", file=sys.stderr, hidden=hidden) as bar:
            for network in bar:
                yield network
                done += 1

    columns = score_columns(rows, kinds, each)
    if done < len(rows):
        search.interrupted = True
        search.notes.append(f"interrupted: {done} of {len(rows)} rows were scored")
    return columns


def with_estimates(
    data: dict[str, Any],
    search: Search,
    kinds: Sequence[str],
    surrogate: Surrogate | None,
    limit: int,
    best: int | None,
) -> dict[str, Any]:
    """The JSON of a search with the estimates of the rows that a table shows."""
    from ctcdsl.spaces.report import shown_rows

    if best is None:
        shown = [(data["front"][k - 1], design) for k, design in shown_rows(search, limit)]
    else:
        shown = list(zip(data["best"], search.best(best), strict=True))
    columns, said = estimates(search, kinds, surrogate, [design for _, design in shown])
    if columns:
        for row, (plain, _) in enumerate(shown):
            values = {column.key: column.as_json(row) for column in columns}
            scores = {key: value for key, value in values.items() if key in SCORES}
            plain |= {key: value for key, value in values.items() if key not in SCORES}
            if scores:
                plain["scores"] = scores
        data["notes"] = [*search.notes, *said]
    return data
