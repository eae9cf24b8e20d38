"""Names of layers in their places: `stage2.conv1`, `conv2_x.block1.conv3`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from ctcdsl.ir.blocks import Block, Element


def names(prefix: str, elements: Sequence[Element], *, written_out: bool = False) -> list[str]:
    """A name for each node of a chain: `stage2.conv1`, numbered where several are alike.

    Blocks have the names of their `def`s, unless the text has them `written_out`.
    """
    words = tuple("block" if written_out and isinstance(e, Block) else _word(e) for e in elements)
    return list(_numbered(prefix, words))


@lru_cache(maxsize=4096)
def _numbered(prefix: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Names made of words; cached, since rewrites infer chains of the same words again."""
    totals = Counter(words)
    counts: Counter[str] = Counter()
    result: list[str] = []
    for name in words:
        counts[name] += 1
        number = str(counts[name]) if totals[name] > 1 else ""
        result.append(f"{prefix}.{name}{number}")
    return tuple(result)


def _word(element: Element) -> str:
    if isinstance(element, Block):
        return element.call.name if element.call else "block"
    return element.keyword
