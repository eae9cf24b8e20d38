"""Semantic tokens: the highlighters' tokens, with what each name really stands for."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.highlighting.tokens import tokens
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.names import Names
from ctcdsl.lsp.symbols import symbols, words_in

TYPES = MappingProxyType(
    {
        "comment": "comment",
        "header": "keyword",
        "network": "class",
        "value": "variable",
        "definition": "function",
        "call": "function",
        "label": "property",
        "times": "operator",
        "stride": "operator",
        "operator": "operator",
        "size": "number",
        "number": "number",
        "letter tag": "decorator",
        "tag": "decorator",
        "style": "enumMember",
        "rule": "enumMember",
        "function": "function",
        "join": "function",
        "layer": "type",
        "norm": "type",
        "activation": "type",
        "channels": "variable",
        "name": "variable",
        "parameter": "parameter",
    }
)
"""The protocol's type of token for each role; brackets and others have none."""

LEGEND = tuple(dict.fromkeys(TYPES.values()))
MODIFIERS = ("declaration", "readonly", "defaultLibrary")

_MODIFIERS = {
    **dict.fromkeys(
        ("layer", "norm", "activation", "channels", "function", "join"), ("defaultLibrary",)
    ),
    **dict.fromkeys(("network", "label", "definition"), ("declaration",)),
    "value": ("declaration", "readonly"),
}
_NAMED = {"let": "variable", "def": "function", "parameter": "parameter"}


class SemanticToken(NamedTuple):
    """Characters of one line, their type of `LEGEND`, and some of `MODIFIERS`."""

    start: int
    end: int
    type: str
    modifiers: tuple[str, ...] = ()


def semantic_tokens(document: Document) -> list[SemanticToken]:
    """The tokens of a text in their order, none of them over another."""
    found = dict(_named(document))
    for role, start, end in tokens(document.source.text):
        kind = TYPES.get(role)
        if kind is not None and start not in found:
            found[start] = SemanticToken(start, end, kind, _MODIFIERS.get(role, ()))
    return _apart(sorted(found.values()))


def _named(document: Document) -> Iterator[tuple[int, SemanticToken]]:
    """The names that the text defines, and those of networks and stages."""
    names = Names(document.tree)
    for word in words_in(document.source, 0, len(document.source.text)):
        definition = names.meaning(word)
        if definition is None:
            continue
        start, end = word.span.start, word.span.end
        modifiers = ["declaration"] if word.span == definition.name.span else []
        modifiers += ["readonly"] if definition.kind == "let" else []
        yield start, SemanticToken(start, end, _NAMED[definition.kind], tuple(modifiers))
    for symbol in symbols(document.tree):
        kind = {"network": "class", "stage": "property"}.get(symbol.kind)
        if kind is not None:
            start, end = symbol.name_span.start, symbol.name_span.end
            yield start, SemanticToken(start, end, kind, ("declaration",))


def _apart(found: list[SemanticToken]) -> list[SemanticToken]:
    """Without the parts of longer tokens: of `J'-2` those inside of the name."""
    kept: list[SemanticToken] = []
    for token in found:
        if not kept or token.start >= kept[-1].end:
            kept.append(token)
    return kept
