"""Collects what is wrong, so that one run reports every mistake."""

from __future__ import annotations

from ctcdsl.text import Diagnostic, Label, Severity, Span


class Problems:
    """The diagnostics of one run, in the order found."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

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
        """Add a diagnostic of any severity."""
        self.found.append(
            Diagnostic(
                code=code,
                message=message,
                labels=(Label(span, at), *also),
                hints=(hint,) if hint else (),
                severity=severity,
            )
        )

    @property
    def errors(self) -> int:
        """How many errors were found so far."""
        return sum(d.severity is Severity.ERROR for d in self.found)
