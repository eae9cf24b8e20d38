"""Signatures: what the layer or block takes whose parentheses are open, and the active one."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.lsp.context import Bracket, context_at
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.layer_arguments import Arguments, arguments_of, tags_text
from ctcdsl.lsp.names import Definition, scope_at
from ctcdsl.syntax.nodes import Def
from ctcdsl.syntax.words import KEYWORDS


class Parameter(NamedTuple):
    """A parameter: its place in the signature's label, and what it means, as Markdown."""

    start: int
    end: int
    meaning: str


class Signature(NamedTuple):
    """`fc(features, tag, …)`: its parameters, and the number of the active one."""

    label: str
    summary: str
    parameters: tuple[Parameter, ...]
    active: int


def signature_at(document: Document, offset: int) -> Signature | None:
    """The signature of the innermost parentheses around an offset; None outside of such."""
    context = context_at(document.source.text[:offset])
    bracket = context.bracket
    word = bracket.opening.removesuffix("(")
    if context.comment or bracket.opening == word or context.before[:1] == ("let",):
        return None
    if context.before[:1] == ("def",) and "=" not in context.before:
        return None  # its parameters are being named
    arguments = arguments_of(word)
    if arguments is not None:
        return _of_layer(word, arguments, bracket)
    definition = scope_at(document.tree_or_earlier, offset).get(word)
    return _of_block(definition, bracket) if definition is not None else None


def _of_layer(word: str, arguments: Arguments, bracket: Bracket) -> Signature:
    parts = [(amount.name, amount.meaning) for amount in arguments.amounts]
    amounts = len(parts)
    if arguments.tags or arguments.letters:
        parts.append(("tag, …", tags_text(arguments)))
    summary = "a convolution"
    if word in KEYWORDS:
        entry = KEYWORDS[word]
        summary = f"{entry.summary}, as in `{entry.example}`" if entry.example else entry.summary
    active = bracket.argument
    if active >= arguments.required and any(map(arguments.is_tag, bracket.arguments)):
        active = amounts  # optional amounts are over where a tag is written
    elif arguments.many:
        active = min(active, amounts - 1)
    return _signature(word, parts, summary, min(active, len(parts) - 1))


def _of_block(definition: Definition, bracket: Bracket) -> Signature | None:
    statement = definition.statement
    if not isinstance(statement, Def) or not statement.parameters:
        return None
    parts = [
        (parameter.text if parameter.default is None else parameter.span.text, "")
        for parameter in statement.parameters
    ]
    body = f"```ctc\n{statement.span.text}\n```"
    return _signature(statement.name.text, parts, body, bracket.argument)


def _signature(word: str, parts: list[tuple[str, str]], summary: str, active: int) -> Signature:
    label, parameters = f"{word}(", []
    for number, (name, meaning) in enumerate(parts):
        label += ", " if number else ""
        parameters.append(Parameter(len(label), len(label) + len(name), meaning))
        label += name
    return Signature(f"{label})", summary, tuple(parameters), active)
