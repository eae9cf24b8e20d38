"""Numbers with the noun they count."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """`1 epoch`, `2 epochs`, `0 classes`, `1024 images`."""
    return f"{number} {noun if number == 1 else plural_of(noun)}"


def plural_of(noun: str) -> str:
    """`epochs`, `classes`, `branches`, `entries`; of several words the last one's plural."""
    if noun.endswith(("s", "x", "ch", "sh")) and not noun.endswith("epoch"):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
