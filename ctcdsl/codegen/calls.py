"""Calls of generated code in lines: the layout is that of `ruff format`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count, takewhile

from ctcdsl.ops.calls import Code

WIDTH = 88
"""The line length of ruff's and black's default style."""


def chain(calls: Sequence[Code], indent: int) -> Iterator[str]:
    """The lines between the brackets of `Chain(…)`: each call with its name.

    Three equal calls in a row, or four that count up, become one line, where their names
    are numbered.
    """
    at = 0
    while at < len(calls):
        if calls[at].copies:
            yield from _several(calls[at], indent)
            at += 1
            continue
        count, text = _run(calls[at:])
        line = f"{text},"
        if count > 1 and indent + len(line) <= WIDTH:
            yield from commented(line, calls[at + count - 1].note, indent)
        else:
            count = 1
            yield from format_call(calls[at], indent, ",", f"{calls[at].name}=")
        at += count


def format_call(call: Code, indent: int, end: str = "", start: str = "") -> list[str]:
    """Lines of a call: one, with its comment, where it fits; else its arguments apart.

    Args:
        call: The call.
        indent: Columns in front of its lines.
        end: The text after it.
        start: The text before it on its first line.
    """
    line = f"{start}{call}{end}"
    if indent + len(line) <= WIDTH:
        return commented(line, call.note, indent)
    body = f"    {', '.join(call.arguments)}"
    if indent + len(body) <= WIDTH:
        return [f"{start}{call.function}(", body, f"){end}"]
    return [
        f"{start}{call.function}(",
        *(f"    {argument}," for argument in call.arguments),
        f"){end}",
    ]


def commented(line: str, note: str, indent: int) -> list[str]:
    """A line with its comment where that fits too."""
    with_note = f"{line}  # {note}"
    return [with_note if note and indent + len(with_note) <= WIDTH else line]


def attribute(name: str, calls: Sequence[Code], *, indent: int = 8) -> list[str]:
    """Lines of `self.name = Chain(…)`: one where it fits and no comment is lost."""
    noted = sum(bool(call.note) for call in calls)
    line = f"self.{name} = Chain({', '.join(map(_entry, calls))})"
    if indent + len(line) <= WIDTH and (len(calls) == 1 or not noted):
        return commented(line, calls[0].note, indent)
    lines = (f"    {line}" for line in chain(calls, indent + 4))
    return [f"self.{name} = Chain(", *lines, ")"]


def signature(first: str, parameters: Sequence[str], result: str) -> list[str]:
    """Lines of a method's `def`: one where it fits, else its parameters apart."""
    line = f"{first}({', '.join(parameters)}) -> {result}:"
    if 4 + len(line) <= WIDTH:
        return [line]
    body = f"    {', '.join(parameters)}"
    if 4 + len(body) <= WIDTH:
        return [f"{first}(", body, f") -> {result}:"]
    return [f"{first}(", *(f"    {parameter}," for parameter in parameters), f") -> {result}:"]


def _run(calls: Sequence[Code]) -> tuple[int, str]:
    """How many calls from the first on are one line, and that line."""
    first = calls[0]
    word = first.name.rstrip("0123456789")
    start = first.name.removeprefix(word)
    if not start:
        return 1, ""
    names = (f"{word}{number}" for number in count(int(start)))
    numbered = [call for call, name in zip(calls, names, strict=False) if call.name == name]
    equal = len(list(takewhile(lambda call: call[:2] == first[:2], numbered)))
    index = _index(f"{first}")
    if equal >= 3:
        return equal, _comprehension(word, start, f"{int(start) + equal}", f"{first}", index)
    if equal > 1 or len(numbered) < 4:
        return 1, ""
    differing = _difference(first, numbered[1])
    if differing is None:
        return 1, ""
    at, step = differing
    length = 2
    while length < len(numbered) and _difference(*numbered[length - 1 : length + 1]) == differing:
        length += 1
    if length < 4 or step < 1:
        return 1, ""
    offset = int(first.arguments[at]) - step * int(start)
    product = index if step == 1 else f"{step} * {index}"
    sign = "-" if offset < 0 else "+"
    arguments = [*first.arguments]
    arguments[at] = f"{product} {sign} {abs(offset)}" if offset else product
    call = f"{Code(first.function, tuple(arguments))}"
    return length, _comprehension(word, start, f"{int(start) + length}", call, index)


def _index(text: str) -> str:
    """A name that a text has for nothing, but perhaps for a keyword."""
    index = "k"
    while re.search(rf"\b{index}\b(?!=)", text):
        index += "_"
    return index


def _entry(call: Code) -> str:
    """A call with its name, or as many as it has copies."""
    if not call.copies:
        return f"{call.name}={call}"
    word, start, end, index = _numbers(call)
    return _comprehension(word, start, end, f"{call}", index)


def _several(call: Code, indent: int) -> list[str]:
    """Lines of a call that has copies."""
    line = f"{_entry(call)},"
    if indent + len(line) <= WIDTH:
        return [line]
    word, start, end, index = _numbers(call)
    made = format_call(call, indent + 4, start=f'f"{word}{{{index}}}": ')
    names = f"for {index} in range({start}, {end})"
    return ["**{", *(f"    {line}" for line in (*made, names)), "},"]


def _numbers(call: Code) -> tuple[str, str, str, str]:
    """The word of a call's copies, the first number, what follows the last, and their index."""
    word = call.name.rstrip("0123456789")
    index = _index(f"{call} {call.copies}")
    return word, call.name.removeprefix(word), f"{call.copies} + 1", index


def _comprehension(word: str, start: str, end: str, call: str, index: str) -> str:
    names = f'f"{word}{{{index}}}"'
    return f"**{{{names}: {call} for {index} in range({start}, {end})}}"


def _difference(one: Code, other: Code) -> tuple[int, int] | None:
    """The one argument in which two calls differ, a number, and by how much."""
    if one.function != other.function or len(one.arguments) != len(other.arguments):
        return None
    differing = [
        (at, a, b)
        for at, (a, b) in enumerate(zip(one.arguments, other.arguments, strict=True))
        if a != b
    ]
    if len(differing) != 1 or not all(text.isdigit() for text in differing[0][1:]):
        return None
    at, a, b = differing[0]
    return at, int(b) - int(a)
