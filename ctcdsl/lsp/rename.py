"""Renaming a `let`, a `def` or a parameter, where nothing else changes its meaning by it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ctcdsl.elaborate.expressions import TAG
from ctcdsl.highlighting.patterns import NAME
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.names import Definition, Meaning, definition_at, meanings, uses_of
from ctcdsl.lsp.symbols import word_at
from ctcdsl.syntax.parser import parse
from ctcdsl.syntax.words import KEYWORDS
from ctcdsl.text import Fix, Source, Span

_STARTS_AS_REPEAT = re.compile(r"x[0-9]")
"""`x3y` begins with the repetition `x3`."""


class RenameError(Exception):
    """A name cannot be given another one; the message says why, in one sentence."""


class Renaming(NamedTuple):
    """A definition that can be renamed, and its name at the cursor."""

    definition: Definition
    place: Span


def renaming_at(document: Document, offset: int) -> Renaming:
    """What would be renamed at an offset.

    Raises:
        RenameError: There is no name of the author's, or the text has syntax errors.
    """
    word = word_at(document.source, offset)
    if word is None:
        raise RenameError("there is no name here")
    if document.has_syntax_errors:
        raise RenameError("the text has syntax errors: the names on their lines are not known")
    entry = KEYWORDS.get(word.text)
    if entry is not None:
        raise RenameError(f"`{word.text}` is a keyword of the language ({entry.kind})")
    definition = definition_at(document.tree, document.source, offset)
    if definition is None:
        raise RenameError(f"`{word.text}` is not a name that a `let` or a `def` of this text gives")
    return Renaming(definition, word.span)


def rename(document: Document, offset: int, new: str) -> list[Fix]:
    """The changes that give the name at an offset another one, wherever it is used.

    Raises:
        RenameError: What cannot be renamed, or a new name that is none or is taken.
    """
    definition = renaming_at(document, offset).definition
    _check_is_name(new)
    if new == definition.name.text:
        return []
    fixes = [Fix(span, new) for span in uses_of(document.tree, document.source, definition)]
    _check_keeps_meanings(document, fixes, new)
    return fixes


def _check_is_name(new: str) -> None:
    if not re.fullmatch(NAME, new) or _STARTS_AS_REPEAT.match(new):
        raise RenameError(
            f"`{new}` is not a name: names are of letters, digits and `_`, and begin with a letter"
        )
    if new in KEYWORDS:
        raise RenameError(f"`{new}` is a keyword ({KEYWORDS[new].summary}): choose another name")
    if TAG.fullmatch(new):
        raise RenameError(f"`{new}` is a tag: choose another name")


def _check_keeps_meanings(document: Document, fixes: list[Fix], new: str) -> None:
    """Every word of the changed text must name what it named before."""
    before = meanings(document.tree, document.source)
    source = _changed(document.source, fixes)
    tree, errors = parse(source)
    after = meanings(tree, source)
    if errors or len(after) != len(before):
        raise RenameError(f"`{new}` would read as something else where it is used")
    for k, (meant, means) in enumerate(zip(_links(before), _links(after), strict=True)):
        if meant == means:
            continue
        others = [before[link].definition for link in (means, meant) if link is not None]
        other = next((o for o in others if o is not None and o.name.text == new), None)
        if other is None:
            line = document.source.position(before[k].word.span.start)[0]
            raise RenameError(f"line {line} has a `{new}` of another meaning")
        line = document.source.position(other.name.span.start)[0]
        kind = "a parameter" if other.is_parameter else f"a `{other.kind}`"
        raise RenameError(f"`{new}` is already {kind} (line {line}): choose another name")


def _links(words: list[Meaning]) -> list[int | None]:
    """For each word, the number of the word that defines it."""
    numbers = {word.span.start: k for k, (word, _) in enumerate(words)}
    return [None if d is None else numbers[d.name.span.start] for _, d in words]


def _changed(source: Source, fixes: list[Fix]) -> Source:
    text = source.text
    for fix in sorted(fixes, key=lambda fix: -fix.span.start):
        text = text[: fix.span.start] + fix.replacement + text[fix.span.end :]
    return Source(source.name, text)
