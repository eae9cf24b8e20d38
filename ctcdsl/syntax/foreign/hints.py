"""What to do about a word or a tag of other tools and papers."""

from __future__ import annotations

import re
from functools import lru_cache

from ctcdsl.syntax.foreign.vocabulary import AMOUNTS, HEADERS, MEANT, REASONS, plain
from ctcdsl.syntax.words import closeness, suggest, words
from ctcdsl.text.fixes import Hint, write

ARROW = "layers follow one another by a space: leave the arrow out"
"""What to do about `->`, `=>`, `→` and others between layers."""


def is_foreign(word: str) -> bool:
    """Whether a word is one that people use for something, in other tools or papers."""
    key = plain(word)
    return key in MEANT or key in REASONS or _of_size(key) is not None


def header_meant(word: str) -> str | None:
    """The header that a word at the start of a line stands for."""
    return HEADERS.get(plain(word)) or suggest(word, words("header"))


@lru_cache(maxsize=256)
def hint(word: str, known: tuple[str, ...]) -> str:
    """What to do about an unknown word; empty where nothing is near it.

    Args:
        word: What the author wrote.
        known: The words that could stand there.
    """
    key = plain(word)
    if is_foreign(word):
        return _advice(key)
    if stride := re.fullmatch(r"(?:s|stride)([0-9]+)(?:x[0-9]+)?", key):
        return f"a stride follows its layer: `/{stride[1]}`"
    if AMOUNTS.get(key) == "/":
        return "a stride follows its layer: `(3,64)/2`"
    own = suggest(word, known)
    others = (
        other
        for other in (*MEANT, *REASONS)
        if len(other) > 3 and other[0] == key[:1] and _digits(other) == _digits(key)
    )
    near, other = max(((closeness(key, other), other) for other in others), default=(0.0, ""))
    alike = closeness(word, own) if own else 0
    if near > max(0.7, alike) and alike < 0.8:
        advice = _advice(other)
        changes = advice.changes if isinstance(advice, Hint) else ()
        return Hint(f"if `{other}` is meant: {advice}", *changes)
    return Hint(f"did you mean `{own}`?", own) if own else ""


def _digits(word: str) -> str:
    return "".join(filter(str.isdigit, word))


def tag_hint(word: str, options: tuple[str, ...]) -> str:
    """What to do about a word that is no tag, such as `pad1` or `batchnorm`; may be empty."""
    amount = amount_hint(word)
    if amount and not is_foreign(word):
        return amount
    meant = MEANT.get(plain(word))
    if meant is not None and meant not in options:
        return f"that is a layer of its own: write `{meant}` behind this one"
    return hint(word, options)


def amount_hint(word: str) -> str:
    """What to write for a name and its number in one: `pad1`, `k3`; empty where unknown."""
    parts = re.fullmatch(r"([A-Za-z_]+?)_?([0-9]+)", word)
    return named_argument(parts[1], parts[2]) if parts is not None else ""


def named_argument(name: str, value: str) -> str:
    """What to write for `padding=1`, `bias=False` or `p1`-like words; empty where unknown."""
    key, value = plain(name), value.lower()
    letter = AMOUNTS.get(key, "")
    off, on = value in ("false", "none", "no"), value in ("true", "yes")
    if key in ("bias", "usebias") and (off or on):
        return write("nobias" if off else "bias")
    if letter == "p" and value in ("same", "valid", "paper"):
        return f"write `pad {value}` above the layers"
    if letter == "/" and value.isdecimal():
        return f"a stride follows the layer: `(3,64)/{value}`"
    if letter == "(":
        return "the filter size comes first, then the number of filters: `(3,64)`"
    if letter and value.isdecimal():
        return write(f"{letter}{value}")
    if key in ("activation", "act", "nonlinearity", "norm", "normalization", "normlayer"):
        meant = MEANT.get(plain(value), value)
        if off:
            return "write `linear` for no activation, `bare` for neither norm nor activation"
        known = words("activation", "norm")
        return write(meant) if meant in known else hint(value, known)
    return ""


def _advice(key: str) -> str:
    size = _of_size(key)
    if size is not None:
        return write(f"({size},64)")
    return write(MEANT[key]) if key in MEANT else REASONS[key]


def _of_size(key: str) -> str | None:
    """The filter size in `conv3` or `conv1x7`."""
    found = re.fullmatch(r"conv([0-9]+)(?:x([0-9]+))?", key)
    if found is None:
        return None
    high, wide = found.groups()
    return high if wide in (None, high) else f"{high}x{wide}"
