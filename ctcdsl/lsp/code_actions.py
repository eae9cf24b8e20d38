"""Quick fixes: the changes that the diagnostics at a place propose."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.lsp.document import Document
from ctcdsl.text import Diagnostic, Fix


class QuickFix(NamedTuple):
    """A change that does what the hint of a diagnostic says; `preferred` where there is one."""

    fix: Fix
    diagnostic: Diagnostic
    preferred: bool


def quick_fixes(document: Document, start: int, end: int) -> list[QuickFix]:
    """The changes for diagnostics between two offsets, or for what they would replace."""
    return [
        QuickFix(fix, diagnostic, preferred=len(diagnostic.fixes) == 1)
        for diagnostic in document.report.diagnostics
        for fix in diagnostic.fixes
        if any(
            place.start <= end and start <= place.end
            for place in (fix.span, *(label.span for label in diagnostic.labels[:1]))
        )
    ]
