"""Words that touch a bracket and change how its branches join."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import NamedTuple

from ctcdsl.elaborate.arguments import Arguments
from ctcdsl.elaborate.expressions import Scope
from ctcdsl.ir import Element, Join, out_channels, replace, report_shares
from ctcdsl.layers.base import MAX_WIDTH
from ctcdsl.layers.zero_pad import ZeroPad
from ctcdsl.syntax.nodes import Call, Group, Name
from ctcdsl.syntax.words import KEYWORDS, suggest
from ctcdsl.text import Fix, Hint, Span
from ctcdsl.text.sink import Diagnostics

EXAMPLES = {
    **{word: entry.example for word, entry in KEYWORDS.items() if entry.kind == "join"},
    "max": "max[ a | b ]",  # the word of a pool too
}
JOINS = {word: "{" if "{" in example else "[" for word, example in EXAMPLES.items()}
"""The bracket of each join: braces concatenate, brackets combine maps of one shape."""


CLOSES = {"{": "}", "[": "]"}


class Joining(NamedTuple):
    """How the branches of a group join; of a split the channels of each branch but the last."""

    join: Join
    share: int | None = None


def read_join(
    group: Group,
    channels: int | None,
    scope: Scope,
    diagnostics: Diagnostics,
    defs: Container[str] = (),
) -> Joining | None:
    """How a group's branches join; None, reported, where its word says nothing that can be.

    A split is checked against the `channels` that enter, where they are known; `defs` are names
    of layers, too.
    """
    if group.join is None:
        return Joining(Join.CONCAT if group.bracket == "{" else Join.ADD)
    word = group.join.text if isinstance(group.join, Name) else group.join.word
    if JOINS.get(word) != group.bracket:
        _report_join(group, defs, diagnostics)
        return None
    join = Join(word)
    if len(group.branches) < 2:
        diagnostics.error(
            "CTC309",
            f"`{word}` joins several branches, and here is one",
            group.span,
            hint=f"write another after a bar: `{word}{group.bracket} a | b"
            f" {CLOSES[group.bracket]}`; `id` is the input itself",
        )
        return None
    given = group.join.arguments if isinstance(group.join, Call) else ()
    named = group.join.named if isinstance(group.join, Call) else ()
    if named or len(given) > (join is Join.SPLIT):
        takes = (
            "one number, the share of each branch but the last"
            if join is Join.SPLIT
            else "no number"
        )
        diagnostics.error(
            "CTC102",
            f"`{word}` takes {takes}",
            group.join.span,
            hint=Hint(f"write `{EXAMPLES[word]}`", word),
        )
        return None
    share: int | None = None
    if given:
        noun = "the share of a branch"
        share = Arguments(diagnostics).integer(given[0], 1, MAX_WIDTH, noun, scope)
        if share is None:
            return None
    if join is Join.SPLIT and channels is not None:
        at = Span(group.span.source, group.join.span.start, group.span.end)
        if not report_shares(channels, len(group.branches), share, at, diagnostics):
            return None
    return Joining(join, share)


def _report_join(group: Group, defs: Container[str], diagnostics: Diagnostics) -> None:
    """Report a word that touches a bracket and is no join of it."""
    join, bracket = group.join, group.bracket
    assert join is not None
    word = join.text if isinstance(join, Name) else join.word
    span = Span(join.span.source, join.span.start, join.span.end + 1)
    text = join.span.text
    expected = JOINS.get(word)
    if expected is None:
        if word == "x":
            hint = "repetition is `x` and a number: `(3,64)x2`"
            diagnostics.error("CTC101", "`x` is reserved for repetition", span, hint=hint)
            return
        meant = suggest(word, tuple(JOINS)) if word not in KEYWORDS else None
        hint = f"did you mean `{meant}{JOINS[meant]}`? else put" if meant else "put"
        is_layer = word in KEYWORDS or word in defs
        diagnostics.error(
            "CTC118",
            f"`{text}` touches `{bracket}`, and is not a join",
            span,
            hint=Hint(
                f"{hint} a space between them: `{text} {bracket}`",
                *((_as_join(group, meant),) if meant else ()),
                *((f"{text} {bracket}",) if is_layer else ()),
            ),
        )
    else:
        noun = "braces" if expected == "{" else "square brackets"
        what = "concatenates" if expected == "{" else "combines maps of one shape"
        hint = Hint(f"write `{EXAMPLES[word]}`", _as_join(group, word))
        if word == "max":
            apart = (f"{text} {bracket}",) if isinstance(join, Call) else ()
            hint = Hint(f"{hint}; a pool has a space before `{bracket}`", *apart, *hint.changes)
        diagnostics.error("CTC118", f"`{word}` {what}: its branches are in {noun}", span, hint=hint)


def _as_join(group: Group, word: str) -> Fix:
    """The change to a join's word and brackets."""
    assert group.join is not None
    source, start, end = group.span.source, group.join.span.start, group.span.end
    inside = source.text[group.join.span.end + 1 : end - 1]
    opening = JOINS[word]
    return Fix(Span(source, start, end), f"{word}{opening}{inside}{CLOSES[opening]}")


def report_apart(primary: Name | Call, diagnostics: Diagnostics) -> None:
    """Report a join without its bracket."""
    word = primary.text if isinstance(primary, Name) else primary.word
    source, end = primary.span.source, primary.span.end
    gap = re.compile(rf"[ \t]+(?={re.escape(JOINS[word])})").match(source.text, end)
    touching = (Fix(Span(source, end, gap.end()), ""),) if gap else ()
    diagnostics.error(
        "CTC118",
        f"`{word}` joins branches, and touches their bracket",
        primary.span,
        hint=Hint(f"write `{EXAMPLES[word]}`", *touching),
    )


def with_shortcut_widths(
    branches: Sequence[Sequence[Element]], channels: int
) -> list[list[Element]]:
    """Branches that are added, each `zeropad` with the channels of the first branch without one."""
    chains = [list(branch) for branch in branches]
    others = (chain for chain in chains if not any(map(_takes_width, chain)))
    width = next((out_channels(chain, channels) for chain in others), None)
    return [
        [replace(e, channels=width) if _takes_width(e) else e for e in chain] for chain in chains
    ]


def _takes_width(element: Element) -> bool:
    return isinstance(element, ZeroPad) and element.channels is None
