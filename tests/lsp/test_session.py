"""`ctcdsl lsp` as editors use it: sessions with the real process, and diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lsp_client import Client, session, start


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    session = Client(tmp_path)
    yield session
    session.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


# -------------------------------------------------------------------- session


def test_a_whole_session(client: Client) -> None:
    capabilities = client.start()
    assert capabilities["positionEncoding"] == "utf-16"
    assert capabilities["textDocumentSync"]["change"] == 1
    for provider in (
        *("hover", "definition", "references", "documentSymbol", "documentHighlight"),
        *("documentFormatting", "codeAction", "rename", "semanticTokens", "inlayHint"),
        "foldingRange",
    ):
        assert capabilities[f"{provider}Provider"], provider
    assert capabilities["completionProvider"]["triggerCharacters"] == ["(", ","]

    (error,) = client.open("a.ctc", "net A\n(7,64)/2 3/3 (5,128) gapp fc\n")
    assert (error["code"], error["severity"], error["source"]) == ("CTC101", 1, "ctcdsl")
    assert error["message"] == "unknown layer `gapp`\nhint: did you mean `gap`?"
    assert error["range"] == {
        "start": {"line": 1, "character": 21},
        "end": {"line": 1, "character": 25},
    }
    client.change("a.ctc", "net A\n(7,64)/2 3/3 (5,128) gap fc\n")
    assert client.diagnostics("a.ctc") == []
    client.change("a.ctc", "net A\n(7,64)/2 3/3 (5,128\n")
    assert [d["code"] for d in client.diagnostics("a.ctc")] == ["CTC003"]
    client.notify("textDocument/didClose", {"textDocument": {"uri": client.uri("a.ctc")}})
    assert client.diagnostics("a.ctc") == []
    assert client.ask("hover", "a.ctc", 0, 0) is None
    assert client.stop() == 0
    assert client.stray == b"" and "Traceback" not in client.log


def test_quick_typing_is_checked_once_at_its_end(client: Client) -> None:
    client.start()
    client.open("a.ctc", "(7,64)")
    for text in ("(7,64) g", "(7,64) ga", "(7,64) gap", "(7,64) gap fc"):
        client.change("a.ctc", text)
    assert client.diagnostics("a.ctc") == []
    assert client.stop() == 0


@pytest.mark.parametrize("politely", [False, True])
def test_the_end(client: Client, politely: bool) -> None:
    client.start()
    assert client.stop(politely=politely) == (0 if politely else 1)
    assert client.log == ""


def test_a_client_that_vanishes(client: Client) -> None:
    client.start()
    assert client.hang_up() == 1
    assert "Traceback" not in client.log


def test_what_is_no_message_ends_nothing(client: Client) -> None:
    client.start()
    client.send_raw(b"{ this is no JSON")
    client.said("window/showMessage")
    client.notify("textDocument/none", {})
    assert client.open("a.ctc", "(7,64) gap fc") == []
    assert client.stop() == 0


def test_a_bug_of_ours_ends_nothing(tmp_path: Path) -> None:
    broken = (
        "import ctcdsl.lsp.document as d\n"
        "def fail(*_, **__): raise RuntimeError('an invariant broke')\n"
        "d.check_source = fail\n"
    )
    session = Client(tmp_path, before=broken)
    try:
        session.start()
        session.notify("textDocument/didOpen", session.document("a.ctc", "(7,64) gap fc"))
        message = session.said("window/showMessage")["message"]
        assert message == "a bug of ctcdsl, not of your text: RuntimeError: an invariant broke"
        assert session.ask("definition", "a.ctc", 0, 8) is None
        assert session.stop() == 0
        assert "an invariant broke" in session.log
    finally:
        session.close()


# ---------------------------------------------------------------- diagnostics


def test_several_places_and_severities(server: Client) -> None:
    diagnostics = server.open("places.ctc", "net A\nlet w = 3\nlet w = 4\n(3,8)\n")
    by_code = {d["code"]: d for d in diagnostics}
    twice = by_code["CTC105"]
    assert start(twice) == (2, 4)
    (related,) = twice["relatedInformation"]
    assert related["message"] == "first defined here" and start(related["location"]) == (1, 4)
    unused = by_code["CTC904"]
    assert unused["severity"] == 2 and unused["tags"] == [1]
    (note,) = server.open("note.ctc", "net A\n(3,8)\n")
    assert note["severity"] == 3 and "names no head" in note["message"]


def test_positions_are_counted_in_utf_16(server: Client) -> None:
    text = "net A  # 🙂×\r\n(3,8)×2 (3,8)×3 wrong  # 🙂\r\n(3,8) 🙂 (3,8)\r\n"
    diagnostics = server.open("wide.ctc", text)
    assert [(d["code"], start(d)) for d in diagnostics] == [("CTC101", (1, 16)), ("CTC001", (2, 6))]
    assert diagnostics[1]["range"]["end"] == {"line": 2, "character": 8}


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 18), ("utf-32", 16)])
def test_positions_are_counted_as_the_client_likes(
    client: Client, encoding: str, column: int
) -> None:
    assert client.start([encoding])["positionEncoding"] == encoding
    (diagnostics,) = client.open("wide.ctc", "net A\n(3,8)×2 (3,8)×3 wrong\n")
    assert start(diagnostics) == (1, column)
    assert client.hover("wide.ctc", 1, column - 1) == ""  # the last character of a gap
    client.change("wide.ctc", "net A\n(3,8)×2 (3,8)×3 relu  # 🙂\n")
    client.diagnostics("wide.ctc")
    assert "relu" in client.hover("wide.ctc", 1, column)
    assert client.stop() == 0


NESTED = "[ " * 70 + "(3,8)" + " ]" * 70


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "# 🙂",
        "\x00\x01\ufeff\u2028",
        "\ud800",
        "(" * 5000,
        NESTED,
        f"net A\n{NESTED}\n",
        "table\n",
        "table\n  A |\n",
        "let a = a\nlet b = c\nlet c = b\n(3,a) (3,b)",
        "def a = b\ndef b = a\na gap fc",
        "def a(n) = { a(n) | a(n) }\na(3) gap fc",
        "\n".join([f"def d{k} = d{k + 1} d{k + 1}" for k in range(70)] + ["d0 gap fc"]),
        "def a = (3,8)\na(1,2,3) a( gap",
        "x" * 20_000,
        "(3,8)x99999999999 (3,8)x(9999)x(9999)",
    ],
)
def test_no_text_ends_the_session(server: Client, text: str) -> None:
    server.open("odd.ctc", text)
    last = text.count("\n")
    for line, character in ((0, 0), (0, 3), (last, 10**6), (10**6, 0)):
        for method in ("hover", "completion", "definition"):
            server.ask(method, "odd.ctc", line, character)
        server.ask("references", "odd.ctc", line, character, context={"includeDeclaration": True})
    for method in ("documentSymbol", "semanticTokens/full", "foldingRange"):
        server.about(method, "odd.ctc")
    end = {"line": 10**6, "character": 0}
    everything = {"start": {"line": 0, "character": 0}, "end": end}
    server.about("codeAction", "odd.ctc", range=everything, context={"diagnostics": []})
    server.about("inlayHint", "odd.ctc", range=everything)
    server.about("formatting", "odd.ctc", options={"tabSize": 2, "insertSpaces": True})
