"""The language server: `ctcdsl lsp` speaks the Language Server Protocol over stdio.

pygls implements the protocol; the answers come from the other modules of this room. This
is the only module that imports it.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from ctcdsl import __version__
from ctcdsl.lsp.completion import completions
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.hover import hover_at
from ctcdsl.lsp.positions import UTF16, Position, Positions
from ctcdsl.lsp.symbols import definition_at, symbols, uses_of
from ctcdsl.text import Diagnostic, Label, Severity, Span

DEBOUNCE_SECONDS = 0.15
"""Seconds without a change before a text is checked: typing is not checked letter by letter."""

_SEVERITIES = {
    Severity.ERROR: lsp.DiagnosticSeverity.Error,
    Severity.WARNING: lsp.DiagnosticSeverity.Warning,
    Severity.NOTE: lsp.DiagnosticSeverity.Information,
}
_CANDIDATE_KINDS = {
    "header": lsp.CompletionItemKind.Keyword,
    "layer": lsp.CompletionItemKind.Class,
    "norm": lsp.CompletionItemKind.Class,
    "activation": lsp.CompletionItemKind.Class,
    "tag": lsp.CompletionItemKind.Property,
    "rule": lsp.CompletionItemKind.EnumMember,
    "style": lsp.CompletionItemKind.EnumMember,
    "operator": lsp.CompletionItemKind.Variable,
    "def": lsp.CompletionItemKind.Function,
    "let": lsp.CompletionItemKind.Constant,
    "parameter": lsp.CompletionItemKind.Variable,
}
_SYMBOLS = {
    "network": lsp.SymbolKind.Class,
    "def": lsp.SymbolKind.Function,
    "let": lsp.SymbolKind.Constant,
    "stage": lsp.SymbolKind.Field,
}

_Answer = TypeVar("_Answer")
_PositionParams = (
    lsp.HoverParams | lsp.CompletionParams | lsp.DefinitionParams | lsp.ReferenceParams
)


class Server(LanguageServer):
    """The open texts by URI, and the checks that wait until typing pauses."""

    def __init__(self) -> None:
        # Specs are short: each change sends the full text, and no edit can be misplaced.
        super().__init__(
            "ctcdsl", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full
        )
        self.stopped = False
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
            diagnostics = [self._diagnostic(uri, document, d) for d in document.report.diagnostics]
        except Exception as error:
            # A bug of ours: report it and keep serving.
            traceback.print_exc(file=sys.stderr)
            message = f"a bug of ctcdsl, not of your text: {type(error).__name__}: {error}"
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, message))
            return
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, diagnostics))

    def at(
        self, params: _PositionParams, answer: Callable[[Document, int], _Answer]
    ) -> _Answer | None:
        """Answer a request about a position; None for a text that is not open."""
        document = self._documents.get(params.text_document.uri)
        if document is None:
            return None
        position = Position(params.position.line, params.position.character)
        return answer(document, self.positions(document).offset(position))

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

    def _diagnostic(self, uri: str, document: Document, diagnostic: Diagnostic) -> lsp.Diagnostic:
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


def build() -> Server:
    """A server with a handler for each method, named as the protocol names it."""
    server = Server()

    @server.feature(lsp.SHUTDOWN)
    def shutdown(_: None) -> None:
        server.stopped = True

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: lsp.DidOpenTextDocumentParams) -> None:
        server.opened(params.text_document.uri, params.text_document.text, now=True)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: lsp.DidChangeTextDocumentParams) -> None:
        if params.content_changes:
            text = params.content_changes[-1].text
            server.opened(params.text_document.uri, text, now=False)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        def answer(document: Document, offset: int) -> lsp.Hover | None:
            result = hover_at(document, offset)
            if result is None:
                return None
            content = lsp.MarkupContent(lsp.MarkupKind.Markdown, result.markdown)
            return lsp.Hover(content, server.range(document, result.span))

        return server.at(params, answer)

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["(", ","])
    )
    def completion(params: lsp.CompletionParams) -> list[lsp.CompletionItem] | None:
        def answer(document: Document, offset: int) -> list[lsp.CompletionItem]:
            typed, candidates = completions(document, offset)
            range = server.range(document, typed)
            return [
                lsp.CompletionItem(
                    candidate.text,
                    kind=_CANDIDATE_KINDS[candidate.kind],
                    detail=candidate.summary,
                    text_edit=lsp.TextEdit(range, candidate.text),
                )
                for candidate in candidates
            ]

        return server.at(params, answer)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(params: lsp.DefinitionParams) -> lsp.Location | None:
        def answer(document: Document, offset: int) -> lsp.Location | None:
            target = definition_at(document.tree, document.source, offset)
            if target is None:
                return None
            return server.location(params.text_document.uri, document, target.name.span)

        return server.at(params, answer)

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def references(params: lsp.ReferenceParams) -> list[lsp.Location] | None:
        def answer(document: Document, offset: int) -> list[lsp.Location]:
            target = definition_at(document.tree, document.source, offset)
            if target is None:
                return []
            return [
                server.location(params.text_document.uri, document, span)
                for span in uses_of(document.tree, document.source, target)
                if params.context.include_declaration or span != target.name.span
            ]

        return server.at(params, answer)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def document_symbol(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
        document = server.document(params.text_document.uri)
        if document is None:
            return None
        return [
            lsp.DocumentSymbol(
                name=symbol.name,
                kind=_SYMBOLS[symbol.kind],
                range=server.range(document, symbol.span),
                selection_range=server.range(document, symbol.name_span),
                detail=symbol.kind,
            )
            for symbol in symbols(document.tree)
        ]

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        document = server.document(params.text_document.uri)
        text = document.formatted() if document is not None else None
        if document is None or text is None:
            return None
        everything = Span(document.source, 0, len(document.source.text))
        return [lsp.TextEdit(server.range(document, everything), text)]

    return server


def serve(stdin: BinaryIO, stdout: BinaryIO) -> bool:
    """Serve one client until it disconnects; return whether it sent `shutdown` first."""
    server = build()
    server.start_io(stdin, stdout)
    return server.stopped
