"""Quick fixes of `ctcdsl lsp`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lsp_client import Client, applied, at, session


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


def actions(server: Client, name: str, text: str, mark: str, **context: Any) -> Any:
    line, character = at(text, mark)
    place = {"line": line, "character": character}
    return server.about(
        "codeAction",
        name,
        range={"start": place, "end": place},
        context={"diagnostics": [], **context},
    )


def test_a_misspelt_word(server: Client) -> None:
    text = "net A\r\n(7,64)/2 gpa fc\r\n"
    (diagnostic,) = server.open("a.ctc", text)
    (action,) = actions(server, "a.ctc", text, "gpa")
    assert (action["title"], action["kind"]) == ("replace `gpa` by `gap`", "quickfix")
    assert action["isPreferred"] and action["diagnostics"] == [diagnostic]
    (edits,) = action["edit"]["changes"].values()
    assert applied(text, edits) == text.replace("gpa", "gap")
    assert actions(server, "a.ctc", text, "net") == []
    assert actions(server, "a.ctc", text, "gpa", only=["refactor"]) is None
    assert actions(server, "a.ctc", text, "gpa", only=["quickfix"]) == [action]


@pytest.mark.parametrize(
    ("text", "mark", "fixed"),
    [
        ("(3x3,64)s2 gap fc\n", "64", "(3,64)/2 gap fc\n"),
        ("nn.Conv2d(3, 64, 3, 2, 1) gap fc\n", "nn", "(3,64)/2 gap fc\n"),
        ("(3,64 5,pad1) gap fc\n", "5", "(3,64,5,pad1) gap fc\n"),
        ("(3,64,padding=1) gap fc\n", "=", "(3,64,p1) gap fc\n"),
        ("(3,64) → (3,64) gap fc\n", "→", "(3,64)   (3,64) gap fc\n"),
        ("net A\n[ (3,64) | id?\nhead: gap fc\n", "[", "net A\n[ (3,64) | id? ]\nhead: gap fc\n"),
        ("table\n model | a\n A | (3,64)\n", "table", "table\n model | a\n A | (3,64)\nend\n"),
        ("(3,64)/2/2 gap fc\n", "/2/2", "(3,64)/4 gap fc\n"),
        ("pad sane\n(3,64) gap fc\n", "sane", "pad same\n(3,64) gap fc\n"),
        ("let w = 3\n(3,64) gap fc\n", "w =", "\n(3,64) gap fc\n"),
    ],
)
def test_fixes(server: Client, text: str, mark: str, fixed: str) -> None:
    server.open("a.ctc", text)
    action, *_ = actions(server, "a.ctc", text, mark)
    (edits,) = action["edit"]["changes"].values()
    assert applied(text, edits) == fixed


def test_of_several_ways_none_is_preferred(server: Client) -> None:
    text = "3x3x64 gap fc\n"
    server.open("a.ctc", text)
    found = actions(server, "a.ctc", text, "3x3")
    assert [(a["title"], a["isPreferred"]) for a in found] == [
        ("replace `3x3x64` by `(3,64)`", False),
        ("replace `3x3x64` by `max(3)/2`", False),
    ]


def test_texts_without_errors_or_not_open(server: Client) -> None:
    server.open("fine.ctc", "(3,64) gap fc\n")
    assert actions(server, "fine.ctc", "(3,64) gap fc\n", "gap") == []
    assert actions(server, "never_opened.ctc", "gap", "gap") is None
