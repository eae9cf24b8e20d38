"""What arguments a layer takes, as declarations: reading, printing and help follow from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.text import Hint, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctcdsl.layers.activations import Activation
    from ctcdsl.layers.style import Style


class Integer(NamedTuple):
    """A whole number from `low` to `high`; one with a `default` may be left out.

    So may an `optional` one: then the network's constants decide.
    """

    name: str
    low: int
    high: int
    noun: str
    default: int | None = None
    optional: bool = False


class Real(NamedTuple):
    """A number from `low` to `high`, or less than `high`; one with a `default` may be left out.

    So may an `optional` one: then the network's constants decide.
    """

    name: str
    low: float
    high: float
    noun: str
    default: float | None = None
    less: bool = False
    optional: bool = False


class Integers(NamedTuple):
    """One whole number or more, from `low` to `high`: a tuple."""

    name: str
    low: int
    high: int
    noun: str


class Flag(NamedTuple):
    """A word that sets a field to `value`: what it means, and how it is written."""

    name: str
    word: str
    summary: str
    example: str
    value: bool = True


class Function(NamedTuple):
    """The word of an activation; without one the network's style decides.

    With `optional` the word `linear` stands for none.
    """

    name: str
    noun: str
    default: Callable[[Style], Activation | None]
    optional: bool = False


Number = Integer | Real | Integers
Declaration = Integer | Real | Integers | Flag | Function


def numbers(arguments: tuple[Declaration, ...]) -> tuple[Number, ...]:
    """The declarations of numbers, which come first."""
    return tuple(a for a in arguments if isinstance(a, Number))


def is_required(argument: Declaration) -> bool:
    """Whether an argument must be given."""
    match argument:
        case Integer() | Real():
            return argument.default is None and not argument.optional
        case Integers():
            return True
        case Flag() | Function():
            return False


def odd(size: int, origin: Origin) -> Hint:
    """The hint to use an odd size, with the sizes next to it where it is the first number."""
    number = re.compile(rf"(?<=\(){size}(?!\w)")
    changes = (number.sub(str(n), origin.text) for n in (size - 1, size + 1))
    return Hint("use an odd size", *(text for text in changes if text != origin.text))


def shown(argument: Declaration) -> str:
    """How an argument is shown where a layer is described: `p`, `n, …`, `within`."""
    match argument:
        case Integers(name=name):
            return f"{name}, …"
        case Flag(word=word):
            return word
        case _:
            return argument.name
