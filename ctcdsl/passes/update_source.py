"""The text of a rewritten network: the author's, except where it was rewritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ctcdsl.elaborate.expressions import names_in
from ctcdsl.elaborate.file import read_networks
from ctcdsl.elaborate.layout import LaidLine, Layout, lay_out
from ctcdsl.ir import Architecture, ParsedSpec, out_channels
from ctcdsl.ir.printer import to_items, to_lines, unparse
from ctcdsl.passes.alignment import is_plain, segments
from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source, Span, error
from ctcdsl.text.sink import Diagnostics

_NOWHERE = Span(Source("", ""), 0, 0)
_MAX_CELLS = 4_000_000
"""Larger alignments are not computed: all layers are printed again."""

_Above = syntax.Header | syntax.Let | syntax.Def


def update_source(before: Architecture, after: Architecture) -> Architecture:
    """Print `after` in the author's form; return it as read from that text.

    Headers, definitions, comments and the items of unchanged layers stay the author's; a
    `let` gets the value it was given. The text is parsed, and must give `after`; where the
    author's form cannot hold the network, all of it is printed again.

    Args:
        before: The network that `after` was rewritten from.
        after: A network that checks: only what its text says is compared.

    Returns:
        A network equal to `after` whose `origin` is in the new text, `origin.source.text`.

    Raises:
        UserError: CTC411 where no text gives the network: a third-party pass can make one
            with two stages of a name.
    """
    name = before.origin.source.name
    for text in _candidates(before.spec, before, after):
        architecture = _read(Source(name, text))
        if architecture is not None and _normalised(architecture) == _normalised(after):
            return architecture
    raise error(
        "CTC411",
        f"no text describes the rewritten `{before.name}`",
        at=before.origin,
        hint="a pass made stages of one name, or layers that the language lacks",
    )


def _read(source: Source) -> Architecture | None:
    """The network of a text; None where it has errors, or several networks."""
    tree, errors = parse(source)
    diagnostics = Diagnostics()
    networks = read_networks(tree, diagnostics)
    return None if errors or diagnostics.num_errors or len(networks) != 1 else networks[0]


def _normalised(architecture: Architecture) -> Architecture:
    """A network without what its text need not say: whether its head was written."""
    return replace(architecture, head=replace(architecture.head, implied=False))


def _candidates(
    spec: ParsedSpec | None, before: Architecture, after: Architecture
) -> Iterator[str]:
    """Texts that may give a network, the author's own words first."""
    if spec is not None:
        style = None if after.style == before.style else str(after.style)
        tree = _updated(spec.tree, style, spec.values)
        layout = lay_out(tree, spec.name)
        above = layout.above if after.name == spec.name else _renamed(layout.above, after.name)
        for in_channels in ({}, _in_channels(layout, before.input.channels)):
            lines = _lines(layout, after, in_channels)
            yield _text(above, layout, *_with_comments(layout, *lines))
        printed = to_lines(after)
        labels = [laid.line.label for laid in layout.lines]
        kept = [labels.index(line.label) if line.label in labels else None for line in printed]
        yield _text(above, layout, *_with_comments(layout, printed, kept))
    yield unparse(after)


def _text(
    above: Sequence[_Above], layout: Layout, lines: Sequence[syntax.Line], below: tuple[str, ...]
) -> str:
    above = _drop_unused_defs(above, layout.lines, lines)
    return format_file(syntax.File((*above, *lines), below, _NOWHERE))


# -------------------------------------------------------- above the layers


def _updated(tree: syntax.File, style: str | None, values: Mapping[str, float]) -> syntax.File:
    """A file with another style, so that its rows are read in that, and other values of `let`s."""
    statements: list[syntax.Statement] = []
    for statement in tree.statements:
        match statement:
            case syntax.Header(word="style", span=span) if style is not None:
                statement = statement._replace(values=(syntax.Name(style, span),))
            case syntax.Let(name, span=span) if name.text in values:
                statement = statement._replace(value=syntax.Number(values[name.text], span))
        statements.append(statement)
    return tree._replace(statements=tuple(statements))


def _renamed(above: Sequence[_Above], name: str) -> list[_Above]:
    """What precedes the layers, with another name for the network."""
    net = syntax.Header("net", (syntax.Name(name, _NOWHERE),), _NOWHERE)
    is_net = [isinstance(line, syntax.Header) and line.word == "net" for line in above]
    if not any(is_net):
        return [net, *above]
    return [
        net._replace(comments=line.comments) if named else line
        for line, named in zip(above, is_net, strict=True)
    ]


def _drop_unused_defs(
    above: Sequence[_Above], old: Sequence[LaidLine], new: Sequence[syntax.Line]
) -> list[_Above]:
    """What precedes the layers, less the definitions whose last use a pass rewrote."""
    kept = list(above)
    for definition in reversed(above):
        if not isinstance(definition, syntax.Def):
            continue
        others = [s.items for s in kept if isinstance(s, syntax.Def) and s is not definition]
        now = {name for part in (*others, *new) for name in names_in(part)}
        then = {name for laid in old for name in names_in(laid.line)}
        name = definition.name.text
        callers = {
            s.name.text for s in above if isinstance(s, syntax.Def) and name in names_in(s.items)
        }
        if name not in now and (name in then or callers - {name}):
            kept.remove(definition)
    return kept


# ---------------------------------------------------------------------- lines


def _in_channels(layout: Layout, channels: int) -> dict[int, int]:
    """The input channels of each item of the author's that may depend on them, by its id."""
    in_channels: dict[int, int] = {}
    for _, items in layout.lines:
        for item, nodes in items:
            if nodes and not is_plain(item):
                in_channels[id(item)] = channels
            channels = out_channels(nodes, channels)
    return in_channels


def _lines(
    layout: Layout, after: Architecture, in_channels: Mapping[int, int]
) -> tuple[list[syntax.Line], list[int | None]]:
    """The author's lines with the items that changed replaced, and which of them each one was.

    With `in_channels` also those that now get other channels, which may depend on `c`.
    """
    channels = after.input.channels
    lines: dict[int | str, list[syntax.Item]] = {}
    for segment in segments(layout.lines, after):
        items = lines.setdefault(segment.line, [])
        item = segment.item
        if item is not None and in_channels.get(id(item), channels) == channels:
            items.append(item._replace(joined=item.joined and bool(items)))
            channels = out_channels(segment.nodes, channels)
        else:
            new, channels = to_items(segment.nodes, after.style, channels)
            items += new
    labels = [layout.lines[key].line.label if isinstance(key, int) else key for key in lines]
    return (
        [
            syntax.Line(label, tuple(items), _NOWHERE)
            for label, items in zip(labels, lines.values(), strict=True)
        ],
        [key if isinstance(key, int) else None for key in lines],
    )


def _with_comments(
    layout: Layout, lines: Sequence[syntax.Line], kept: Sequence[int | None]
) -> tuple[list[syntax.Line], tuple[str, ...]]:
    """Give lines the author's comments, and return those below: a lost line's go to the next.

    Args:
        layout: The author's lines.
        lines: The new lines.
        kept: Of each new line, which of the author's it was.
    """
    commented: list[syntax.Line] = []
    next_index = 0
    for line, index in zip(lines, kept, strict=True):
        if index is not None and index >= next_index:
            lost = _comments(layout.lines[next_index:index])
            comments = layout.lines[index].line.comments
            line = line._replace(comments=comments._replace(leading=(*lost, *comments.leading)))
            next_index = index + 1
        commented.append(line)
    return commented, (*_comments(layout.lines[next_index:]), *layout.below)


def _comments(lines: Sequence[LaidLine]) -> list[str]:
    """The comments of lines, each as a line of its own."""
    comments: list[str] = []
    for laid in lines:
        leading, trailing = laid.line.comments
        comments += [*leading, *([trailing] if trailing else [])]
    return comments
