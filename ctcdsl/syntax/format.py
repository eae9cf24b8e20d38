"""Syntax tree to canonical text: `ctcdsl fmt`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ctcdsl.syntax import nodes as n

WIDTH = 100
"""A line of layers longer than this is continued with a backslash."""


def format_file(tree: n.File, *, unicode: bool = False) -> str:
    """Return the canonical text of a file: parsing it gives `tree` again.

    Args:
        tree: The syntax tree.
        unicode: Write `×` instead of `x` for repetition.
    """
    times = "×" if unicode else "x"
    lines: list[str] = []
    for _, run in groupby(tree.statements, key=type):
        statements = list(run)
        width = _label_width(statements)
        for statement in statements:
            match statement:
                case n.Header():
                    values = " ".join(_value(value) for value in statement.values)
                    text = [_behind(f"{statement.word} {values}", statement.trivia)]
                case n.Line():
                    text = _wrap(_label(statement, width), format_items(statement.items, times))
                    text[-1] = _behind(text[-1], statement.trivia)
                case n.Table():
                    text = _table(statement, times)
            lines += [*_above(statement.trivia), *text]
    lines += tree.below
    return "".join(f"{line}\n" for line in lines)


def format_items(items: Iterable[n.Item], times: str = "x") -> list[str]:
    """Return the texts of items; those the author joined by `+` are one text."""
    texts: list[str] = []
    for item in items:
        text = _item(item, times)
        if item.joined and texts:
            texts[-1] += f"+{text}"
        else:
            texts.append(text)
    return texts


def _above(trivia: n.Trivia, indent: str = "") -> list[str]:
    return [f"{indent}{comment}" if comment else "" for comment in trivia.above]


def _behind(line: str, trivia: n.Trivia) -> str:
    return f"{line}  {trivia.behind}" if trivia.behind else line


def _label_width(statements: Sequence[n.Statement]) -> int:
    """The column at which the layers of neighbouring lines begin."""
    labels = [s.label for s in statements if isinstance(s, n.Line) and s.label]
    return max((len(label) + 2 for label in labels), default=0)


def _label(line: n.Line, width: int) -> str:
    return f"{line.label}:".ljust(width) if line.label else " " * width


def _wrap(label: str, texts: list[str]) -> list[str]:
    lines: list[str] = []
    current = label
    empty = True
    for text in texts:
        if not empty and len(current) + 1 + len(text) + 2 > WIDTH:
            lines.append(f"{current} \\")
            current, empty = " " * len(label), True
        current += text if empty else f" {text}"
        empty = False
    return [*lines, current]


def _table(table: n.Table, times: str) -> list[str]:
    grid = [[_cell(cell, times) for cell in row.cells] for row in table.rows]
    columns = max(len(row) for row in grid)
    widths = [max(len(row[k]) for row in grid if k < len(row)) for k in range(columns)]
    lines = [_behind("table", table.trivia)]
    for row, texts in zip(table.rows, grid, strict=True):
        padded = [text.ljust(width) for text, width in zip(texts, widths, strict=False)]
        line = "  " + " | ".join(padded).rstrip()
        lines += [*_above(row.trivia, "  "), _behind(line, row.trivia)]
    return [*lines, *_above(table.end, "  "), _behind("end", table.end)]


def _cell(cell: n.Cell, times: str) -> str:
    return "--" if cell.rule else " ".join(format_items(cell.items, times))


def _item(item: n.Item, times: str) -> str:
    text = _primary(item.primary, times)
    for postfix in item.postfixes:
        if isinstance(postfix, n.Stride):
            text += f"/{postfix.value}"
        else:
            count = postfix.amount
            amount = str(count) if isinstance(count, int) else f"({_argument(count)})"
            # Behind a word `x4` would be read as a part of it.
            space = " " if isinstance(item.primary, n.Name) and text[-1:].isalnum() else ""
            text += f"{space}{times}{amount}"
    return text


def _primary(primary: n.Primary, times: str) -> str:
    match primary:
        case n.Convolution(arguments):
            return f"({_arguments(arguments)})"
        case n.Call(word, arguments):
            return f"{word}({_arguments(arguments)})"
        case n.Group(bracket, branches):
            inner = " | ".join(_branch(branch, times) for branch in branches)
            return f"{{ {inner} }}" if bracket == "{" else f"[ {inner} ]"
        case n.Name(text):
            return text
        case n.Number(value):
            return str(value)


def _branch(branch: n.Branch, times: str) -> str:
    return " ".join(format_items(branch.items, times)) + ("?" if branch.optional else "")


def _arguments(arguments: tuple[n.Argument, ...]) -> str:
    return ",".join(_argument(argument) for argument in arguments)


def _argument(argument: n.Argument) -> str:
    match argument:
        case n.Number(value):
            return str(value)
        case n.Name(text):
            return text
        case n.Size(sides):
            return "x".join(map(str, sides))
        case n.Expression(tokens):
            return "".join(tokens)


def _value(value: n.Name | n.Size) -> str:
    return value.text if isinstance(value, n.Name) else "x".join(map(str, value.sides))
