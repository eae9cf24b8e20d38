"""Signatures of layers and blocks by `ctcdsl lsp`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ctcdsl.layers import WORDS
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.layer_arguments import arguments_of
from ctcdsl.lsp.signature_help import signature_at
from tests.support.lsp_client import Client, session

ABOVE = "def inc(a,b) = { (1,a) | (3,b) }\ndef one = (3,8)\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


def ask(server: Client, typed: str) -> Any:
    text = ABOVE + typed
    server.open("a.ctc", text)
    lines = text.split("\n")
    return server.ask("signatureHelp", "a.ctc", len(lines) - 1, len(lines[-1]))


@pytest.mark.parametrize(
    ("typed", "label", "active"),
    [
        ("(", "(k, n, tag, …)", "k"),
        ("(3,", "(k, n, tag, …)", "n"),
        ("(3,64,p1,re", "(k, n, tag, …)", "tag, …"),
        ("[ (1,64) | (3,6", "(k, n, tag, …)", "n"),
        ("max(3,", "max(k, tag, …)", "tag, …"),
        ("lrn(5,1e", "lrn(size, alpha, beta, k, tag, …)", "alpha"),
        ("lrn(5,1,within", "lrn(size, alpha, beta, k, tag, …)", "tag, …"),
        ("spp(6,3,2", "spp(levels, …)", "levels, …"),
        ("drop(", "drop(probability)", "probability"),
        ("def f(n) = fc(n,", "fc(features, tag, …)", "tag, …"),
        ("(3,64,ws(", "ws(eps)", "eps"),
        ("(3,64,ws(1e-8),", "(k, n, tag, …)", "tag, …"),
        ("inc(", "inc(a, b)", "a"),
        ("inc(3,\n  ", "inc(a, b)", "b"),
        ("(3,8) inc(c/2,", "inc(a, b)", "b"),
    ],
)
def test_the_argument_that_is_typed(server: Client, typed: str, label: str, active: str) -> None:
    found = ask(server, typed)
    (signature,) = found["signatures"]
    assert signature["label"] == label
    start, end = signature["parameters"][found["activeParameter"]]["label"]
    assert label[start:end] == active
    assert signature["documentation"]["value"]


@pytest.mark.parametrize(
    "typed",
    [
        *("", "(3,64)", "gap", "gap(", "one(", "unknown(", "(3,64)x(", "{ (3,64)", "def f(a"),
        *("let v = (3", "(3,64  # (", "inc(3,4)"),
    ],
)
def test_outside_of_parentheses_of_layers(server: Client, typed: str) -> None:
    assert ask(server, typed) is None


def test_more_arguments_than_there_are_have_none_active(server: Client) -> None:
    assert ask(server, "inc(3,4,5")["activeParameter"] == 2


def test_what_arguments_mean(server: Client) -> None:
    (signature,) = ask(server, "lrn(")["signatures"]
    meanings = [p["documentation"]["value"] for p in signature["parameters"]]
    assert meanings[0] == "the size of `lrn`; 5 where left out"
    assert meanings[-1] == "`within`: lrn over a window of each channel's own map"
    (signature,) = ask(server, "inc(")["signatures"]
    assert "def inc(a,b) = {" in signature["documentation"]["value"]


@pytest.mark.parametrize("word", [word for word in WORDS if WORDS[word].arguments])
def test_every_layer_with_arguments_has_a_signature(word: str) -> None:
    text = f"{word}("
    signature = signature_at(Document("a.ctc", text), len(text))
    arguments = arguments_of(word)
    assert signature is not None and arguments is not None
    assert arguments.required <= len(arguments.amounts)
    assert arguments.amounts or arguments.tags
    for start, end, meaning in signature.parameters:
        assert signature.label[start:end] and meaning
