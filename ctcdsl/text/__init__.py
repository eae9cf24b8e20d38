"""Texts, places in them, and the diagnostics that point there."""

from ctcdsl.text.diagnostic import (
    Diagnostic,
    InternalError,
    Label,
    Severity,
    SpecError,
    SpecWarning,
    UserError,
    error,
    reason,
)
from ctcdsl.text.fixes import Fix, Hint
from ctcdsl.text.source import Expansion, Origin, Source, Span

__all__ = [
    "Diagnostic",
    "Expansion",
    "Fix",
    "Hint",
    "InternalError",
    "Label",
    "Origin",
    "Severity",
    "Source",
    "Span",
    "SpecError",
    "SpecWarning",
    "UserError",
    "error",
    "reason",
]
