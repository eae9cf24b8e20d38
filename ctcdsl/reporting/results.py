"""Errors that networks reached, from a table in CSV: `ctcdsl compare --format csv` writes it."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import Diagnostic, Severity, UserError, error, reason

NETWORK, ERROR, SPREAD = "network", "top-1 %", "top-1 ±"
"""Titles of columns: the first two must be there."""
_DECIMAL = r"(\d+(?:\.\d*)?|\.\d+)\s*%?\s*"
_NUMBER = re.compile(rf"{_DECIMAL}(?:(?:±|\+-|\+/-)\s*{_DECIMAL})?")
_WITHOUT = ("", "failed")
_HINT = "`ctcdsl compare … --format csv` writes such a table"


class Measured(NamedTuple):
    """A network's top-1 error in percent, and its standard deviation where it is known."""

    error: float
    deviation: float | None = None

    @property
    def text(self) -> str:
        """As in `37.4 ± 0.2`."""
        spread = "" if self.deviation is None else f" ± {self.deviation:.1f}"
        return f"{self.error:.1f}{spread}"


Results = Mapping[str, Measured]
"""By the names of networks."""


def read_results(path: str | os.PathLike[str]) -> Results:
    """Read errors in percent; several rows of a network are runs of which the mean is taken.

    Raises:
        UserError: CTC751 where the file cannot be read, lacks a column, or has an error that is
            not a number from 0 to 100.
    """
    name = os.fspath(path)
    rows = csv.reader(io.StringIO(_text(name), newline=""))
    titles = [title.strip() for title in next(rows, [])]
    _require_columns(titles, name)
    runs: dict[str, list[Measured]] = {}
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(titles):
            raise _unusable(
                f"line {rows.line_num} has {len(cells)} cells under {len(titles)} titles", name
            )
        row = dict(zip(titles, map(str.strip, cells), strict=True))
        if row[ERROR].lower() not in _WITHOUT:
            runs.setdefault(row[NETWORK], []).append(_measured(row, rows.line_num, name))
    if not runs:
        raise _unusable("the table has no row with an error", name)
    return {network: _mean(measured) for network, measured in runs.items()}


def check_names(results: Results, names: Sequence[str], path: str) -> tuple[Diagnostic, ...]:
    """Warnings of results of networks that are not at hand, CTC961, and of the reverse, CTC962.

    Raises:
        UserError: CTC752 where no name is that of a result, or two networks with a result have
            one name.
    """
    shown = _listed(names)
    for name in results:
        if names.count(name) > 1:
            raise error(
                *("CTC752", f"{names.count(name)} networks are named `{name}`"),
                path=path,
                hint="results belong to names: give each network its own, `net NAME`",
            )
    strangers = [name for name in results if name not in names]
    if len(strangers) == len(results):
        raise error(
            *("CTC752", f"no network of the report has a result: these are of {_listed(results)}"),
            path=path,
            hint=did_you_mean(strangers[0], names, f"the networks are {shown}"),
        )
    warnings = []
    if strangers:
        message = f"the report has no network {_listed(strangers)}: left out"
        hint = did_you_mean(strangers[0], names, f"the networks are {shown}")
        warnings.append(_warning("CTC961", message, path, hint))
    without = [name for name in names if name not in results]
    if without:
        message = f"no result for {_listed(without)}: missing in the picture of errors"
        warnings.append(_warning("CTC962", message, path))
    return tuple(warnings)


def _text(name: str) -> str:
    try:
        with open(name, "rb") as file:
            return file.read().decode("utf-8-sig")
    except OSError as cause:
        raise error("CTC751", f"cannot read the results: {reason(cause)}", path=name) from cause
    except UnicodeDecodeError as cause:
        raise _unusable("the table is not text in UTF-8", name) from cause


def _require_columns(titles: Sequence[str], name: str) -> None:
    for title in (NETWORK, ERROR):
        if title not in titles:
            columns = _listed(titles) if any(titles) else "none"
            message = f"the results have no column `{title}`: the columns are {columns}"
            separated = len(titles) == 1 and any(sign in titles[0] for sign in ";\t")
            raise error(
                *("CTC751", message),
                path=name,
                hint="separate columns by commas" if separated else _HINT,
            )
        if titles.count(title) > 1:
            raise _unusable(f"the results have {titles.count(title)} columns `{title}`", name)


def _measured(row: Mapping[str, str], line: int, name: str) -> Measured:
    """The error in a row, with the deviation in its cell or in a column of its own."""
    match = _NUMBER.fullmatch(row[ERROR])
    if match is None or float(match[1]) > 100:
        message = f"line {line}: the error `{row[ERROR]}` of {row[NETWORK]} is not a number"
        raise _unusable(f"{message} from 0 to 100", name)
    spread = match[2] or row.get(SPREAD) or ""
    if spread and _NUMBER.fullmatch(spread) is None:
        message = f"line {line}: the deviation `{spread}` of {row[NETWORK]} is not a number"
        raise _unusable(message, name)
    return Measured(float(match[1]), float(spread.strip(" %")) if spread else None)


def _mean(runs: Sequence[Measured]) -> Measured:
    if len(runs) == 1:
        return runs[0]
    errors = [run.error for run in runs]
    return Measured(fmean(errors), stdev(errors))


def _unusable(message: str, name: str) -> UserError:
    return error("CTC751", message, path=name, hint=_HINT)


def _warning(code: str, message: str, path: str, hint: str = "") -> Diagnostic:
    hints = (hint,) if hint else ()
    return Diagnostic(code, message, path=path, hints=hints, severity=Severity.WARNING)


def _listed(names: Iterable[str]) -> str:
    """Names in code marks; of many the first, and how many more there are."""
    names = list(names)
    listed = ", ".join(f"`{name}`" for name in names[:6])
    return listed if len(names) <= 6 else f"{listed} and {len(names) - 6} more"
