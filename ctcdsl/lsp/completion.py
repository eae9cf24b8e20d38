"""Completion: the words that may be written at an offset, from the text before it alone.

A text that is being typed seldom parses, so the brackets and words before the offset decide,
not the syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from ctcdsl.elaborate.headers import CONSTANTS
from ctcdsl.highlighting.patterns import NAME
from ctcdsl.layers import WORDS, VectorLayer
from ctcdsl.layers.convolution import EXCLUSIVE
from ctcdsl.lsp.context import Bracket, Context, context_at
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.layer_arguments import Arguments, arguments_of
from ctcdsl.lsp.names import Definition, scope_at
from ctcdsl.syntax.nodes import Def, Let
from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES, words
from ctcdsl.text import Span

LAYERS = tuple(word for word in words("layer", "norm", "activation") if word != "none")
_REPEATS = ("x(", "×(", "*(")

_KINDS = {"pad": "rule", "style": "style"}
_VALUED = tuple(word for word in words("header") if word not in ("let", "def", "table", "end"))
"""Headers that may share a line: each takes a value."""

Scope = tuple[Definition, ...]


_TYPED = re.compile(rf"(?P<digits>[0-9]*)(?P<word>(?:{NAME}[-A-Za-z0-9_]*)?)\Z")
"""The part of a word that is typed: digits may precede a name, and styles have hyphens."""


class Candidate(NamedTuple):
    """A word that may be written; `kind` is its kind in the table of words, or its own."""

    text: str
    kind: str
    summary: str


class Completion(NamedTuple):
    """What may replace `typed`, for the client to filter by it."""

    typed: Span
    candidates: tuple[Candidate, ...]


def completions(document: Document, offset: int) -> Completion:
    """The words that may be written at an offset, where a part of one may be typed already."""
    text = document.source.text
    typed = _TYPED.search(text, 0, offset)
    assert typed is not None
    start = typed.start("word")
    span = Span(document.source, start, offset)
    context = context_at(text[: typed.start()])
    number = typed["digits"] and not typed["word"]
    if number or context.comment or text[: typed.start()].endswith((")", "]", "}")):
        return Completion(span, ())  # after a bracket come `x4` and `/2`
    scope = scope_at(document.tree_or_earlier, offset)
    return Completion(span, tuple(_candidates(context, tuple(scope.values()))))


def _candidates(context: Context, scope: Scope) -> Iterator[Candidate]:
    before = context.before
    first = before[0] if before else ""
    header = next((word for word in reversed(before) if word in _VALUED), None)
    if first in _VALUED and header is not None:
        return _after_header(header, before)
    match first:
        case "let":
            return _values(scope, ()) if "=" in before else iter(())
        case "where":
            return chain(_values(scope, ()), _words(("and", "or") if len(before) > 1 else ()))
        case "def" if "=" not in before:
            return iter(())
    parameters = _parameters(before) if first == "def" else ()
    bracket = context.bracket
    if before and before[-1] == "/" and not _is_argument(bracket):
        return _values(scope, parameters)
    if bracket.opening in _REPEATS:
        return _amounts(scope, parameters)
    if _is_argument(bracket):
        return _arguments(bracket, scope, parameters)
    return _layers(context, scope)


def _after_header(header: str, before: tuple[str, ...]) -> Iterator[Candidate]:
    """The value of a header, where it is one of some words; another header behind it."""
    if header in CONSTANTS and before[-1] != "=":
        left = [name for name in CONSTANTS[header] if name not in before]
        for name in left:
            yield Candidate(f"{name}=", "constant", KEYWORDS[header].summary)
    if before[-1] != header and before[-1] != "=":
        yield from _words(_VALUED)
    elif before[-1] == header:
        yield from _words(words(_KINDS.get(header, "")))


def _is_argument(bracket: Bracket) -> bool:
    return bracket.opening.endswith("(")


def _layers(context: Context, scope: Scope) -> Iterator[Candidate]:
    """A layer, or at a statement's beginning a header."""
    before = context.before
    if not before:
        yield from _words(("end",) if context.in_table else words("header"))
    if before and before[-1] == "head:":
        yield from _words(("none",))
    opening = context.bracket.opening
    in_trunk = bool(opening) or before[:1] == ("def",)
    for word in LAYERS:
        if not in_trunk or opening == "mul[" or not issubclass(WORDS[word].kind, VectorLayer):
            yield from _words((word,))
    yield from _words(words("join"))
    defining = before[1].rstrip("(") if before[:1] == ("def",) else ""
    for definition in scope:
        if isinstance(definition.statement, Def) and definition.name.text != defining:
            text = definition.statement.span.text
            yield Candidate(definition.name.text, "def", " ".join(text.split()))


def _arguments(bracket: Bracket, scope: Scope, parameters: tuple[str, ...]) -> Iterator[Candidate]:
    """An argument of a convolution, a layer, or a user-defined block."""
    call, argument = bracket.opening, bracket.argument
    arguments = arguments_of(call.removesuffix("("))
    if arguments is not None and argument >= arguments.required and not arguments.many:
        yield from _tags(arguments, bracket.given)
        if argument >= len(arguments.amounts) or any(map(arguments.is_tag, bracket.given)):
            return
    elif call == "(" and argument == 1:
        yield from _words(("dw",))
    yield from _amounts(scope, parameters)


def _tags(arguments: Arguments, given: tuple[str, ...]) -> Iterator[Candidate]:
    """The tags that do not repeat or contradict those given."""
    words_given = {tag.partition("(")[0] for tag in given}
    excluded = {tag for tags, _ in EXCLUSIVE if words_given.intersection(tags) for tag in tags}
    yield from _words(tag for tag in arguments.tags if tag not in excluded | words_given)
    for letter in arguments.letters:
        if not any(re.fullmatch(rf"{letter}[0-9(].*", tag) for tag in given):
            yield Candidate(f"{letter}1", "tag", f"{TAG_PREFIXES[letter]} 1")


def _amounts(scope: Scope, parameters: tuple[str, ...]) -> Iterator[Candidate]:
    yield from _values(scope, parameters)
    yield from _words(("c", *words("function")))


def _values(scope: Scope, parameters: tuple[str, ...]) -> Iterator[Candidate]:
    for parameter in parameters:
        yield Candidate(parameter, "parameter", "a parameter of this block")
    for definition in scope:
        if isinstance(definition.statement, Let):
            yield Candidate(definition.name.text, "let", definition.statement.span.text)


def _words(chosen: Iterable[str]) -> Iterator[Candidate]:
    for word in chosen:
        yield Candidate(word, KEYWORDS[word].kind, KEYWORDS[word].summary)


def _parameters(before: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters in `def name(a,b) =`, from its tokens."""
    head = before[2 : before.index("=")]
    return tuple(token for token in head if token.isidentifier())
