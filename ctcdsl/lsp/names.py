"""What a word of a text names: where it is defined, where it is used, what its value is."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from ctcdsl.elaborate.definitions import DefinitionReader, Definitions
from ctcdsl.lsp.symbols import Word, word_at, words_in
from ctcdsl.syntax.nodes import Def, File, Header, Let, Line, Name, Parameter, Statement
from ctcdsl.syntax.words import KEYWORDS
from ctcdsl.text import Source, Span
from ctcdsl.text.sink import Diagnostics


class Definition(NamedTuple):
    """What a name stands for: a `let`, a `def`, or a parameter of a `def`.

    `statement` is the one that gives the name, `name` the name in it.
    """

    name: Name | Parameter
    statement: Let | Def

    @property
    def is_parameter(self) -> bool:
        """Whether the name is a parameter of the `def`, not its own."""
        return self.name is not self.statement.name

    @property
    def kind(self) -> str:
        """What the name is: `let`, `def` or `parameter`."""
        if self.is_parameter:
            return "parameter"
        return "let" if isinstance(self.statement, Let) else "def"


Scope = dict[str, Definition]


class Names:
    """The names that a syntax tree defines, and what a word means at its place."""

    def __init__(self, tree: File) -> None:
        self._statements = tree.statements
        self._starts = [statement.span.start for statement in tree.statements]
        above: Scope = {}  # what is above the first `net` is for every network
        self._scopes: list[tuple[int, Scope]] = [(0, above)]
        for statement in tree.statements:
            match statement:
                case Header(word="net"):
                    self._scopes.append((statement.span.start, dict(above)))
                case Let() | Def():
                    scope = self._scopes[-1][1]
                    scope.setdefault(statement.name.text, Definition(statement.name, statement))

    def scope(self, offset: int) -> Scope:
        """The definitions of the network around an offset, and those above all networks."""
        return self._scopes[bisect_right(self._scopes, offset, key=lambda pair: pair[0]) - 1][1]

    def meaning(self, word: Word) -> Definition | None:
        """What a word names: a parameter first, then a definition in scope."""
        if word.text in KEYWORDS:
            return None
        statement = self._statement(word.span.start)
        if isinstance(statement, Header) or _is_label(statement, word):
            return None
        if isinstance(statement, Def):
            for parameter in statement.parameters:
                if parameter.text == word.text:
                    return Definition(parameter, statement)
        return self.scope(word.span.start).get(word.text)

    def _statement(self, offset: int) -> Statement | None:
        k = bisect_right(self._starts, offset) - 1
        inside = k >= 0 and offset < self._statements[k].span.end
        return self._statements[k] if inside else None


class Meaning(NamedTuple):
    """A word, and the definition that it names; None for a word of the language."""

    word: Word
    definition: Definition | None


def meanings(tree: File, source: Source) -> list[Meaning]:
    """What each word of a text names, from its beginning to its end."""
    known = Names(tree)
    words = words_in(source, 0, len(source.text))
    return [Meaning(word, known.meaning(word)) for word in words]


def definition_at(tree: File, source: Source, offset: int) -> Definition | None:
    """The definition of the name at an offset, or None where there is no user-defined name."""
    word = word_at(source, offset)
    return None if word is None else Names(tree).meaning(word)


def uses_of(tree: File, source: Source, definition: Definition) -> list[Span]:
    """Every place that names a definition, the definition itself among them."""
    return [
        word.span
        for word, meant in meanings(tree, source)
        if meant is not None and meant.name.span == definition.name.span
    ]


def scope_at(tree: File, offset: int) -> Scope:
    """The definitions of the network around an offset, and those above all networks."""
    return Names(tree).scope(offset)


def value_of(let: Let, scope: Scope) -> float | None:
    """The value of a `let`; None where its expression has errors."""
    lets = {name: d.statement for name, d in scope.items() if isinstance(d.statement, Let)}
    return DefinitionReader(Diagnostics(), {}).values(Definitions(lets)).get(let.name.text)


def _is_label(statement: Statement | None, word: Word) -> bool:
    if not isinstance(statement, Line) or statement.label is None:
        return False
    return word.span.start == statement.span.start
