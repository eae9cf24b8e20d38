"""Text to syntax tree: Lark's LALR(1) parser, and recovery from errors."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ctcdsl import __version__
from ctcdsl.resources import resource
from ctcdsl.syntax.build import Builder
from ctcdsl.syntax.comments import attach
from ctcdsl.syntax.lexing import NestingTooDeep, NewlineFilter
from ctcdsl.syntax.nodes import File
from ctcdsl.text import Diagnostic, Source, Span

_LINE_ENDS = ("_NEWLINE", "$END")

MAX_ERRORS = 20
"""Syntax errors reported for one file before the parser gives up."""


class Parser:
    """The parser with its tables: built once, or read from the cache of an earlier run."""

    def __init__(self) -> None:
        self._builder = Builder()
        self._lines = NewlineFilter()
        self._comments: list[Token] = []
        self._busy = Lock()
        with open(resource("grammar", "ctc.lark"), encoding="utf-8") as file:
            grammar = file.read()
        self._lark = Lark(
            grammar,
            parser="lalr",
            lexer="basic",
            maybe_placeholders=False,
            transformer=self._builder,
            postlex=self._lines,
            lexer_callbacks={"COMMENT": self._comments.append},
            cache=_cache_file() or False,
        )

    def parse(self, source: Source) -> tuple[File, list[Diagnostic]]:
        """Parse a source; after errors, the tree has the lines without any."""
        with self._busy, collector_paused():
            return self._parse(source)

    def _parse(self, source: Source) -> tuple[File, list[Diagnostic]]:
        self._builder.source = source
        self._comments.clear()
        self._lines.begin()
        errors: list[Diagnostic] = []

        def recover(error: UnexpectedInput) -> bool:
            from ctcdsl.syntax.errors import begins_line, unexpected_characters, unexpected_token
            from ctcdsl.syntax.foreign.recognise import end_of_notation

            if self._lines.skipping:
                return True
            if len(errors) >= MAX_ERRORS:
                given_up = f"there are more than {MAX_ERRORS} errors: nothing below was read"
                errors[-1] = errors[-1]._replace(notes=(given_up,))
                return False
            if isinstance(error, UnexpectedCharacters):
                errors.append(unexpected_characters(source, error, self._lines.brackets))
            else:
                assert isinstance(error, UnexpectedToken)
                errors.append(unexpected_token(source, error, self._lines.brackets))
            _back_to_line_start(error)
            if isinstance(error, UnexpectedToken) and begins_line(source, error.token):
                # An unclosed bracket above, most likely: this line may be right.
                self._lines.begin()
                if error.token.type in _choices(error):
                    error.interactive_parser.feed_token(error.token)
                    return True
            if not isinstance(error, UnexpectedToken) or error.token.type not in _LINE_ENDS:
                self._lines.skip_line(end_of_notation(errors[-1]))
            return True

        try:
            # The parser ends a line by its newline; the author need not.
            tree = self._lark.parse(source.text + "\n", on_error=recover)
        except NestingTooDeep as error:
            from ctcdsl.syntax.errors import too_deep

            return _empty(source), _named(source, [*errors, too_deep(source, error.token)])
        except UnexpectedInput:
            return _empty(source), _named(source, errors)
        assert isinstance(tree, File)
        return attach(tree, self._comments), _named(source, errors)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cyclic collector from running meanwhile.

    A tree of a million nodes has no cycles, nor has a network, and looking for some again and
    again while it grows would double the time of parsing, and take a quarter of a check's.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _back_to_line_start(error: UnexpectedInput) -> None:
    """Unwind the parser to where a statement, or a table's row, may begin."""
    assert isinstance(error, UnexpectedCharacters | UnexpectedToken)
    state = error.interactive_parser.parser_state
    while not ({"LET", "END"} & _choices(error)):
        state.state_stack.pop()
        state.value_stack.pop()


def _choices(error: UnexpectedCharacters | UnexpectedToken) -> set[str]:
    """The tokens that the parser could take now."""
    state = error.interactive_parser.parser_state
    return set(state.parse_conf.states[state.position])


def _named(source: Source, errors: list[Diagnostic]) -> list[Diagnostic]:
    """The errors; each piece of another notation is one."""
    if not errors:
        return errors
    from ctcdsl.syntax.foreign.recognise import name_notations

    return name_notations(source, errors)


def _empty(source: Source) -> File:
    return File((), (), Span(source, 0, len(source.text)))


def _cache_file() -> str | None:
    """Where Lark keeps the parse tables between runs; None where there is no such place."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        folder = os.path.join(base, "ctcdsl")
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return None
    return os.path.join(folder, f"parser-{__version__}.bin")


_parser: Parser | None = None


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """Parse a source into its syntax tree and the syntax errors found on the way."""
    global _parser
    if _parser is None:
        _parser = Parser()
    return _parser.parse(source)
