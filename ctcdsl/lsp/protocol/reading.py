"""Requests that read a text: hover, definitions and uses, outline, colours, inlay hints."""

from __future__ import annotations

from lsprotocol import types as lsp

from ctcdsl.lsp.document import Document
from ctcdsl.lsp.folding import folds
from ctcdsl.lsp.hover import hover_at
from ctcdsl.lsp.inlay_hints import inlay_hints
from ctcdsl.lsp.names import definition_at, uses_of
from ctcdsl.lsp.protocol.server import Server
from ctcdsl.lsp.semantic_tokens import LEGEND, MODIFIERS, semantic_tokens
from ctcdsl.lsp.symbols import symbols

_LEGEND = lsp.SemanticTokensLegend(list(LEGEND), list(MODIFIERS))
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

    @server.feature(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    def folding(params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange] | None:
        document = server.document(params.text_document.uri)
        if document is None:
            return None
        return [lsp.FoldingRange(fold.first, fold.last, kind=fold.kind) for fold in folds(document)]

    @server.feature(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, _LEGEND)
    def colours(params: lsp.SemanticTokensParams) -> lsp.SemanticTokens | None:
        document = server.document(params.text_document.uri)
        return lsp.SemanticTokens(_encoded(server, document)) if document is not None else None

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    def hints(params: lsp.InlayHintParams) -> list[lsp.InlayHint] | None:
        document = server.document(params.text_document.uri)
        if document is None:
            return None
        start, end = server.offsets(document, params.range)
        positions = server.positions(document)
        return [
            lsp.InlayHint(
                lsp.Position(*positions.position(hint.offset)),
                hint.text,
                padding_left=True,
                tooltip=hint.tooltip,
            )
            for hint in inlay_hints(document, server.hint_places, start, end)
        ]


def _encoded(server: Server, document: Document) -> list[int]:
    """Semantic tokens as the protocol has them: five numbers each, relative to the one before."""
    positions = server.positions(document)
    types = {name: k for k, name in enumerate(LEGEND)}
    bits = {name: 1 << k for k, name in enumerate(MODIFIERS)}
    encoded: list[int] = []
    line_before = character_before = 0
    for token in semantic_tokens(document):
        line, character = positions.position(token.start)
        end = positions.position(token.end).character
        if line != line_before:
            character_before = 0
        modifiers = sum(bits[name] for name in token.modifiers)
        moved = (line - line_before, character - character_before)
        encoded += [*moved, end - character, types[token.type], modifiers]
        line_before, character_before = line, character
    return encoded
