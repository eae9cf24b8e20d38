"""A page of the documentation whose tables are computed: written, or compared with `--check`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ctcdsl.storage.atomic import write_atomic


def write_or_check(page: Path, computed: Callable[[str], str], arguments: Sequence[str]) -> int:
    """Write a page, or with `--check` compare it; return the status to exit with.

    Args:
        page: The file.
        computed: Gives its text with new tables.
        arguments: Those of the command.
    """
    check = list(arguments) == ["--check"]
    if arguments and not check:
        print(f"usage: python {sys.argv[0]} [--check]", file=sys.stderr)
        return 2
    before = page.read_text(encoding="utf-8")
    after = computed(before)
    if before == after:
        return 0
    if check:
        print(f"docs/{page.name} is out of date: `make paper` writes it", file=sys.stderr)
        return 1
    write_atomic(str(page), after.encode())
    print(f"wrote docs/{page.name}")
    return 0
