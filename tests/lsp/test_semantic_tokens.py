"""Colours by `ctcdsl lsp`: what each word of a text stands for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctcdsl.highlighting.patterns import ROLES
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.semantic_tokens import TYPES, semantic_tokens
from tests.conftest import ROOT
from tests.support.lsp_client import Client, session

SPECS = sorted((ROOT / "specs").rglob("*.ctc"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


def colours(server: Client, text: str) -> list[tuple[str, str]]:
    """The words of a text with their types and modifiers, from the numbers of the protocol."""
    server.open("a.ctc", text)
    data = server.about("semanticTokens/full", "a.ctc")["data"]
    legend = server.capabilities["semanticTokensProvider"]["legend"]
    lines = [line.encode("utf-16-le") for line in text.split("\n")]
    found, line, start = [], 0, 0
    for k in range(0, len(data), 5):
        down, right, length, kind, bits = data[k : k + 5]
        line, start = line + down, right if down else start + right
        word = lines[line][2 * start : 2 * (start + length)].decode("utf-16-le")
        modifiers = [m for b, m in enumerate(legend["tokenModifiers"]) if bits >> b & 1]
        found.append((word, " ".join([*modifiers, legend["tokenTypes"][kind]])))
    return found


def test_words_and_names(server: Client) -> None:
    text = (
        "# 🙂\nnet J'-2\nlet w = 2  # ×\ndef f(w,k) = (k,4w,relu,p1)×2 gap\n"
        "a: f(w,3)/w max(3)/2 unknown\n"
    )
    assert colours(server, text) == [
        ("# 🙂", "comment"),
        ("net", "keyword"),
        ("J'-2", "declaration class"),
        ("let", "keyword"),
        ("w", "declaration readonly variable"),
        ("=", "operator"),
        ("2", "number"),
        ("# ×", "comment"),
        ("def", "keyword"),
        ("f", "declaration function"),
        ("w", "declaration parameter"),
        ("k", "declaration parameter"),
        ("=", "operator"),
        ("k", "parameter"),
        ("4", "number"),
        ("w", "parameter"),
        ("relu", "defaultLibrary type"),
        ("p1", "decorator"),
        ("×", "operator"),
        ("2", "number"),
        ("gap", "defaultLibrary type"),
        ("a", "declaration property"),
        ("f", "function"),
        ("w", "readonly variable"),
        ("3", "number"),
        ("/", "operator"),
        ("w", "readonly variable"),
        ("max", "defaultLibrary type"),
        ("3", "number"),
        ("/", "operator"),
        ("2", "number"),
        ("unknown", "variable"),
    ]


def test_a_table_names_networks(server: Client) -> None:
    text = "table\n model | a\n ResNet2 | (3,64)\n B' | (3,8)\nend\n"
    found = colours(server, text)
    assert ("ResNet2", "declaration class") in found and ("B'", "declaration class") in found


def test_every_role_has_a_type_or_is_punctuation() -> None:
    without = {"continuation", "rule line", "bar", "bracket", "punctuation"}
    assert set(TYPES) == set(ROLES) - without


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_tokens_are_in_order_and_apart(path: Path) -> None:
    document = Document(path.name, path.read_text(encoding="utf-8"))
    end = 0
    for token in semantic_tokens(document):
        assert end <= token.start < token.end
        assert "\n" not in document.source.text[token.start : token.end]
        end = token.end
