"""What went wrong, as data: a code, a sentence, the places, notes and hints."""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from ctcdsl.text.fixes import Fix, fixes_of
from ctcdsl.text.source import Origin, Span


class Severity(StrEnum):
    """How bad a diagnostic is; only errors fail a run."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Label(NamedTuple):
    """A place, or the origin of a layer, and a text about it (may be empty)."""

    place: Span | Origin
    text: str = ""

    @property
    def span(self) -> Span:
        """The characters that are marked."""
        return self.place.span if isinstance(self.place, Origin) else self.place

    @property
    def calls(self) -> tuple[Span, ...]:
        """The calls of `def`s that lead to a layer, the outermost first."""
        return self.place.calls if isinstance(self.place, Origin) else ()


def call_labels(calls: tuple[Span, ...]) -> tuple[Label, ...]:
    """Labels for the calls of `def`s that lead to a layer.

    The innermost, and the outermost, which is in the network's own line.
    """
    return tuple(Label(call, "called here") for call in dict.fromkeys((*calls[-1:], *calls[:1])))


class Diagnostic(NamedTuple):
    """One message to the user.

    `labels[0]` is its place; further labels are places that explain it.
    A message about a file or a folder has a `path` instead of labels. `fixes` are changes of
    the text that do what the hints say, the likeliest first.
    """

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    path: str | None = None
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    fixes: tuple[Fix, ...] = ()

    def __str__(self) -> str:
        from ctcdsl.text.render import render

        return render(self)


class UserError(Exception):
    """The input is wrong: carries the diagnostics that say so. Never a bug of ours.

    `str()` shows them as the commands do.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "\n".join(map(str, self.diagnostics))


class SpecError(UserError, ValueError):
    """A spec is wrong, or a pass does not apply to it."""


class SpecWarning(UserWarning):
    """What `load` has to say of a spec that it loads: `str()` shows it as commands do."""


def error(
    code: str,
    message: str,
    *,
    at: Span | Origin | Label | None = None,
    path: str | os.PathLike[str] | None = None,
    notes: Iterable[str] = (),
    hint: str | Iterable[str] = (),
) -> UserError:
    """The exception for one error, to be raised by the caller.

    Empty notes, hints and paths are dropped, and so is a place in a network that a pass made,
    which has no text. A layer of a `def` is shown with its call. Codes below CTC600
    are about a spec or a pass: they give a `SpecError`.
    """
    label = at if isinstance(at, Label | None) else Label(at)
    labels = () if label is None else (label, *call_labels(label.calls))
    hints = tuple(filter(None, (hint,) if isinstance(hint, str) else hint))
    kind = SpecError if code < "CTC600" else UserError
    return kind(
        Diagnostic(
            code,
            message,
            labels=labels if label is not None and label.span.source.text else (),
            path=os.fspath(path) if path else None,
            notes=tuple(filter(None, notes)),
            hints=hints,
            fixes=fixes_of(hints, label.span if label is not None else None),
        )
    )


def reason(cause: OSError) -> str:
    """The system's words for a failure, as they follow a colon: `no such file or directory`."""
    return (cause.strerror or str(cause)).lower()


class InternalError(Exception):
    """An invariant of ctcdsl itself is broken: never raised for wrong input."""
