"""A page: what a report is, complete in one file."""

from __future__ import annotations

import os
from typing import NamedTuple

from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import Diagnostic


class Page(NamedTuple):
    """A report: `html` is all of it, without anything from a network; notebooks show `body`."""

    title: str
    html: str
    body: str
    warnings: tuple[Diagnostic, ...] = ()
    """Of results that no network of the report has, or the reverse."""

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file. Raises `UserError` CTC608 where it cannot be written."""
        write_atomic(path, self.html.encode())

    def __repr__(self) -> str:
        return f"<Page {self.title}: {len(self.html):,} characters>"

    def _repr_html_(self) -> str:
        return self.body
