"""Rows of the notation in lines that fit, broken where a reader would."""

from __future__ import annotations

import re
from textwrap import wrap


def wrap_row(text: str, width: int) -> list[str]:
    """A row in lines: broken between blocks, else between the branches of a block."""
    lines = [""]
    for item in _split(text, r" "):
        if len(lines[-1]) + 1 + len(item) <= width:
            lines[-1] = f"{lines[-1]} {item}".lstrip()
        else:
            lines += _block(item, width)
    return [line for line in lines if line]


def _block(text: str, width: int) -> list[str]:
    """One block, its branches aligned after the bracket."""
    if len(text) <= width:
        return [text]
    opening, inside = text[:2], text[2:]
    lines = [opening.rstrip()]
    for index, branch in enumerate(_split(inside, r" (?=\| )")):
        if len(lines[-1]) + 1 + len(branch) <= width:
            lines[-1] = f"{lines[-1]} {branch}"
        elif index == 0:
            first, *more = wrap(branch, width - 2)
            lines = [f"{opening}{first}", *(f"  {line}" for line in more)]
        else:
            lines += [f"  {line}" for line in wrap(branch, width - 2)]
    return lines


def _split(text: str, separator: str) -> list[str]:
    """Split a text outside of all its brackets."""
    parts: list[str] = []
    depth = start = 0
    for match in re.finditer(rf"[{{\[]|[}}\]]|{separator}", text):
        if match.group() in ("{", "["):
            depth += 1
        elif match.group() in ("}", "]"):
            depth -= 1
        elif depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]
