"""`ctcdsl lsp` as editors use it: a session with the real process over its pipes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client import Client

from conftest import ROOT

GOOGLENET = """\
net Small
def inc(a, r3,n3, p) = { (1,a) | (1,r3) (3,n3) | 3/1 (1,p) }
stem: (7,64)/2 3/2
i3:   inc(64,96,128,32) inc(128,128,192,64) 3/2
head: gap fc
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    session = Client(tmp_path)
    yield session
    session.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One session for all tests that only ask; it must end well."""
    session = Client(tmp_path_factory.mktemp("session"))
    try:
        session.start()
        yield session
        assert session.stop() == 0
        assert session.stray == b""
    finally:
        session.close()


def at(text: str, mark: str, *, inside: int = 0, last: bool = False) -> tuple[int, int]:
    """The position of a mark in a text without wide characters before it."""
    offset = text.rindex(mark) if last else text.index(mark)
    before = text[: offset + inside]
    return before.count("\n"), len(before) - before.rfind("\n") - 1


def start(found: Any) -> tuple[int, int]:
    return found["range"]["start"]["line"], found["range"]["start"]["character"]


# -------------------------------------------------------------------- session


def test_a_whole_session(client: Client) -> None:
    capabilities = client.start()
    assert capabilities["positionEncoding"] == "utf-16"
    assert capabilities["textDocumentSync"]["change"] == 1
    for provider in ("hover", "definition", "references", "documentSymbol", "documentFormatting"):
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
        "import ctcdsl.editors.document as d\n"
        "def fail(source): raise RuntimeError('an invariant broke')\n"
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
    found = server.open("places.ctc", "net A\nlet w = 3\nlet w = 4\n(3,8)\n")
    by_code = {d["code"]: d for d in found}
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
    found = server.open("wide.ctc", text)
    assert [(d["code"], start(d)) for d in found] == [("CTC101", (1, 16)), ("CTC001", (2, 6))]
    assert found[1]["range"]["end"] == {"line": 2, "character": 8}


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 18), ("utf-32", 16)])
def test_positions_are_counted_as_the_client_likes(
    client: Client, encoding: str, column: int
) -> None:
    assert client.start([encoding])["positionEncoding"] == encoding
    (found,) = client.open("wide.ctc", "net A\n(3,8)×2 (3,8)×3 wrong\n")
    assert start(found) == (1, column)
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
    document = {"textDocument": {"uri": server.uri("odd.ctc")}}
    server.request("textDocument/documentSymbol", document)
    options = {"tabSize": 2, "insertSpaces": True}
    server.request("textDocument/formatting", {**document, "options": options})


# ---------------------------------------------------------------------- hover


def test_hover_on_layers_of_the_paper(server: Client) -> None:
    text = (ROOT / "specs" / "E.ctc").read_text(encoding="utf-8")
    server.open("E.ctc", text)
    row = text.splitlines().index("(7, 64)/2 3/3 (2, 128)×4 2/2 (2, 256)×6")
    assert server.hover("E.ctc", row, 2) == (
        "```text\n"
        "stage1.conv: (7,64)/2\n"
        "  map              3x224x224 → 64x109x109\n"
        "  MACs             111,776,448 (13.2% of E)\n"
        "  parameters       9,472 (0.0%)\n"
        "  receptive field  7\n"
        "```"
    )
    repeated = server.ask("hover", "E.ctc", row, 18)
    assert repeated["contents"]["value"].splitlines() == [
        "```text",
        "layer         notation    map                          MACs  share  parameters  receptive"
        " field",
        "stage2.conv1  (2,128)     64x36x36 → 128x35x35   40,140,800   4.7%      32,896           "
        "    17",
        "stage2.conv2  (2,128,p1)  128x35x35 → 128x36x36  84,934,656  10.0%      65,664           "
        "    23",
        "stage2.conv3  (2,128)     128x36x36 → 128x35x35  80,281,600   9.5%      65,664           "
        "    29",
        "stage2.conv4  (2,128,p1)  128x35x35 → 128x36x36  84,934,656  10.0%      65,664           "
        "    35",
        "4 in all: 290,291,712 MACs (34.3%), 229,888 parameters",
        "```",
    ]
    assert repeated["range"]["start"]["character"] == 14
    assert repeated["range"]["end"]["character"] == 24
    assert "64x109x109 → 64x36x36" in server.hover("E.ctc", row, 10)
    assert "846,271,168" in server.hover("E.ctc", *at(text, "net E", inside=4))
    # The paper's head is not what the row says.
    assert "fc" not in server.hover("E.ctc", row, 2)


def test_hover_in_a_definition_and_at_its_calls(server: Client) -> None:
    assert server.open("g.ctc", GOOGLENET) == []
    inside = server.hover("g.ctc", *at(GOOGLENET, "(3,n3)"))
    assert "i3.inc1.branch2.conv2  (3,128,p1)  96x56x56 → 128x56x56" in inside
    assert "i3.inc2.branch2.conv2  (3,192,p1)  128x56x56 → 192x56x56" in inside
    assert "2 in all: 1,040,449,536 MACs" in inside
    call = server.hover("g.ctc", *at(GOOGLENET, "inc(128", inside=1))
    assert call.startswith("```ctc\ndef inc(a, r3,n3, p) = {")
    assert "i3.inc2: 3 branches" in call and "map              224x56x56 → 384x56x56" in call
    parameter = server.hover("g.ctc", *at(GOOGLENET, "r3)", inside=1))
    assert parameter.startswith("`r3`: a parameter of `inc`")
    stage = server.hover("g.ctc", *at(GOOGLENET, "i3:"))
    assert "3 in all" in stage and "i3.pool" in stage
    whole = server.hover("g.ctc", *at(GOOGLENET, "inc"))
    assert "2 in all" in whole


def test_calls_of_calls_are_told_apart(server: Client) -> None:
    text = (
        "net A\nstyle conv-bn-relu\ndef a(n) = (3,n) (1,n)\ndef b(n) = a(n) [ a(2n) a(n) ]\n"
        "b(8) b(16)x2 gap fc\n"
    )
    assert server.open("calls.ctc", text) == []
    assert "3 in all" in server.hover("calls.ctc", *at(text, "b(8)"))
    twice = server.hover("calls.ctc", *at(text, "b(16)"))
    assert "6 in all" in twice and "(3,8" not in twice
    assert "sum of branch and identity" in server.hover("calls.ctc", *at(text, "]"))


def test_hover_on_words_and_names(server: Client) -> None:
    text = "net A\nlet w = 24\nlet v = 4w\n(3,v,p1) (3,w,dw) gap fc\n".replace("w,dw", "dw")
    server.open("words.ctc", text)
    assert "`let` (header): a parameter, as in `let w = 96`" in server.hover("words.ctc", 1, 1)
    assert "let v = 4w\n```\n\n`v` is 96" in server.hover("words.ctc", *at(text, "v,p1"))
    assert "```ctc\nlet w = 24\n```" in server.hover("words.ctc", *at(text, "4w", inside=1))
    assert "`p1` (tag): padding 1" in server.hover("words.ctc", *at(text, "p1"))
    assert "a filter for each channel" in server.hover("words.ctc", *at(text, "dw"))
    assert server.hover("words.ctc", 1, 8) == ""


def test_hover_beside_errors(server: Client) -> None:
    fine = "net A\nstem: (7,64)/2\nbody: (3,96)\nhead: gap fc\n"
    server.open("broken.ctc", fine)
    for wrong in (fine.replace("(7,64)/2", "(7,64"), fine.replace("(7,64)", "(7,64,wrong)")):
        server.change("broken.ctc", wrong)
        assert server.diagnostics("broken.ctc")
        shown = server.hover("broken.ctc", *at(wrong, "96"))
        assert "64x112x112 → 96x112x112" in shown
        assert shown.endswith("*as of the last version without errors*")
        assert "global average pooling" in server.hover("broken.ctc", *at(wrong, "gap"))
    # Opened with a mistake, words still mean what they mean.
    server.open("wrong.ctc", "net A\n(7,64 gap fc\n")
    assert "names the network" in server.hover("wrong.ctc", 0, 1)


# ----------------------------------------------------------------- completion


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


# ------------------------------------------------------ formatting, definitions


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
        found = server.ask("definition", "d.ctc", *at(text, mark, inside=inside, last=last))
        return None if found is None else start(found)

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
        found = server.request("textDocument/documentSymbol", document)
        return [(symbol["detail"], symbol["name"]) for symbol in found]

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
