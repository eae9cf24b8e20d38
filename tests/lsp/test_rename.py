"""Renaming and highlights of names by `ctcdsl lsp`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctcdsl.lsp.document import Document
from ctcdsl.lsp.names import meanings
from ctcdsl.lsp.rename import RenameError, rename
from tests.support.lsp_client import Client, applied, at, session, start

TEXT = (
    "let w = 8  # w\nlet v = 2w\nnet A\ndef inc(n,k) = (k,2n) (1,n*w)\n(3,w) inc(w,3)x2 gap fc\n"
    "net B\ndef inc(n) = (1,n)\n(3,v) inc(4)/w gap fc\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        assert client.open("r.ctc", TEXT) == []
        yield client


def renamed(server: Client, mark: str, new: str, *, inside: int = 0) -> str:
    place = at(TEXT, mark, inside=inside)
    (edits,) = server.ask("rename", "r.ctc", *place, newName=new)["changes"].values()
    return applied(TEXT, edits)


def refusal(server: Client, mark: str, new: str) -> str:
    place = server.place("r.ctc", *at(TEXT, mark), newName=new)
    return server.refusal("textDocument/rename", place)


def test_a_name_changes_wherever_it_is_used(server: Client) -> None:
    width = TEXT.replace("let w", "let width").replace("2w", "2width").replace("n*w", "n*width")
    width = (
        width.replace("(3,w)", "(3,width)").replace("inc(w", "inc(width").replace("/w", "/width")
    )
    assert renamed(server, "w = 8", "width") == width
    assert renamed(server, "2w", "width", inside=1) == width
    first, second = TEXT.split("net B")
    assert renamed(server, "inc(w", "block") == first.replace("inc", "block") + "net B" + second
    assert renamed(server, "inc(4", "block") == first + "net B" + second.replace("inc", "block")
    assert renamed(server, "n,k", "m") == TEXT.replace(
        "n,k) = (k,2n) (1,n*w", "m,k) = (k,2m) (1,m*w"
    )


def test_where_it_begins(server: Client) -> None:
    found = server.ask("prepareRename", "r.ctc", *at(TEXT, "2w", inside=1))
    assert found["placeholder"] == "w"
    assert found["range"] == {
        "start": {"line": 1, "character": 9},
        "end": {"line": 1, "character": 10},
    }
    for mark, reason in (
        ("gap", "`gap` is a keyword of the language (layer)"),
        ("A\n", "`A` is not a name that a `let` or a `def` of this text gives"),
        ("# w", "there is no name here"),
    ):
        place = server.place("r.ctc", *at(TEXT, mark))
        assert server.refusal("textDocument/prepareRename", place) == reason


@pytest.mark.parametrize(
    ("mark", "new", "reason"),
    [
        ("w = 8", "gap", "`gap` is a keyword (global average pooling): choose another name"),
        ("w = 8", "p1", "`p1` is a tag: choose another name"),
        ("w = 8", "a-b", "`a-b` is not a name: names are of letters, digits and `_`"),
        ("w = 8", "3w", "`3w` is not a name"),
        ("w = 8", "x3", "`x3` is not a name"),
        ("w = 8", "", "`` is not a name"),
        ("w = 8", "v", "`v` is already a `let` (line 2): choose another name"),
        ("w = 8", "n", "`n` is already a parameter (line 4): choose another name"),
        ("w = 8", "inc", "`inc` is already a `def` (line 4): choose another name"),
        ("v = 2w", "w", "`w` is already a `let` (line 1): choose another name"),
        ("n,k", "k", "`k` is already a parameter (line 4): choose another name"),
        ("n,k", "w", "`w` is already a `let` (line 1): choose another name"),
        ("inc(w", "w", "`w` is already a `let` (line 1): choose another name"),
    ],
)
def test_names_that_cannot_be(server: Client, mark: str, new: str, reason: str) -> None:
    assert refusal(server, mark, new).startswith(reason)


def test_an_unknown_word_is_not_given_a_meaning(server: Client) -> None:
    text = "let w = 8\n(3,w) (3,v)\n"
    server.open("u.ctc", text)
    place = server.place("u.ctc", *at(text, "w"), newName="v")
    reason = server.refusal("textDocument/rename", place)
    assert reason == "line 2 has a `v` of another meaning"
    server.open("s.ctc", "let w = 8\n(3,w (3,v)\n")
    place = server.place("s.ctc", 0, 4)
    assert "syntax errors" in server.refusal("textDocument/prepareRename", place)


def test_highlights(server: Client) -> None:
    def highlights(mark: str) -> list[Any]:
        found = server.ask("documentHighlight", "r.ctc", *at(TEXT, mark))
        return [(*start(h), h["kind"]) for h in found]

    assert highlights("inc(4") == [(6, 4, 3), (7, 6, 2)]
    assert highlights("gap") == []


NAMES = st.sampled_from(["w", "v", "n", "k", "inc", "f", "width", "gap", "x3", "d1"])


@given(st.integers(0, len(TEXT)), NAMES)
def test_what_is_renamed_means_the_same(offset: int, new: str) -> None:
    document = Document("a.ctc", TEXT)
    try:
        fixes = rename(document, offset, new)
    except RenameError:
        return
    text = TEXT
    for fix in sorted(fixes, key=lambda fix: -fix.span.start):
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    after = Document("a.ctc", text)
    assert after.report.diagnostics == ()
    assert [cost.macs for cost in after.costs] == [cost.macs for cost in document.costs]
    assert len(meanings(after.tree, after.source)) == len(meanings(document.tree, document.source))
