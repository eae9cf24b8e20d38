"""Calls of PyTorch modules as data: `nn.Conv2d(3, 64, kernel_size=7)`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from ctcdsl.ops.shapes import Pair, Shape


class Role(Enum):
    """What a number of a call means: only like numbers are expressed by each other."""

    CHANNELS = auto()
    KERNEL = auto()
    STRIDE = auto()
    DILATION = auto()
    GROUPS = auto()
    PADDING = auto()


class Number(NamedTuple):
    """A number that may differ where the same code stands for another layer."""

    value: int
    role: Role


class Argument(NamedTuple):
    """An argument; one that equals its default is left out."""

    value: Number | tuple[Number, Number] | str
    keyword: str = ""
    default: str | None = None

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers in it."""
        if isinstance(self.value, Number):
            return (self.value,)
        return () if isinstance(self.value, str) else self.value


class Call(NamedTuple):
    """A call, its output's shape as a comment, and the name of its result in a chain.

    With `copies` it is made so often in a row, with names that count up from its own.
    """

    function: str
    arguments: tuple[Argument, ...] = ()
    note: str = ""
    name: str = ""
    copies: int = 0

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers in its arguments."""
        return tuple(number for argument in self.arguments for number in argument.numbers)

    @property
    def form(self) -> tuple[object, ...]:
        """The call without its numbers: equal for calls that differ in numbers alone."""
        return (
            self.name,
            self.function,
            self.copies > 0,
            *(
                (a.keyword, a.value if isinstance(a.value, str) else len(a.numbers))
                for a in self.arguments
            ),
        )

    def render(self, numbers: Iterable[str] | None = None) -> Code:
        """The call as text, with other texts for its numbers where they are given.

        One text more is that of its copies.
        """
        texts = iter(numbers) if numbers is not None else (str(n.value) for n in self.numbers)
        arguments: list[str] = []
        for argument in self.arguments:
            match argument.value:
                case str(text):
                    pass
                case Number():
                    text = next(texts)
                case _:
                    text = f"({next(texts)}, {next(texts)})"
            if text != argument.default:
                arguments.append(f"{argument.keyword}={text}" if argument.keyword else text)
        return Code(self.function, tuple(arguments), self.note, self.name, next(texts, ""))

    def unfolded(self) -> list[Call]:
        """Its copies, each with its name."""
        word = self.name.rstrip("0123456789")
        start = int(self.name.removeprefix(word))
        return [
            self._replace(name=f"{word}{start + k}", copies=0) for k in range(max(self.copies, 1))
        ]


class Code(NamedTuple):
    """A call as text; `copies` is how often it is made where that is an expression."""

    function: str
    arguments: tuple[str, ...]
    note: str = ""
    name: str = ""
    copies: str = ""

    def __str__(self) -> str:
        return f"{self.function}({', '.join(self.arguments)})"


def number(value: int, role: Role) -> Argument:
    """A positional number."""
    return Argument(Number(value, role))


def channels(value: int) -> Argument:
    """A positional number of channels or features."""
    return Argument(Number(value, Role.CHANNELS))


def option(keyword: str, value: int, role: Role, default: int | None = None) -> Argument:
    """A number with its keyword."""
    return Argument(Number(value, role), keyword, None if default is None else str(default))


def sides(keyword: str, values: Pair, role: Role, default: str | None = None) -> Argument:
    """A number for height and width, or both where they differ."""
    height, width = values
    if height == width:
        return Argument(Number(height, role), keyword, default)
    return Argument((Number(height, role), Number(width, role)), keyword, default)


def shown(value: float) -> str:
    """A constant as Python writes it: `0.1`, `1e-5`."""
    return repr(float(value)).replace("e-0", "e-")


def map_note(shape: Shape) -> str:
    """A map's shape as a comment: `64 x 56 x 56`."""
    return f"{shape.channels} x {shape.height} x {shape.width}"
