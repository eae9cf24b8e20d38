"""The text of a rewritten network: the author's, except where it was rewritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ctcdsl.elaborate.expressions import names_in
from ctcdsl.elaborate.networks import read_networks
from ctcdsl.ir import Architecture, Element, ParsedSpec, out_channels, replace
from ctcdsl.ir.printer import recompute_header, to_items, to_lines, unparse
from ctcdsl.passes.alignment import is_plain, segments
from ctcdsl.passes.spec_lines import Above, SpecLine, spec_text, with_elements
from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source, Span, error
from ctcdsl.text.sink import Diagnostics

_NOWHERE = Span(Source("", ""), 0, 0)


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
    for text in _candidates(after.spec or before.spec, before, after):
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
        old = spec_text(spec.tree, spec.name)
        restyled = after.style != before.style
        above = _updated(old.above, after.style.name if restyled else None, spec.values)
        elements = _in_style(above, old.lines) if restyled else spec.elements
        written = with_elements(old.lines, elements)
        if after.recompute != before.recompute:
            above = _recomputing(above, after)
        if after.name != spec.name:
            above = _renamed(above, after.name)

        def text(lines: Sequence[syntax.Line], kept: Sequence[int | None]) -> str:
            commented, lost = _with_comments(old.lines, lines, kept)
            new_above = _drop_unused_defs(above, old.lines, commented)
            below = (*lost, *old.below)
            return format_file(syntax.File((*new_above, *commented), below, _NOWHERE))

        for in_channels in ({}, _in_channels(written, before.input.channels)):
            yield text(*_lines(written, after, in_channels))
        printed = to_lines(after)
        labels = [line.label for line in old.lines]
        kept = [labels.index(line.label) if line.label in labels else None for line in printed]
        yield text(printed, kept)
    yield unparse(after)


def _in_style(above: Above, lines: Sequence[syntax.Line]) -> tuple[Element, ...]:
    """What lines give below headers with another style; nothing where they have errors there."""
    file = syntax.File((*above, *lines), (), lines[0].span)
    networks = read_networks(file, Diagnostics())
    spec = networks[0].spec if networks else None
    return spec.elements if spec is not None else ()


# -------------------------------------------------------- above the layers


def _updated(above: Above, style: str | None, values: Mapping[str, float]) -> Above:
    """What precedes the layers, with another style and other values of `let`s."""
    statements: list[syntax.Header | syntax.Let | syntax.Def] = []
    for statement in above:
        match statement:
            case syntax.Header(word="style", span=span) if style is not None:
                statement = statement._replace(values=(syntax.Name(style, span),))
            case syntax.Let(name, span=span) if name.text in values:
                statement = statement._replace(value=syntax.Number(values[name.text], span))
        statements.append(statement)
    return tuple(statements)


def _recomputing(above: Above, after: Architecture) -> Above:
    """What precedes the layers, with the parts that a network recomputes, after other headers."""
    kept = [s for s in above if not _is_recompute(s)]
    if after.recompute:
        header = recompute_header(after, written_out=False)
        old = next(filter(_is_recompute, above), header)
        at = max((k for k, s in enumerate(kept, 1) if isinstance(s, syntax.Header)), default=0)
        kept.insert(at, header._replace(comments=old.comments))
    return tuple(kept)


def _is_recompute(statement: syntax.Header | syntax.Let | syntax.Def) -> bool:
    return isinstance(statement, syntax.Header) and statement.word == "recompute"


def _renamed(above: Above, name: str) -> Above:
    """What precedes the layers, with another name for the network."""
    net = syntax.Header("net", (syntax.Name(name, _NOWHERE),), _NOWHERE)
    is_net = [isinstance(line, syntax.Header) and line.word == "net" for line in above]
    if not any(is_net):
        return (net, *above)
    return tuple(
        net._replace(comments=line.comments) if named else line
        for line, named in zip(above, is_net, strict=True)
    )


def _drop_unused_defs(
    above: Above, old: Sequence[syntax.Line], new: Sequence[syntax.Line]
) -> Above:
    """What precedes the layers, less the definitions whose last use a pass rewrote."""
    kept = list(above)
    for definition in reversed(above):
        if not isinstance(definition, syntax.Def):
            continue
        others = [s.items for s in kept if isinstance(s, syntax.Def) and s is not definition]
        now = {name for part in (*others, *new) for name in names_in(part)}
        then = {name for line in old for name in names_in(line)}
        name = definition.name.text
        callers = {
            s.name.text for s in above if isinstance(s, syntax.Def) and name in names_in(s.items)
        }
        if name not in now and (name in then or callers - {name}):
            kept.remove(definition)
    return tuple(kept)


# ---------------------------------------------------------------------- lines


def _in_channels(written: Sequence[SpecLine], channels: int) -> dict[int, int]:
    """The input channels of each item of the author's that may depend on them, by its id."""
    in_channels: dict[int, int] = {}
    for _, items in written:
        for item, nodes in items:
            if nodes and not is_plain(item):
                in_channels[id(item)] = channels
            channels = out_channels(nodes, channels)
    return in_channels


def _lines(
    written: Sequence[SpecLine], after: Architecture, in_channels: Mapping[int, int]
) -> tuple[list[syntax.Line], list[int | None]]:
    """The author's lines with the items that changed replaced, and which of them each one was.

    With `in_channels` also those that now get other channels, which may depend on `c`.
    """
    channels = after.input.channels
    lines: dict[int | str, list[syntax.Item]] = {}
    for segment in segments(written, after):
        items = lines.setdefault(segment.line, [])
        item = segment.item
        if item is not None and in_channels.get(id(item), channels) == channels:
            items.append(item._replace(joined=item.joined and bool(items)))
            channels = out_channels(segment.nodes, channels)
        else:
            new, channels = to_items(segment.nodes, after.style, channels)
            items += new
    labels = [written[key].line.label if isinstance(key, int) else key for key in lines]
    return (
        [
            syntax.Line(label, tuple(items), _NOWHERE)
            for label, items in zip(labels, lines.values(), strict=True)
        ],
        [key if isinstance(key, int) else None for key in lines],
    )


def _with_comments(
    old: Sequence[syntax.Line], lines: Sequence[syntax.Line], kept: Sequence[int | None]
) -> tuple[list[syntax.Line], tuple[str, ...]]:
    """Give lines the author's comments: a lost line's go to the next, and are returned if none is.

    Args:
        old: The author's lines.
        lines: The new lines.
        kept: Of each new line, which of the author's it was.
    """
    commented: list[syntax.Line] = []
    next_index = 0
    for line, index in zip(lines, kept, strict=True):
        if index is not None and index >= next_index:
            lost = _comments(old[next_index:index])
            comments = old[index].comments
            line = line._replace(comments=comments._replace(leading=(*lost, *comments.leading)))
            next_index = index + 1
        commented.append(line)
    return commented, tuple(_comments(old[next_index:]))


def _comments(lines: Sequence[syntax.Line]) -> list[str]:
    """The comments of lines, each as a line of its own."""
    comments: list[str] = []
    for line in lines:
        leading, trailing = line.comments
        comments += [*leading, *([trailing] if trailing else [])]
    return comments
