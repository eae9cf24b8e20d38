"""The open texts of an editor: their checks, and places as the protocol has them."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import Protocol, TypeVar

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from ctcdsl import __version__
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.inlay_hints import HintPlaces
from ctcdsl.lsp.positions import UTF16, Position, Positions
from ctcdsl.text import Diagnostic, Label, Severity, Span

DEBOUNCE_SECONDS = 0.15
"""Seconds without a change before a text is checked: typing is not checked letter by letter."""

_SEVERITIES = {
    Severity.ERROR: lsp.DiagnosticSeverity.Error,
    Severity.WARNING: lsp.DiagnosticSeverity.Warning,
    Severity.NOTE: lsp.DiagnosticSeverity.Information,
}

_Answer = TypeVar("_Answer")


class PositionParams(Protocol):
    """A request about a place in a text."""

    text_document: lsp.TextDocumentIdentifier
    position: lsp.Position


class Server(LanguageServer):
    """The open texts by URI, and the checks that wait until typing pauses."""

    def __init__(self) -> None:
        # Specs are short: each change sends the full text, and no edit can be misplaced.
        super().__init__(
            "ctcdsl", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full
        )
        self.stopped = False
        self.hint_places = HintPlaces.LAYERS
        self._documents: dict[str, Document] = {}
        self._waiting: dict[str, asyncio.TimerHandle] = {}

    # ------------------------------------------------------------------ texts

    def opened(self, uri: str, text: str, *, now: bool) -> None:
        """Take a text, new or changed, and check it now or when typing pauses."""
        path = to_fs_path(uri) or uri
        self._documents[uri] = Document(path, text, self._documents.get(uri))
        self._forget_check(uri)
        delay = 0 if now else DEBOUNCE_SECONDS
        self._waiting[uri] = asyncio.get_running_loop().call_later(delay, self._publish, uri)

    def closed(self, uri: str) -> None:
        """Forget a text and clear its diagnostics."""
        self._forget_check(uri)
        if self._documents.pop(uri, None) is not None:
            self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))

    def _forget_check(self, uri: str) -> None:
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()

    def _publish(self, uri: str) -> None:
        document = self._documents[uri]
        try:
            diagnostics = [self.diagnostic(uri, document, d) for d in document.report.diagnostics]
        except Exception as error:
            # A bug of ours: report it and keep serving.
            traceback.print_exc(file=sys.stderr)
            message = f"a bug of ctcdsl, not of your text: {type(error).__name__}: {error}"
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, message))
            return
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, diagnostics))

    def at(
        self, params: PositionParams, answer: Callable[[Document, int], _Answer]
    ) -> _Answer | None:
        """Answer a request about a position; None for a text that is not open."""
        document = self._documents.get(params.text_document.uri)
        if document is None:
            return None
        position = Position(params.position.line, params.position.character)
        return answer(document, self.positions(document).offset(position))

    def offsets(self, document: Document, range: lsp.Range) -> tuple[int, int]:
        """The offsets of a range's ends."""
        positions = self.positions(document)
        start, end = (Position(place.line, place.character) for place in (range.start, range.end))
        return positions.offset(start), positions.offset(end)

    def configure(self, settings: object) -> None:
        """Take the settings of an editor: `{"inlayHints": "layers"}`; others stay as they are."""
        if isinstance(settings, dict):
            wanted = settings.get("ctcdsl", settings)
            places = wanted.get("inlayHints") if isinstance(wanted, dict) else None
            if places in list(HintPlaces):
                self.hint_places = HintPlaces(places)

    def document(self, uri: str) -> Document | None:
        """An open text."""
        return self._documents.get(uri)

    # -------------------------------------------------------------- protocol

    def positions(self, document: Document) -> Positions:
        """Positions in the units that client and server agreed on."""
        return Positions(document.source, self.workspace.position_encoding or UTF16)

    def range(self, document: Document, span: Span) -> lsp.Range:
        """A span as the protocol has it."""
        start, end = self.positions(document).range(span)
        return lsp.Range(lsp.Position(*start), lsp.Position(*end))

    def location(self, uri: str, document: Document, span: Span) -> lsp.Location:
        """A span with its text's URI."""
        return lsp.Location(uri, self.range(document, span))

    def edit(self, document: Document, span: Span, text: str) -> lsp.TextEdit:
        """A change of a text, with the text's own line ends."""
        return lsp.TextEdit(self.range(document, span), document.with_line_ends(text))

    def diagnostic(self, uri: str, document: Document, diagnostic: Diagnostic) -> lsp.Diagnostic:
        """A diagnostic as the protocol has it."""
        first, *others = diagnostic.labels or (Label(Span(document.source, 0, 0)),)
        lines = [diagnostic.message, first.text, *diagnostic.notes]
        lines += [f"hint: {hint}" for hint in diagnostic.hints]
        unused = [lsp.DiagnosticTag.Unnecessary] if diagnostic.code == "CTC904" else None
        return lsp.Diagnostic(
            range=self.range(document, first.span),
            message="\n".join(filter(None, lines)),
            severity=_SEVERITIES[diagnostic.severity],
            code=diagnostic.code,
            source="ctcdsl",
            tags=unused,
            related_information=[
                lsp.DiagnosticRelatedInformation(
                    self.location(uri, document, label.span), label.text or "see here"
                )
                for label in others
            ],
        )
