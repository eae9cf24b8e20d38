"""`-D`: what a `let` has instead, of all that a `let` takes."""

from __future__ import annotations

from collections.abc import Mapping

from ctcdsl.syntax.nodes import Argument, File, Let
from ctcdsl.syntax.parser import parse
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import Source, error


def pinned(tree: File, pins: Mapping[str, str | float]) -> File:
    """A tree whose `let`s of some names have other values: `{"w": "32|64", "block": "basic"}`.

    Raises:
        UserError: CTC111 there is no such `let`; CTC727 a text is no value.
    """
    values = {name: value_of(name, text) for name, text in pins.items()}
    known = [s.name.text for s in tree.statements if isinstance(s, Let)]
    for name in values:
        if name not in known:
            hint = did_you_mean(name, known, f"it has {', '.join(known) or 'none'}")
            path = tree.span.source.name
            raise error("CTC111", f"the spec has no `let {name}`", path=path, hint=hint)
    if not values:
        return tree
    statements = tuple(
        s._replace(value=values[s.name.text]) if isinstance(s, Let) and s.name.text in values else s
        for s in tree.statements
    )
    return tree._replace(statements=statements)


def value_of(name: str, text: str | float) -> Argument:
    """What `let NAME = TEXT` has.

    Raises:
        UserError: CTC727 where that is no `let`.
    """
    written = f"{text:.15g}" if isinstance(text, float) else str(text)
    tree, errors = parse(Source(f"-D {name}", f"let {name} = {written}"))
    match tree.statements:
        case (Let(value=value),) if not errors and "#" not in written and "\n" not in written:
            return value
    raise error(
        "CTC727",
        f"{written!r} is not what a `let` has",
        path=f"-D {name}",
        hint=f"a number, a name, several with bars, or a range: `-D '{name}=32|64'`",
    )
