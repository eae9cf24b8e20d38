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
from ctcdsl.text.source import Origin, Source, Span

__all__ = [
    "Diagnostic",
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
