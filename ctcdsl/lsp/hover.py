"""What an editor shows about the place under the cursor: the layer's map and cost, the word."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.ir.network import Node
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.hover_text import layers_text, networks_text
from ctcdsl.lsp.layer_costs import layer_costs
from ctcdsl.lsp.names import Definition, definition_at, scope_at, value_of
from ctcdsl.lsp.symbols import Word, path_to, word_at
from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES
from ctcdsl.text import Span


class Hover(NamedTuple):
    """Markdown about the characters of `span`."""

    markdown: str
    span: Span


def hover_at(document: Document, offset: int) -> Hover | None:
    """What is known of the word and layer at an offset; None where nothing is."""
    word = word_at(document.source, offset)
    span = word.span if word is not None else None
    parts: list[str] = []
    definition = definition_at(document.tree, document.source, offset)
    if definition is not None:
        parts.append(_definition_text(document, definition))
    numbers = _numbers(document, offset)
    if numbers is not None:
        parts.append(numbers.markdown)
        span = span or numbers.span
    elif (earlier := document.earlier(offset)) is not None:
        numbers = _numbers(earlier.document, earlier.offset)
        if numbers is not None:
            parts += [numbers.markdown, "*as of the last version without errors*"]
            span = span or Span(document.source, offset, offset)
    if word is not None and (meaning := _meaning(word)):
        parts.append(meaning + (_channels(document, offset) if word.text == "c" else ""))
    return Hover("\n\n".join(parts), span) if parts and span is not None else None


def _meaning(word: Word) -> str:
    """The entry of a keyword, or the meaning of a tag such as `p1`."""
    entry = KEYWORDS.get(word.text)
    if entry is not None:
        example = f", as in `{entry.example}`" if entry.example else ""
        return f"`{word.text}` ({entry.kind}): {entry.summary}{example}"
    letter, digits = word.text[0], word.text[1:]
    if letter in TAG_PREFIXES and digits.replace("x", "0").isdecimal():
        return f"`{word.text}` (tag): {TAG_PREFIXES[letter]} {digits}"
    return ""


def _channels(document: Document, offset: int) -> str:
    """The values of `c` at an offset, where it belongs to one layer or block."""
    path = path_to(document.tree, offset)
    primaries = [node.primary for node in path if isinstance(node, syntax.Item)]
    groups = [primary for primary in primaries[:-1] if isinstance(primary, syntax.Group)]
    match groups[-1:] or primaries[-1:]:
        case [syntax.Group(_, branches) as of] if of.bracket == "[" or len(branches) > 1:
            pass
        case [syntax.Convolution() as of] if not isinstance(path[0], syntax.Def):
            pass
        case [syntax.Call(word) as of] if word in KEYWORDS and not isinstance(path[0], syntax.Def):
            pass
        case _:
            return ""
    nodes = [row.node for cost in document.costs for row in layer_costs(cost, of.span)]
    values = dict.fromkeys(str(_entering(of, node, offset)) for node in nodes)
    return f"; here {', '.join(values)}" if values else ""


def _entering(primary: syntax.Primary, node: Node, offset: int) -> int:
    """The channels that enter a layer, a block, or at an offset in a split its branch."""
    if isinstance(primary, syntax.Group) and len(primary.branches) == len(node.branches):
        for branch, input in zip(primary.branches, node.branch_inputs, strict=True):
            if branch.span.start <= offset <= branch.span.end:
                return input.channels
    return node.input.channels


def _definition_text(document: Document, definition: Definition) -> str:
    """The text of a `let` or a `def`, or the `def` that a parameter belongs to."""
    statement, name = definition.statement, definition.name.text
    if definition.is_parameter:
        return f"`{name}`: a parameter of `{statement.name.text}`"
    shown = f"```ctc\n{statement.span.text}\n```"
    if isinstance(statement, syntax.Let):
        value = value_of(statement, scope_at(document.tree, statement.span.start))
        if value is not None and not isinstance(statement.value, syntax.Number):
            shown += f"\n\n`{name}` is {value:,.6g}"
        if isinstance(statement.value, syntax.Choice) and document.spaces:
            shown += f"\n\n{document.spaces}"
    return shown


def _numbers(document: Document, offset: int) -> Hover | None:
    """Maps and costs of the layer, block, call, stage, definition or network at an offset."""
    path = path_to(document.tree, offset)
    name = _network_name(path)
    if name is not None:
        costs = [cost for cost in document.costs if cost.network.name == name.text]
        if not costs and document.spaces:
            return Hover(document.spaces, name)
        return Hover(networks_text(costs), name) if costs else None
    region = _region(path, offset)
    if region is None:
        return None
    networks = [(cost, layers) for cost in document.costs if (layers := layer_costs(cost, region))]
    return Hover(layers_text(networks), region) if networks else None


def _network_name(path: list[object]) -> Span | None:
    """The name of a network: after `net`, or first in a table's row."""
    match path:
        case [syntax.Header(word="net"), syntax.Name(_, span), *_]:
            return span
        case [syntax.Table(), syntax.Row(cells), syntax.Cell() as cell, *_] if cell is cells[0]:
            return cell.span
        case _:
            return None


def _region(path: list[object], offset: int) -> Span | None:
    """The text that is meant: the innermost item, or a stage or definition."""
    items = [node for node in path if isinstance(node, syntax.Item)]
    if items:
        return items[-1].span
    match path:
        case [syntax.Def(span=span), *_]:
            return span
        case [syntax.Line(label=str(label), span=span), *_] if offset <= span.start + len(label):
            return span
        case _:
            return None
