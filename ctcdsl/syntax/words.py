"""Every word of the language, in one table.

The checker resolves words here, messages suggest from here, and editors colour from
here. Words of the whole language are reserved from the first version on: those not
`available` yet are answered with "not yet" instead of "unknown".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Word(NamedTuple):
    """A reserved word: where it stands, whether it works today, and what it means."""

    kind: str
    available: bool
    summary: str


WORDS = MappingProxyType(
    {
        "net": Word("header", True, "names the network"),
        "input": Word("header", True, "channels x height x width of an image"),
        "classes": Word("header", True, "outputs of the classifier"),
        "pad": Word("header", True, "the padding rule: same, paper or valid"),
        "maps": Word("header", True, "feature-map sizes of stages 2, 3, …"),
        "style": Word("header", True, "norm and activation of every convolution"),
        "table": Word("header", True, "many networks, one a row"),
        "end": Word("header", True, "closes a table"),
        "let": Word("header", False, "a parameter"),
        "def": Word("header", False, "a block of the author's own"),
        "x": Word("operator", False, "repetition: xN"),
        "c": Word("operator", False, "the channels that enter a block"),
        "max": Word("layer", True, "max pooling: max(k, …)/s"),
        "avg": Word("layer", True, "average pooling: avg(k, …)/s"),
        "gap": Word("layer", True, "global average pooling"),
        "gmp": Word("layer", False, "global max pooling"),
        "spp": Word("layer", True, "spatial pyramid pooling: spp(6,3,2,1)"),
        "fc": Word("layer", True, "fully connected: fc(n), or fc for the classifier"),
        "drop": Word("layer", True, "dropout: drop(p)"),
        "lrn": Word("layer", True, "local response normalisation: lrn, lrn(size)"),
        "none": Word("layer", True, "an empty head"),
        "bn": Word("layer", False, "batch normalisation"),
        "ln": Word("layer", False, "layer normalisation"),
        "relu": Word("layer", False, "activation"),
        "relu6": Word("layer", False, "activation"),
        "gelu": Word("layer", False, "activation"),
        "silu": Word("layer", False, "activation"),
        "hswish": Word("layer", False, "activation"),
        "sigmoid": Word("layer", False, "activation"),
        "tanh": Word("layer", False, "activation"),
        "leaky": Word("layer", False, "activation"),
        "se": Word("layer", False, "squeeze and excitation: se(w)"),
        "scale": Word("layer", False, "a learned scale a channel"),
        "id": Word("layer", False, "identity"),
        "shuffle": Word("layer", False, "channel shuffle: shuffle(g)"),
        "dw": Word("tag", False, "depthwise"),
        "linear": Word("tag", False, "no activation"),
        "bare": Word("tag", False, "neither norm nor activation"),
        "bias": Word("tag", False, "with a bias"),
        "nobias": Word("tag", False, "without a bias"),
        "ceil": Word("tag", True, "a pool's map rounds up"),
        "same": Word("rule", True, "padding d(k-1)/2, none where k equals the stride"),
        "paper": Word("rule", True, "the padding of He & Sun 2015, Section 5"),
        "valid": Word("rule", True, "no padding"),
        "conv-relu": Word("style", True, "convolution, then ReLU"),
        "conv-bn-relu": Word("style", False, "convolution, batch norm, ReLU"),
        "conv-bn-relu6": Word("style", False, "convolution, batch norm, ReLU6"),
        "conv-bn-silu": Word("style", False, "convolution, batch norm, SiLU"),
        "bn-relu-conv": Word("style", False, "pre-activation"),
        "conv": Word("style", False, "convolution alone"),
    }
)


def words(kind: str) -> tuple[str, ...]:
    """The words of a kind that work today, in the table's order."""
    return tuple(w for w, entry in WORDS.items() if entry.kind == kind and entry.available)


def suggest(wrong: str, candidates: tuple[str, ...]) -> str | None:
    """The candidate that `wrong` was probably meant to be, or None."""
    from difflib import get_close_matches  # only a mistake pays for loading it

    by_lower = {candidate.lower(): candidate for candidate in candidates}
    close = get_close_matches(wrong.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None
