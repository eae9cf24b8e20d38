"""Calls of generated code in lines: the layout is that of `ruff format`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ctcdsl.ops.calls import Code

WIDTH = 88
"""The line length of ruff's and black's default style."""


def sequence(calls: Sequence[Code], defined_classes: frozenset[str], indent: int) -> Iterator[str]:
    """The lines between the brackets of `nn.Sequential(…)`.

    Three equal calls in a row, or four that count up, become one line, where they make
    one of the module's `defined_classes`.
    """
    at = 0
    while at < len(calls):
        call = calls[at]
        count, text = 1, f"{call}"
        if call.function in defined_classes:
            count, text = _run(calls[at:])
        line = f"{text},"
        if count > 1 and indent + len(line) <= WIDTH:
            yield from commented(line, calls[at + count - 1].note, indent)
        else:
            count = 1
            yield from format_call(call, indent, ",")
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


def attribute(
    name: str,
    calls: Sequence[Code],
    defined_classes: frozenset[str],
    *,
    indent: int = 8,
    lone: bool = False,
) -> list[str]:
    """Lines of `self.name = …`: a chain, or one of the module's `defined_classes` alone.

    With `lone` PyTorch's modules stand alone too.
    """
    if len(calls) == 1 and (lone or calls[0].function in defined_classes):
        return format_call(calls[0], indent, start=f"self.{name} = ")
    lines = (f"    {line}" for line in sequence(calls, defined_classes, indent + 4))
    return [f"self.{name} = nn.Sequential(", *lines, ")"]


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
    equal = 1
    while equal < len(calls) and calls[equal][:2] == first[:2]:
        equal += 1
    if equal >= 3:
        return equal, f"*({first} for _ in range({equal}))"
    if equal > 1 or len(calls) < 4:
        return 1, ""
    differing = _difference(first, calls[1])
    if differing is None:
        return 1, ""
    at, step = differing
    count = 2
    while count < len(calls) and _difference(calls[count - 1], calls[count]) == differing:
        count += 1
    if count < 4 or step < 1:
        return 1, ""
    start = int(first.arguments[at])
    arguments = [*first.arguments]
    arguments[at] = "channels"
    call = Code(first.function, tuple(arguments))
    return count, f"*({call} for channels in range({start}, {start + count * step}, {step}))"


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
