"""The language server: `ctcdsl lsp` speaks the Language Server Protocol over stdio."""

from __future__ import annotations

from typing import BinaryIO

from lsprotocol import types as lsp

from ctcdsl.lsp.protocol import editing, reading
from ctcdsl.lsp.protocol.server import Server


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

    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        server.configure(params.initialization_options)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configuration(params: lsp.DidChangeConfigurationParams) -> None:
        before = server.hint_places
        server.configure(params.settings)
        workspace = server.client_capabilities.workspace
        hints = workspace.inlay_hint if workspace is not None else None
        if server.hint_places != before and hints is not None and hints.refresh_support:
            server.workspace_inlay_hint_refresh(None)

    reading.register(server)
    editing.register(server)
    return server


def serve(stdin: BinaryIO, stdout: BinaryIO) -> bool:
    """Serve one client until it disconnects; return whether it sent `shutdown` first."""
    server = build()
    server.start_io(stdin, stdout)
    return server.stopped
