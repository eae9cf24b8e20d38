"""Completion, definitions, symbols and formatting by `ctcdsl lsp`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.lsp_client import GOOGLENET, Client, at, session, start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


@pytest.mark.parametrize(
    ("typed", "offered", "missing"),
    [
        ("", {"net", "style", "gap", "relu", "def", "inc"}, {"dw", "w", "same", "none"}),
        ("ma", {"maps", "max"}, {"dw"}),
        ("gap ", {"fc", "drop", "inc"}, {"net", "w"}),
        ("pad ", {"same", "paper", "valid"}, {"gap"}),
        ("input 3x9x9 style conv-", {"conv-bn-relu", "bn-relu-conv"}, {"bn", "gap"}),
        ("(3,", {"dw", "w", "c"}, {"relu", "gap", "p1"}),
        ("(3,64,", {"relu", "linear", "bare", "bn", "p1", "g1", "d1"}, {"ceil", "dw", "gap", "w"}),
        ("[ (1,64) | (3,64,l", {"linear", "leaky", "ln"}, {"gap"}),
        ("[ (1,64) | ", {"id", "inc"}, {"linear"}),
        ("max(3,", {"ceil", "p1"}, {"relu"}),
        ("fc(4096,", {"linear", "relu"}, {"ceil"}),
        ("inc(", {"w", "c"}, {"gap"}),
        ("def f(k) = (3,", {"k", "w"}, {"gap"}),
        ("let v = ", {"w"}, {"gap", "v"}),
        ("head: ", {"none", "gap"}, {"net"}),
        ("table\n  model | a\n  A | ", {"relu"}, {"end", "dw"}),
        ("table\n  model | a\n", {"end"}, {"net"}),
        ("[ (1,64) | g", {"gelu"}, {"gap", "gmp", "fc", "spp"}),
        ("mul[ id | g", {"gap", "gelu"}, {"net"}),
        ("s", {"split", "style", "mul"}, {"round8"}),
        ("(1,r", {"round8", "c"}, {"relu"}),
        ("norm ", {"eps=", "momentum=", "groups=", "wseps="}, {"slope=", "net"}),
        ("norm eps=0.001 ", {"momentum=", "style"}, {"eps=", "gap"}),
        ("norm eps=", set(), {"momentum="}),
        ("(3,64,linear,p1,g4,", {"d1", "bias"}, {"relu", "p1", "g1"}),
        ("lrn(5,", {"w", "within"}, {"relu"}),
        ("lrn(5,within,", set(), {"within", "relu"}),
        ("def f(k) = g", {"gelu", "inc"}, {"gap", "f"}),
        ("(3,64)/", {"w"}, {"gap", "inc", "c"}),
        ("(3,64)x(", {"w", "c"}, {"gap", "relu", "p1"}),
        ("(3,64,p1,relu,", {"g1", "bn", "bias"}, {"p1", "relu", "gelu", "linear"}),
        ("(3,64,bn,nobias,", {"relu", "p1"}, {"bn", "ln", "bias"}),
        ("(3,64,leaky(0.1),ws(1e-8),", {"bn", "bias"}, {"relu", "leaky", "ws", "nows"}),
        ("(3,64,w", {"ws"}, {"wsconv-gn-relu"}),
        ("(3,64,ws(", {"w", "c"}, {"relu"}),
        ("style w", {"wsconv-gn-relu", "conv-relu"}, {"ws"}),
        ("max(3,p1,", {"ceil"}, {"p1"}),
        ("inc(3) ", {"inc", "relu"}, {"dw"}),
        ("inc(max(3,1)", set(), {"gap"}),
        ("(3,64)x", set(), {"gap"}),
        ("(3,64)  # g", set(), {"gap"}),
        ("net ", set(), {"gap"}),
    ],
)
def test_completion(server: Client, typed: str, offered: set[str], missing: set[str]) -> None:
    above = "let w = 9\ndef inc(a) = { (1,a) | (3,a) }\n"
    server.open("typed.ctc", f"{above}(3,w) inc(3) gap fc\n")
    server.change("typed.ctc", above + typed)
    server.diagnostics("typed.ctc")
    lines = (above + typed).split("\n")
    items = server.ask("completion", "typed.ctc", len(lines) - 1, len(lines[-1]))
    labels = {item["label"] for item in items}
    assert offered <= labels and not missing & labels
    assert bool(labels) is bool(offered)
    assert all(item["detail"] for item in items)


@pytest.mark.parametrize(
    ("typed", "choice", "replaced"),
    [("style conv-b", "conv-bn-relu", "conv-b"), ("(1,2w", "w", "w"), ("(1,2", None, "")],
)
def test_completion_replaces_what_is_typed(
    server: Client, typed: str, choice: str | None, replaced: str
) -> None:
    server.open("typed.ctc", f"let w = 9\n{typed}")
    items = server.ask("completion", "typed.ctc", 1, len(typed))
    edits = {item["label"]: item["textEdit"]["range"] for item in items}
    if choice is None:
        assert not edits
    else:
        assert edits[choice]["start"] == {"line": 1, "character": len(typed) - len(replaced)}
        assert edits[choice]["end"] == {"line": 1, "character": len(typed)}


def format_of(server: Client, name: str) -> Any:
    return server.request(
        "textDocument/formatting",
        {
            "textDocument": {"uri": server.uri(name)},
            "options": {"tabSize": 4, "insertSpaces": True},
        },
    )


def test_formatting(server: Client) -> None:
    server.open("f.ctc", "# Table 1\r\nnet  A # it\r\n(7, 64) / 2")
    assert format_of(server, "f.ctc") is None  # a syntax error: `/` touches its number
    server.change("f.ctc", "# Table 1\r\nnet  A # it\r\n(7, 64)/2  (2, 128)×4 # 🙂🙂")
    (edit,) = format_of(server, "f.ctc")
    server.diagnostics("f.ctc")  # else they come when another test waits for its own
    assert edit["newText"] == "# Table 1\r\nnet A  # it\r\n(7,64)/2 (2,128)x4  # 🙂🙂\r\n"
    assert edit["range"] == {
        "start": {"line": 0, "character": 0},
        "end": {"line": 2, "character": 28},
    }
    server.open("fine.ctc", "net A  # it\n(7,64)/2 (2,128)x4\n")
    assert format_of(server, "fine.ctc") is None
    assert format_of(server, "never_opened.ctc") is None


def test_definitions_and_uses(server: Client) -> None:
    text = (
        "let w = 8\nnet A\ndef inc(n,k) = (k,2n) (1,n)\n(3,w) inc(w,3) gap fc\n"
        "net B\ndef inc(n) = (1,n)\n(3,w) inc(4) gap fc  # inc w\n"
    )
    assert server.open("d.ctc", text) == []

    def definition(mark: str, inside: int = 0, *, last: bool = False) -> Any:
        result = server.ask("definition", "d.ctc", *at(text, mark, inside=inside, last=last))
        return None if result is None else start(result)

    assert definition("inc(w") == (2, 4)
    assert definition("inc(4") == (5, 4)
    assert definition("inc(n,k") == (2, 4)
    assert definition("w,3") == (0, 4)
    assert definition("2n", 1) == (2, 8)
    assert definition("(k", 1) == (2, 10)
    assert definition("(1,n)", 3, last=True) == (5, 8)
    assert definition("gap") is None and definition("inc w") is None

    def uses(mark: str, *, declared: bool) -> list[tuple[int, int]]:
        place = at(text, mark)
        context = {"includeDeclaration": declared}
        return [start(f) for f in server.ask("references", "d.ctc", *place, context=context)]

    assert uses("inc(4", declared=True) == [(5, 4), (6, 6)]
    assert uses("w,3", declared=False) == [(3, 3), (3, 10), (6, 3)]
    assert uses("n) = ", declared=True) == [(5, 8), (5, 16)]
    assert uses("gap", declared=True) == []


def test_symbols(server: Client) -> None:
    def symbols(name: str, text: str) -> list[tuple[str, str]]:
        server.open(name, text)
        document = {"textDocument": {"uri": server.uri(name)}}
        result = server.request("textDocument/documentSymbol", document)
        return [(symbol["detail"], symbol["name"]) for symbol in result]

    assert symbols("s.ctc", f"let w = 3\n{GOOGLENET}") == [
        ("let", "w"),
        ("network", "Small"),
        ("def", "inc"),
        ("stage", "stem"),
        ("stage", "i3"),
        ("stage", "head"),
    ]
    table = (ROOT / "specs" / "table1.ctc").read_text(encoding="utf-8")
    assert symbols("t.ctc", table) == [("network", name) for name in "ABCDEFGHIJ"]
