"""TOML, and the places of keys and values, which the parser of the standard library hides."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from ctcdsl.text import Source, Span, UserError, error, reason

Place = Callable[[int, int], Span]
"""What gives the characters `start` up to `end` of a text their place."""

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_budget(path: str) -> Source:
    """The text of a budget; CTC005 where it cannot be read, CTC007 where it is not UTF-8."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            return Source(path, file.read())
    except OSError as cause:
        hint = 'name a TOML file with lines such as `macs = "<=60M"`'
        message = f"cannot read the budget: {reason(cause)}"
        raise error("CTC005", message, path=path, hint=hint) from cause
    except UnicodeDecodeError as cause:
        raise error("CTC007", "the budget is not UTF-8", path=path) from cause


def to_toml(values: Mapping[str, object]) -> str:
    """A dict as TOML, one key a line, for messages to show."""
    return "".join(f"{key} = {_written(value)}\n" for key, value in values.items())


def _written(value: object) -> str:
    if isinstance(value, int | float):
        return str(value).lower()
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def parse_toml(source: Source) -> dict[str, Any]:
    """The keys and values of a TOML text.

    Raises:
        UserError: CTC712 where it is not TOML.
    """
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as cause:
        raise _invalid(source, str(cause)) from cause


def _invalid(source: Source, message: str) -> UserError:
    match = _PLACE.search(message)
    offset = len(source.text.rstrip())
    if match is not None:
        message = message[: match.start()]
        if match[1] is not None:
            offset = source.line_offset(int(match[1])) + int(match[2]) - 1
    at = Span(source, min(offset, len(source.text)), min(offset + 1, len(source.text)))
    return error(
        "CTC712",
        f"the budget is not TOML: {message[:1].lower()}{message[1:]}",
        at=at,
        hint='a budget has lines such as `macs = "<=60M"`',
    )


def key_span(source: Source, key: str) -> Span:
    """The place of a key, or of the first line where it is written in another way."""
    match = re.search(
        rf"^[ \t]*\[?[ \t]*([\"']?){re.escape(key)}\1(?![\w-])", source.text, re.MULTILINE
    )
    if match is None:
        return Span(source, 0, len(source.lines[0]))
    start = match.end() - len(key) - len(match[1])
    return Span(source, start, start + len(key))


def value_places(source: Source, key: str, value: str) -> Place:
    """What gives the characters of a value their place; all of them that of the key if escaped."""
    span = key_span(source, key)
    end = source.text.find("\n", span.end)
    line = source.text[span.end : end if end >= 0 else len(source.text)]
    at = line.find(value, line.find("=") + 1)
    if at < 0:
        return lambda start, end: span
    base = span.end + at
    return lambda start, end: Span(source, base + start, base + end)


def within(span: Span) -> Place:
    """The places in a span of its own characters."""
    return lambda start, end: span._replace(start=span.start + start, end=span.start + end)
