"""Collects what is wrong, so that one run reports every mistake, and each of them once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ctcdsl.text import Diagnostic, Label, Severity, Span

_LONGEST = 60
"""Longer pieces of a spec are quoted cut."""


def quoted(span: Span) -> str:
    """What the author wrote, as a message quotes it: on one line, and not too long."""
    text = " ".join(re.sub(r"#[^\n]*|\\(?=[ \t]*\n)", " ", span.text).split())
    return f"`{text[:_LONGEST]}…`" if len(text) > _LONGEST else f"`{text}`"


_OF_NUMBERS = frozenset({"CTC108", "CTC109", "CTC908"})
"""Ranges of numbers: no matter in layers that are repeated zero times."""


class Diagnostics:
    """The diagnostics of one run, in the order found."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.errors = 0
        self._seen: set[tuple[str, str, int, int]] = set()
        self._places: set[tuple[str, int, int]] = set()
        self._calls: list[Span] = []
        self._unused = 0

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        at: str = "",
        *,
        also: tuple[Label, ...] = (),
        hint: str = "",
    ) -> None:
        """Add an error at `span`; `at` is said there, `hint` says what to do."""
        if self._calls:
            also = (*also, Label(self._calls[-1], "called here"))
        self.add(Severity.ERROR, code, message, span, at, also=also, hint=hint)

    def add(
        self,
        severity: Severity,
        code: str,
        message: str,
        span: Span,
        at: str = "",
        *,
        also: tuple[Label, ...] = (),
        hint: str = "",
    ) -> None:
        """Add a diagnostic of any severity; what was said of a place is not said again."""
        if self._unused and code in _OF_NUMBERS:
            return
        self.errors += severity is Severity.ERROR
        key = (code, message, span.start, span.end)
        if key in self._seen:
            return
        self._seen.add(key)
        self._places.add((code, span.start, span.end))
        self.found.append(
            Diagnostic(
                code=code,
                message=message,
                labels=(Label(span, at), *also),
                hints=(hint,) if hint else (),
                severity=severity,
            )
        )

    def told(self, code: str, span: Span) -> bool:
        """Whether such an error of a place is known: then it is counted, and to be said no more."""
        known = (code, span.start, span.end) in self._places
        self.errors += known
        return known

    @contextmanager
    def in_def_call(self, span: Span) -> Iterator[None]:
        """Errors found meanwhile, in the body of a `def`, also point at its call."""
        self._calls.append(span)
        try:
            yield
        finally:
            self._calls.pop()

    @contextmanager
    def without_numbers(self) -> Iterator[None]:
        """Meanwhile numbers out of range are no errors: the layers are repeated zero times."""
        self._unused += 1
        try:
            yield
        finally:
            self._unused -= 1
