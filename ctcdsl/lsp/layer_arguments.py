"""What each layer takes in its parentheses, from its declaration: amounts first, then tags."""

from __future__ import annotations

import re
from typing import NamedTuple, assert_never

from ctcdsl.layers import ACTIVATIONS, NORMS, WORDS
from ctcdsl.layers.arguments import (
    Declaration,
    Flag,
    Function,
    Integer,
    Integers,
    Real,
    is_required,
    shown,
)
from ctcdsl.layers.convolution import TAGS
from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES


class Amount(NamedTuple):
    """An argument that is a number: its name, and what it means."""

    name: str
    meaning: str


class Arguments(NamedTuple):
    """The arguments of a layer.

    Of `amounts` the first `required` must be given; with `many` the last may be repeated.
    `tags` are the words that follow, `letters` those of `TAG_PREFIXES` that take a number.
    """

    amounts: tuple[Amount, ...]
    required: int
    many: bool = False
    tags: tuple[str, ...] = ()
    letters: str = ""

    def is_tag(self, argument: str) -> bool:
        """Whether an argument is a tag, after which no amounts come."""
        numbered = re.match(rf"[{self.letters}][0-9(]", argument) if self.letters else None
        return argument.partition("(")[0] in self.tags or numbered is not None


_CONVOLUTION = Arguments(
    (
        Amount("k", "the side of the filters, or height x width: 1x7"),
        Amount("n", "the number of filters; dw: one for each channel"),
    ),
    required=2,
    tags=(*TAGS, *NORMS, *ACTIVATIONS),
    letters="".join(TAG_PREFIXES),
)
_POOLS = ("max", "avg")


def arguments_of(word: str) -> Arguments | None:
    """The arguments of a layer, "" for a convolution; None for a word that takes none."""
    if word == "":
        return _CONVOLUTION
    entry = WORDS.get(word) or TAGS.get(word)
    if entry is None or not entry.arguments:
        return None
    amounts = [a for declared in entry.arguments if (a := _amount(declared)) is not None]
    tags = dict.fromkeys(tag for declared in entry.arguments for tag in _tags(declared))
    return Arguments(
        tuple(amounts),
        required=sum(map(is_required, entry.arguments)),
        many=any(isinstance(declared, Integers) for declared in entry.arguments),
        tags=tuple(tags),
        letters="p" if word in _POOLS else "",
    )


def _amount(declared: Declaration) -> Amount | None:
    match declared:
        case Integer() | Real():
            left_out = "" if is_required(declared) else "; may be left out"
            if declared.default is not None:
                left_out = f"; {declared.default:g} where left out"
            return Amount(declared.name, f"{declared.noun}{left_out}")
        case Integers():
            return Amount(shown(declared), f"{declared.noun}: one or more")
        case Flag() | Function():
            return None
        case _:
            assert_never(declared)


def _tags(declared: Declaration) -> tuple[str, ...]:
    match declared:
        case Function():
            return (*(("linear",) if declared.optional else ()), *ACTIVATIONS)
        case Flag():
            return (declared.word,)
        case Integer() | Real() | Integers():
            return ()
        case _:
            assert_never(declared)


def tags_text(arguments: Arguments) -> str:
    """What the tags mean, a line each; activations and norms, which are many, in one."""
    lines = [f"`{letter}N`: {TAG_PREFIXES[letter]} N" for letter in arguments.letters]
    lines += [
        f"`{tag}`: {KEYWORDS[tag].summary}"
        for tag in arguments.tags
        if tag not in ACTIVATIONS and tag not in NORMS
    ]
    for noun, table in (("a norm", NORMS), ("an activation", ACTIVATIONS)):
        chosen = [f"`{tag}`" for tag in arguments.tags if tag in table]
        if chosen:
            lines.append(f"{noun}: {', '.join(chosen)}")
    return "  \n".join(lines)
