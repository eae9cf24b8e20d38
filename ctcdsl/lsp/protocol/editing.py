"""Requests that help to write: completion, signatures, formatting, quick fixes, renaming."""

from __future__ import annotations

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from ctcdsl.lsp.code_actions import QuickFix, quick_fixes
from ctcdsl.lsp.completion import completions
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.protocol.server import Server
from ctcdsl.lsp.rename import RenameError, rename, renaming_at
from ctcdsl.lsp.signature_help import Signature, signature_at
from ctcdsl.text import Span

_CANDIDATE_KINDS = {
    "header": lsp.CompletionItemKind.Keyword,
    "layer": lsp.CompletionItemKind.Class,
    "norm": lsp.CompletionItemKind.Class,
    "activation": lsp.CompletionItemKind.Class,
    "tag": lsp.CompletionItemKind.Property,
    "rule": lsp.CompletionItemKind.EnumMember,
    "style": lsp.CompletionItemKind.EnumMember,
    "function": lsp.CompletionItemKind.Function,
    "join": lsp.CompletionItemKind.Operator,
    "constant": lsp.CompletionItemKind.Property,
    "operator": lsp.CompletionItemKind.Variable,
    "def": lsp.CompletionItemKind.Function,
    "let": lsp.CompletionItemKind.Constant,
    "parameter": lsp.CompletionItemKind.Variable,
}


def register(server: Server) -> None:
    """Give a server the handlers of these requests."""

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

    @server.feature(
        lsp.TEXT_DOCUMENT_SIGNATURE_HELP,
        lsp.SignatureHelpOptions(["("], retrigger_characters=[","]),
    )
    def signature(params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        def answer(document: Document, offset: int) -> lsp.SignatureHelp | None:
            found = signature_at(document, offset)
            return _signature_help(found) if found is not None else None

        return server.at(params, answer)

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        document = server.document(params.text_document.uri)
        text = document.formatted() if document is not None else None
        if document is None or text is None:
            return None
        everything = Span(document.source, 0, len(document.source.text))
        return [server.edit(document, everything, text)]

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix])
    )
    def code_action(params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
        uri = params.text_document.uri
        document = server.document(uri)
        only = params.context.only
        if document is None or (only and not any(map(_is_quick_fix, only))):
            return None
        start, end = server.offsets(document, params.range)
        return [_code_action(server, uri, document, q) for q in quick_fixes(document, start, end)]

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare_rename(params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        def answer(document: Document, offset: int) -> lsp.PrepareRenamePlaceholder:
            place = renaming_at(document, offset).place
            return lsp.PrepareRenamePlaceholder(server.range(document, place), place.text)

        try:
            return server.at(params, answer)
        except RenameError as refused:
            raise _failed(refused) from refused

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def do_rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        def answer(document: Document, offset: int) -> lsp.WorkspaceEdit:
            fixes = rename(document, offset, params.new_name)
            edits = [server.edit(document, fix.span, fix.replacement) for fix in fixes]
            return lsp.WorkspaceEdit(changes={params.text_document.uri: edits})

        try:
            return server.at(params, answer)
        except RenameError as refused:
            raise _failed(refused) from refused


def _signature_help(signature: Signature) -> lsp.SignatureHelp:
    parameters = [
        lsp.ParameterInformation((p.start, p.end), _markdown(p.meaning) if p.meaning else None)
        for p in signature.parameters
    ]
    shown = lsp.SignatureInformation(signature.label, _markdown(signature.summary), parameters)
    return lsp.SignatureHelp([shown], active_signature=0, active_parameter=signature.active)


def _markdown(text: str) -> lsp.MarkupContent:
    return lsp.MarkupContent(lsp.MarkupKind.Markdown, text)


def _is_quick_fix(kind: lsp.CodeActionKind | str) -> bool:
    return kind in ("", lsp.CodeActionKind.QuickFix)


def _code_action(
    server: Server, uri: str, document: Document, quick_fix: QuickFix
) -> lsp.CodeAction:
    fix = quick_fix.fix
    edit = server.edit(document, fix.span, fix.replacement)
    return lsp.CodeAction(
        title=fix.title,
        kind=lsp.CodeActionKind.QuickFix,
        diagnostics=[server.diagnostic(uri, document, quick_fix.diagnostic)],
        is_preferred=quick_fix.preferred,
        edit=lsp.WorkspaceEdit(changes={uri: [edit]}),
    )


def _failed(refused: RenameError) -> JsonRpcException:
    """The error that an editor shows to its user."""
    return JsonRpcException(str(refused), lsp.LSPErrorCodes.RequestFailed)
