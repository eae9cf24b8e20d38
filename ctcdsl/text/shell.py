"""Commands that messages advise: they work when they are pasted into a shell."""

from __future__ import annotations

from pathlib import Path


def command(*words: str | Path) -> str:
    """`ctcdsl` with these words, quoted; a path that begins with `-` does not become an option."""
    from shlex import join

    return join(["ctcdsl", *map(_word, words)])


def shown(path: Path) -> str:
    """A path as it may be pasted into a command."""
    from shlex import quote

    return quote(_word(path))


def _word(word: str | Path) -> str:
    text = str(word)
    return f"./{text}" if isinstance(word, Path) and text.startswith("-") else text
