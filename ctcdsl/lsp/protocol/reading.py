"""Requests that read a text: hover, definitions and uses, outline."""

from __future__ import annotations

from lsprotocol import types as lsp

from ctcdsl.lsp.document import Document
from ctcdsl.lsp.hover import hover_at
from ctcdsl.lsp.names import definition_at, uses_of
from ctcdsl.lsp.protocol.server import Server
from ctcdsl.lsp.symbols import symbols

_SYMBOLS = {
    "network": lsp.SymbolKind.Class,
    "def": lsp.SymbolKind.Function,
    "let": lsp.SymbolKind.Constant,
    "stage": lsp.SymbolKind.Field,
}


def register(server: Server) -> None:
    """Give a server the handlers of these requests."""

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        def answer(document: Document, offset: int) -> lsp.Hover | None:
            result = hover_at(document, offset)
            if result is None:
                return None
            content = lsp.MarkupContent(lsp.MarkupKind.Markdown, result.markdown)
            return lsp.Hover(content, server.range(document, result.span))

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

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def highlight(params: lsp.DocumentHighlightParams) -> list[lsp.DocumentHighlight] | None:
        def answer(document: Document, offset: int) -> list[lsp.DocumentHighlight]:
            target = definition_at(document.tree, document.source, offset)
            if target is None:
                return []
            read, written = lsp.DocumentHighlightKind.Read, lsp.DocumentHighlightKind.Write
            return [
                lsp.DocumentHighlight(
                    server.range(document, span), written if span == target.name.span else read
                )
                for span in uses_of(document.tree, document.source, target)
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
