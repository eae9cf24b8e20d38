"""Reading specs, with errors that help."""

from __future__ import annotations

import sys

from ctcdsl.text.diagnostic import UserError, error, reason
from ctcdsl.text.source import Source

STDIN = "-"


def read_source(path: str) -> Source:
    """Read a spec; `-` is standard input. A BOM is dropped.

    Raises:
        UserError: CTC005 where the file cannot be read, CTC007 where it is not text.
    """
    name = "<stdin>" if path == STDIN else path
    try:
        data = sys.stdin.buffer.read() if path == STDIN else _read(path)
    except OSError as cause:
        raise _read_error(cause, name) from cause
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = data.count(b"\n", 0, cause.start) + 1
        raise error(
            "CTC007",
            f"the text is not UTF-8: byte 0x{data[cause.start]:02x} in line {line}",
            path=name,
            hint="save it as UTF-8, or write ASCII `x` for `×`",
        ) from cause
    return Source(name, text)


ROW_HINT = "write a row to a file or to standard input, `-`; in Python `ctcdsl.loads` takes it"


def looks_like_row(name: str) -> bool:
    """Whether what should be a file's name is a row of layers instead."""
    return "(" in name and ")" in name


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _read_error(cause: OSError, name: str) -> UserError:
    hint = ""
    if isinstance(cause, IsADirectoryError):
        hint = f"name the specs in it: `{name.rstrip('/')}/*.ctc`"
    elif looks_like_row(name):
        hint = ROW_HINT
    elif isinstance(cause, FileNotFoundError) and not name.endswith(".ctc"):
        hint = "specs end in .ctc; `-` reads standard input"
    return error("CTC005", f"cannot read the spec: {reason(cause)}", path=name, hint=hint)
