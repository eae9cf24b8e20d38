"""Estimates as columns of a search's front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.estimates.scores import DRAWS, SCORES, Score, score_network
from ctcdsl.estimates.surrogate import PREDICTED, Surrogate
from ctcdsl.text import UserError
from ctcdsl.text.plural import plural

NOTHING = "–"


class Column(NamedTuple):
    """What is estimated of each row: in a table under its title, in JSON under its key."""

    key: str
    title: str
    values: tuple[Score | None, ...]

    @property
    def cells(self) -> list[str]:
        """Its cells in a table."""
        return [NOTHING if value is None else value.text for value in self.values]

    def as_json(self, row: int) -> dict[str, Any] | None:
        """A row's value as plain data."""
        value = self.values[row]
        return None if value is None else value._asdict()


def score_columns(
    networks: Sequence[Network],
    kinds: Sequence[str],
    each: Callable[[Sequence[Network]], Iterable[Network]] = iter,
) -> tuple[Column, ...]:
    """A column for each kind of score; a network that does not have it has None.

    Args:
        networks: The rows.
        kinds: Names of scores.
        each: Passes the rows on one after another, as a progress bar does; after Ctrl-C the
            rows that are left have None.

    Raises:
        UserError: CTC741 no network has a score that is asked for.
        KeyboardInterrupt: Before the first row was scored.
    """
    found: dict[str, list[Score | None]] = {kind: [] for kind in kinds}
    failures: dict[str, UserError] = {}
    try:
        for network in each(networks):
            row: list[Score | None] = []
            for kind in kinds:
                try:
                    row.append(score_network(network, kind))
                except UserError as failure:
                    failures.setdefault(kind, failure)
                    row.append(None)
            for kind, value in zip(kinds, row, strict=True):
                found[kind].append(value)
    except KeyboardInterrupt:
        if not found[kinds[0]]:
            raise
    for kind, values in found.items():
        if kind in failures and not any(values):
            raise failures[kind]
        values += [None] * (len(networks) - len(values))
    return tuple(Column(kind, SCORES[kind].title, tuple(found[kind])) for kind in kinds)


def predicted_column(networks: Sequence[Network], surrogate: Surrogate) -> Column:
    """The errors that a model of results predicts, in percent.

    Raises:
        UserError: CTC743 they are of another number of classes than the results.
    """
    values = tuple(surrogate.predict(network) for network in networks)
    return Column("prediction", PREDICTED.title, values)


def predicted_statement(networks: Sequence[Network], surrogate: Surrogate) -> str:
    """How good the predictions are, and which of them are extrapolated."""
    text = (
        f"Predicted: by a model of {surrogate.count} results. Leaving one out, it is wrong by"
        f" {surrogate.leave_one_out:.2f} points, and the mean of the others by"
        f" {surrogate.of_mean:.2f}."
    )
    beyond = [surrogate.beyond(network) for network in networks]
    names = ", ".join(dict.fromkeys(name for row in beyond for name in row))
    if names:
        rows = plural(len(beyond), "row")
        text += f" Extrapolated, beyond the results in {names}: {sum(map(bool, beyond))} of {rows}."
    return text


def statement(columns: Sequence[Column]) -> str:
    """What scores are, and what they are not good for."""
    titles = " and ".join(column.title for column in columns)
    return (
        f"{titles}: mean and deviation of {plural(DRAWS, 'initialisation')} without training, more"
        " is said to be better. Scores rise with layers that make networks worse: choose by none"
        " alone."
    )
