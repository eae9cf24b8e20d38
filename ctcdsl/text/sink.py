"""Collects diagnostics, so that one run reports every error, and each of them once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ctcdsl.text import Diagnostic, Label, Origin, Severity, Span
from ctcdsl.text.diagnostic import call_labels
from ctcdsl.text.fixes import fixes_of

_MAX_QUOTE = 60
"""Longer pieces of a spec are quoted cut."""

_RANGES = frozenset({"CTC108", "CTC109", "CTC908"})
"""Numbers out of range, which do not matter in layers that are repeated zero times."""


def quoted(place: Span | Origin) -> str:
    """What the author wrote, as a message quotes it: on one line, and not too long."""
    text = " ".join(re.sub(r"#[^\n]*|\\(?=[ \t]*\n)", " ", place.text).split())
    return f"`{text[:_MAX_QUOTE]}…`" if len(text) > _MAX_QUOTE else f"`{text}`"


class Diagnostics:
    """The diagnostics of one run, in the order they are reported."""

    def __init__(self) -> None:
        self.reported: list[Diagnostic] = []
        self.num_errors = 0
        self._seen: set[tuple[str, str, Span]] = set()
        self._places: set[tuple[str, Span]] = set()
        self.calls: tuple[Span, ...] = ()
        """The calls of the `def`s whose bodies are being read, the outermost first."""
        self._ignoring_ranges = False

    def error(
        self,
        code: str,
        message: str,
        at: Span | Origin | Label,
        *,
        also: tuple[Label, ...] = (),
        hint: str = "",
    ) -> None:
        """Add an error, as `add` does."""
        self.add(Severity.ERROR, code, message, at, also=also, hint=hint)

    def add(
        self,
        severity: Severity,
        code: str,
        message: str,
        at: Span | Origin | Label,
        *,
        also: tuple[Label, ...] = (),
        hint: str = "",
    ) -> None:
        """Add a diagnostic of any severity, unless it has been reported of this place.

        In the body of a `def`, or of a layer that a `def` gave, it also points at the call.
        """
        if self._ignoring_ranges and code in _RANGES:
            return
        self.num_errors += severity is Severity.ERROR
        first = at if isinstance(at, Label) else Label(at)
        if (code, message, first.span) in self._seen:
            return
        self._seen.add((code, message, first.span))
        self._places.add((code, first.span))
        calls = next((label.calls for label in (first, *also) if label.calls), self.calls)
        hints = (hint,) if hint else ()
        labels = (first, *also, *call_labels(calls))
        fixes = fixes_of(hints, first.span)
        self.reported.append(
            Diagnostic(code, message, labels, hints=hints, severity=severity, fixes=fixes)
        )

    def is_reported(self, code: str, span: Span) -> bool:
        """Whether a place has such an error, which then counts again and is not repeated."""
        known = (code, span) in self._places
        self.num_errors += known
        return known

    @contextmanager
    def in_def_call(self, span: Span) -> Iterator[None]:
        """What is reported within, in the body of a `def`, also points at its call."""
        outer = self.calls
        self.calls = (*outer, span)
        try:
            yield
        finally:
            self.calls = outer

    @contextmanager
    def ignoring_ranges(self) -> Iterator[None]:
        """Within, numbers out of range are no errors: the layers are repeated zero times."""
        before, self._ignoring_ranges = self._ignoring_ranges, True
        try:
            yield
        finally:
            self._ignoring_ranges = before
