"""Completion: the words that may be written at an offset, from the text before it alone.

A text that is being typed seldom parses, so the brackets and words before the offset decide,
not the syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ctcdsl.highlighting.patterns import NAME
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.names import Definition, scope_at
from ctcdsl.syntax.nodes import Def, Let
from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES, words
from ctcdsl.text import Span

LAYERS = tuple(word for word in words("layer", "norm", "activation") if word != "none")
CONVOLUTION_TAGS = tuple(
    word for word in words("tag", "norm", "activation") if word not in ("dw", "ceil", "within")
)
_TAGS = {
    "max": ("ceil",),
    "avg": ("ceil",),
    "fc": ("linear", *words("activation")),
    "se": words("activation"),
    "lrn": ("within",),
}
"""Words that may follow the first argument of a layer."""

_TOKEN = re.compile(
    rf"(?P<comment>#[^\n]*)|(?P<gap>\\[ \t]*\n|[ \t]+)|(?P<line>\n)"
    rf"|(?P<head>{NAME}:)|(?P<call>(?!x\(){NAME}\()|(?P<word>{NAME}['′]*)|(?P<other>.)"
)
_HEAD = re.compile(rf"[ \t]*(?:(?:{'|'.join(words('header'))})[ \t]|{NAME}[ \t]*:)")


_VALUED = {"net": "", "input": "", "classes": "", "maps": "", "pad": "rule", "style": "style"}
"""Headers, and the kind of word that each takes."""

Scope = tuple[Definition, ...]


_TYPED = re.compile(rf"(?P<digits>[0-9]*)(?P<word>(?:{NAME}[-A-Za-z0-9_]*)?)\Z")
"""The part of a word that is typed: digits may precede a name, and styles have hyphens."""


class Candidate(NamedTuple):
    """A word that may be written; `kind` is its kind in the table of words, or its own."""

    text: str
    kind: str
    summary: str


class CompletionContext(NamedTuple):
    """What comes before an offset.

    `before` are the tokens of the statement so far, without the word being typed. `call` is
    the innermost bracket that is open: `(` of a convolution, `fc(`, `{`, `[`, or "";
    `argument` counts the commas in it.
    """

    before: tuple[str, ...]
    call: str
    argument: int
    comment: bool
    in_table: bool


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
    if number or context.comment or text[: typed.start()].endswith((")", "]", "}", "/")):
        return Completion(span, ())  # after a bracket come `x4` and `/2`
    scope = scope_at(document.tree_or_earlier, offset)
    return Completion(span, tuple(_candidates(context, tuple(scope.values()))))


def _candidates(context: CompletionContext, scope: Scope) -> Iterator[Candidate]:
    before = context.before
    first = before[0] if before else ""
    header = next((word for word in reversed(before) if word in _VALUED), None)
    if first in _VALUED and header is not None:
        # Headers may share a line: those without words for a value end where another begins.
        return _words(words(_VALUED[header])) if before[-1] == header else _words(_VALUED)
    match first:
        case "let":
            return _values(scope, ()) if "=" in before else iter(())
        case "def" if "=" not in before:
            return iter(())
    parameters = _parameters(before) if first == "def" else ()
    if context.call.endswith("("):
        return _arguments(context, scope, parameters)
    return _layers(context, scope)


def _layers(context: CompletionContext, scope: Scope) -> Iterator[Candidate]:
    """A layer, or at a statement's beginning a header."""
    if not context.before:
        yield from _words(("end",) if context.in_table else words("header"))
    if context.before and context.before[-1] == "head:":
        yield from _words(("none",))
    yield from _words(LAYERS)
    for definition in scope:
        if isinstance(definition.statement, Def):
            text = definition.statement.span.text
            yield Candidate(definition.name.text, "def", " ".join(text.split()))


def _arguments(
    context: CompletionContext, scope: Scope, parameters: tuple[str, ...]
) -> Iterator[Candidate]:
    """An argument of a convolution, a layer, or a user-defined block."""
    call, argument = context.call, context.argument
    if call == "(" and argument >= 2:
        yield from _words(CONVOLUTION_TAGS)
        yield from _letter_tags("pgd")
        return
    if argument >= 1 and call[:-1] in _TAGS:
        yield from _words(_TAGS[call[:-1]])
        if call in ("max(", "avg("):
            yield from _letter_tags("p")
        return
    if call == "(" and argument == 1:
        yield from _words(("dw",))
    yield from _values(scope, parameters)
    yield from _words(("c",))


def _values(scope: Scope, parameters: tuple[str, ...]) -> Iterator[Candidate]:
    for parameter in parameters:
        yield Candidate(parameter, "parameter", "a parameter of this block")
    for definition in scope:
        if isinstance(definition.statement, Let):
            yield Candidate(definition.name.text, "let", definition.statement.span.text)


def _words(chosen: Iterable[str]) -> Iterator[Candidate]:
    for word in chosen:
        yield Candidate(word, KEYWORDS[word].kind, KEYWORDS[word].summary)


def _letter_tags(letters: str) -> Iterator[Candidate]:
    for letter in letters:
        yield Candidate(f"{letter}1", "tag", f"{TAG_PREFIXES[letter]} 1")


def _parameters(before: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters in `def name(a,b) =`, from its tokens."""
    head = before[2 : before.index("=")]
    return tuple(token for token in head if token.isidentifier())


def context_at(text: str) -> CompletionContext:
    """The context at the end of a text, which may have any errors."""
    before: list[str] = []
    brackets: list[tuple[str, int]] = []  # the open ones, and the commas in each
    comment = table = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        comment = match.lastgroup == "comment"
        if match.lastgroup == "line":
            # An unclosed bracket does not swallow the statements below it.
            if not brackets or _HEAD.match(text, match.end()):
                table = (table or before == ["table"]) and before != ["end"]
                before.clear()
                brackets.clear()
            continue
        if match.lastgroup in ("comment", "gap"):
            continue
        if match.lastgroup == "call" or token in "([{":
            brackets.append((token, 0))
        elif token in ")]}" and brackets:
            brackets.pop()
        elif token == "," and brackets:
            brackets[-1] = (brackets[-1][0], brackets[-1][1] + 1)
        before.append(token)
    call, argument = brackets[-1] if brackets else ("", 0)
    return CompletionContext(tuple(before), call, argument, comment, table)
