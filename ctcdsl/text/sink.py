"""Collects diagnostics, so that one run reports every error, and each of them once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ctcdsl.text import Diagnostic, Label, Severity, Span

_MAX_QUOTE = 60
"""Longer pieces of a spec are quoted cut."""

_RANGES = frozenset({"CTC108", "CTC109", "CTC908"})
"""Numbers out of range, which do not matter in layers that are repeated zero times."""


def quoted(span: Span) -> str:
    """What the author wrote, as a message quotes it: on one line, and not too long."""
    text = " ".join(re.sub(r"#[^\n]*|\\(?=[ \t]*\n)", " ", span.text).split())
    return f"`{text[:_MAX_QUOTE]}…`" if len(text) > _MAX_QUOTE else f"`{text}`"


class Diagnostics:
    """The diagnostics of one run, in the order they are reported."""

    def __init__(self) -> None:
        self.reported: list[Diagnostic] = []
        self.num_errors = 0
        self._seen: set[tuple[str, str, Span]] = set()
        self._places: set[tuple[str, Span]] = set()
        self.call: Span | None = None
        """The call of the `def` whose body is being read."""
        self._ignoring_ranges = False

    def error(
        self,
        code: str,
        message: str,
        at: Span | Label,
        *,
        also: tuple[Label, ...] = (),
        hint: str = "",
    ) -> None:
        """Add an error; in the body of a `def` it also points at the call."""
        if self.call is not None:
            also = (*also, Label(self.call, "called here"))
        self.add(Severity.ERROR, code, message, at, also=also, hint=hint)

    def add(
        self,
        severity: Severity,
        code: str,
        message: str,
        at: Span | Label,
        *,
        also: tuple[Label, ...] = (),
        hint: str = "",
    ) -> None:
        """Add a diagnostic of any severity, unless it has been reported of this place.

        Of a layer that a `def` gave it also points at the call.
        """
        if self._ignoring_ranges and code in _RANGES:
            return
        self.num_errors += severity is Severity.ERROR
        first = Label(at) if isinstance(at, Span) else at
        place = first.span._replace(call=None)
        if (code, message, place) in self._seen:
            return
        self._seen.add((code, message, place))
        self._places.add((code, place))
        if first.span.call is not None and self.call is None:
            also = (*also, Label(first.span.call, "called here"))
        hints = (hint,) if hint else ()
        labels = (first, *also)
        self.reported.append(Diagnostic(code, message, labels, hints=hints, severity=severity))

    def is_reported(self, code: str, span: Span) -> bool:
        """Whether a place has such an error, which then counts again and is not repeated."""
        known = (code, span) in self._places
        self.num_errors += known
        return known

    @contextmanager
    def in_def_call(self, span: Span) -> Iterator[None]:
        """Errors reported within, in the body of a `def`, also point at its call."""
        outer, self.call = self.call, span
        try:
            yield
        finally:
            self.call = outer

    @contextmanager
    def ignoring_ranges(self) -> Iterator[None]:
        """Within, numbers out of range are no errors: the layers are repeated zero times."""
        before, self._ignoring_ranges = self._ignoring_ranges, True
        try:
            yield
        finally:
            self._ignoring_ranges = before
