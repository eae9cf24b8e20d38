"""Styles: what goes with every convolution, `conv-bn-relu`."""

from __future__ import annotations

from ctcdsl.ir import Style
from ctcdsl.syntax.words import words


def read_style(text: str) -> Style | None:
    """Return the style that a name spells, or None.

    Beside those of the word table any norm and any activation make one: `conv-gelu`,
    `conv-ln-gelu`, `bn-silu-conv`.
    """
    parts = text.split("-")
    preactivation = len(parts) > 1 and parts[-1] == "conv"
    if preactivation:
        parts = [parts[-1], *parts[:-1]]
    if parts[0] != "conv":
        return None
    around = parts[1:]
    norm = around.pop(0) if around and around[0] in words("norm") else None
    activation = around.pop(0) if around and around[0] in words("activation") else None
    if around:
        return None
    return Style(norm, activation, preactivation)  # type: ignore[arg-type]  # checked above
