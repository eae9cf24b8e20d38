"""Editors' colours come from the parser's own words, and colour every spec to its end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pygments.lexers import get_lexer_by_name
from pygments.token import Error, Whitespace

from ctcdsl.highlighting.lexer import CtcLexer, token
from ctcdsl.highlighting.patterns import ROLES
from ctcdsl.highlighting.textmate import scope, written
from ctcdsl.resources import resource
from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES, words
from tests.conftest import SAMPLE, TABLES

GRAMMAR = Path(resource("grammar", "ctc.tmLanguage.json"))
CODE = """\
net J'-2 input 3x224x224 classes 1000   # × 🙂
let w = 0.5
def ir(t,n) = [ (1,t*c) (3,dw) (1,n,linear) | id? ]
stage_1: (1x7,4c,p0x1)x3 relu6 x 4 ir(6,w)x2/2 max(3,p0,ceil)/2 \\
  { (3,64) | block }x(w) - 1
head: none
"""
TABLE = """\
table
  model | stage 1   | pool
  --    | :--       | --
  J'    | (7, 64)/2 | 3/3
end
gap
"""


class Piece(NamedTuple):
    """A part of a text and its innermost scope."""

    text: str
    scope: str


class Engine:
    """As much of a TextMate engine as this grammar needs: the leftmost match, then the first."""

    def __init__(self) -> None:
        self.grammar = json.loads(GRAMMAR.read_text(encoding="utf-8"))
        self.stack: list[Any] = []

    def rules(self, patterns: list[Any]) -> Iterator[Any]:
        for rule in patterns:
            if "include" in rule:
                yield from self.rules([self.grammar["repository"][rule["include"][1:]]])
            elif "patterns" in rule and "begin" not in rule:
                yield from self.rules(rule["patterns"])
            else:
                yield rule

    def line(self, text: str) -> Iterator[Piece]:
        at = 0
        while True:
            block = self.stack[-1] if self.stack else None
            candidates = [] if block is None else [(block["end"], "end", block)]
            inside = (block or self.grammar)["patterns"]
            for rule in self.rules(inside):
                kind = "begin" if "begin" in rule else "match"
                candidates.append((rule[kind], kind, rule))
            matches = [
                (match.start(), rank, match, kind, rule)
                for rank, (expression, kind, rule) in enumerate(candidates)
                if (match := re.compile(expression).search(text, at))
            ]
            if not matches:
                yield Piece(text[at:], "")
                return
            _, _, match, kind, rule = min(matches, key=lambda entry: entry[:2])
            yield Piece(text[at : match.start()], "")
            captures = rule.get({"match": "captures"}.get(kind, f"{kind}Captures"), {})
            yield from self.pieces(match, captures, rule.get("name", "") * (kind == "match"))
            at = match.end()
            if kind == "begin":
                self.stack.append(rule)
            elif kind == "end":
                self.stack.pop()

    @staticmethod
    def pieces(match: re.Match[str], captures: Any, name: str) -> Iterator[Piece]:
        at = match.start()
        for number, capture in sorted(captures.items()):
            start, end = match.span(int(number))
            if start >= 0:
                yield Piece(match.string[at:start], name)
                yield Piece(match[int(number)], capture["name"])
                at = end
        yield Piece(match.string[at : match.end()], name)

    def pieces_of(self, text: str) -> list[Piece]:
        pieces = [piece for line in text.split("\n") for piece in self.line(line)]
        return [piece for piece in pieces if piece.text.strip()]


def test_the_file_is_what_the_words_give() -> None:
    assert GRAMMAR.read_text(encoding="utf-8") == written(), "make generate"


def test_the_words_are_the_parsers() -> None:
    grammar = Path(resource("grammar", "ctc.lark")).read_text(encoding="utf-8")
    spelled = {word for word in words("header", "operator") if word not in ("x", "c")}
    found = re.findall(r'^[A-Z]+: "([a-z]+)"$', grammar, re.MULTILINE)
    assert {*found, "recompute"} == spelled  # whose token has its places, too
    assert "RECOMPUTE.4: /recompute(" in grammar


@pytest.mark.parametrize("word", KEYWORDS)
def test_every_word_has_the_colour_of_its_kind(word: str) -> None:
    text = {"x": "(3,64) x 4", "c": "(1,4c)"}.get(word, f"gap {word} gap")
    role = {"x": "times", "c": "channels"}.get(word, KEYWORDS[word].kind)
    assert Piece(word, scope(role)) in Engine().pieces_of(text)
    assert (token(role), word) in list(CtcLexer().get_tokens(text))


@pytest.mark.parametrize("letter", TAG_PREFIXES)
def test_letter_tags(letter: str) -> None:
    assert Piece(f"{letter}2", scope("letter tag")) in Engine().pieces_of(f"(3,64,{letter}2)")


@pytest.mark.parametrize("path", [*SAMPLE, *TABLES, "code", "table"], ids=lambda x: Path(x).stem)
def test_both_highlighters_say_the_same(path: Path | str) -> None:
    samples = {"code": CODE, "table": TABLE}
    text = samples[path] if isinstance(path, str) else path.read_text(encoding="utf-8")
    tokens = list(CtcLexer(stripnl=False, ensurenl=False).get_tokens(text))
    assert "".join(value for _, value in tokens) == text
    assert Error not in {kind for kind, _ in tokens}

    roles = {scope(role): role for role in ROLES}
    painted = [
        (character, token(roles[piece.scope]))
        for piece in Engine().pieces_of(text)
        for character in piece.text
        if not character.isspace()
    ]
    plain = [(c, kind) for kind, value in tokens for c in value if not c.isspace()]
    assert len(painted) == len(plain)
    for (character, colour), (same, kind) in zip(painted, plain, strict=True):
        assert character == same
        # Parameters and a row's name take a state to see, which Pygments does without.
        stateful = (token("parameter"), token("network"))
        assert colour == kind or colour in stateful, (character, colour, kind)


def test_pieces_of_code() -> None:
    pieces = Engine().pieces_of(CODE)
    for text, role in (
        ("J'-2", "network"),
        ("3x224x224", "size"),
        ("ir", "definition"),
        ("t", "parameter"),
        ("ir", "call"),
        ("p0x1", "letter tag"),
        ("×", "comment"),
        ("stage_1", "label"),
        ("4", "number"),
        ("0.5", "number"),
        ("c", "channels"),
        ("x", "times"),
        ("/", "stride"),
        ("?", "operator"),
        ("\\", "continuation"),
        ("block", "name"),
        ("w", "value"),
    ):
        assert any(text in p.text and p.scope == scope(role) for p in pieces), (text, role)


def test_a_table_ends() -> None:
    engine = Engine()
    pieces = engine.pieces_of(TABLE)
    assert not engine.stack
    assert Piece("J'", scope("network")) in pieces
    assert Piece("--", scope("rule line")) in pieces
    assert pieces[-2:] == [Piece("end", scope("header")), Piece("gap", scope("layer"))]


def test_an_unfinished_definition_ends_with_its_line() -> None:
    engine = Engine()
    assert engine.pieces_of("def f(a,\ngap")[-1] == Piece("gap", scope("layer"))
    assert not engine.stack


def test_pygments_finds_the_lexer() -> None:
    (entry,) = entry_points(group="pygments.lexers", name="ctc")
    assert entry.load() is CtcLexer
    assert isinstance(get_lexer_by_name("ctc"), CtcLexer)


def test_what_has_no_meaning_is_an_error_token() -> None:
    assert (Error, "@") in list(CtcLexer().get_tokens("(3,64) @"))
    assert (Whitespace, "\n") in list(CtcLexer().get_tokens("gap"))
