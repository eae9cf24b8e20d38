"""Every keyword of the language, in one table.

The checker resolves words by it, and messages, editor colours and completion come from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.text.fixes import Hint


class Keyword(NamedTuple):
    """A reserved word: what kind it is, what it means, and how it is written."""

    kind: str
    summary: str
    example: str = ""


KEYWORDS = MappingProxyType(
    {
        "net": Keyword("header", "names the network", "net ResNet50"),
        "input": Keyword("header", "channels x height x width of an image", "input 3x224x224"),
        "classes": Keyword("header", "outputs of the classifier", "classes 1000"),
        "style": Keyword(
            "header",
            "norm and activation of every convolution; brings `pad same`",
            "style conv-bn-relu",
        ),
        "pad": Keyword("header", "the padding rule: same, paper or valid", "pad paper"),
        "maps": Keyword("header", "feature-map sizes of stages 2, 3, …", "maps 36 18 6"),
        "let": Keyword("header", "a parameter", "let w = 96"),
        "def": Keyword("header", "a user-defined block", "def twice(n) = (3,n) (3,n)"),
        "table": Keyword("header", "many networks, one a row"),
        "end": Keyword("header", "closes a table"),
        "x": Keyword("operator", "repetition: xN", "(3,64)x4"),
        "c": Keyword("operator", "the input channels of a block or a layer", "(1,4c)"),
        "max": Keyword("layer", "max pooling: max(k, …)/s", "max(3,p0,ceil)/2"),
        "avg": Keyword("layer", "average pooling: avg(k, …)/s", "avg(2)/2"),
        "gap": Keyword("layer", "global average pooling"),
        "gmp": Keyword("layer", "global max pooling"),
        "spp": Keyword("layer", "spatial pyramid pooling", "spp(6,3,2,1)"),
        "fc": Keyword("layer", "fully connected: fc(n), or fc for the classifier", "fc(4096)"),
        "drop": Keyword("layer", "dropout", "drop(0.5)"),
        "lrn": Keyword("layer", "local response normalisation: lrn, lrn(size)", "lrn(5)"),
        "se": Keyword("layer", "squeeze and excitation through w channels", "se(c/4)"),
        "scale": Keyword("layer", "a learned scale for each channel"),
        "shuffle": Keyword("layer", "channel shuffle over g groups", "shuffle(3)"),
        "id": Keyword("layer", "identity"),
        "none": Keyword("layer", "an empty head", "head: none"),
        "bn": Keyword("norm", "batch normalisation"),
        "ln": Keyword("norm", "layer normalisation over the channels"),
        "relu": Keyword("activation", "max(x, 0)"),
        "relu6": Keyword("activation", "min(max(x, 0), 6)"),
        "gelu": Keyword("activation", "x times the Gaussian's distribution function"),
        "silu": Keyword("activation", "x times its sigmoid"),
        "hswish": Keyword("activation", "x relu6(x + 3) / 6"),
        "sigmoid": Keyword("activation", "1 / (1 + exp(-x))"),
        "tanh": Keyword("activation", "hyperbolic tangent"),
        "leaky": Keyword("activation", "x, or x / 100 below zero"),
        "dw": Keyword("tag", "depthwise: a filter for each channel", "(3,dw)"),
        "linear": Keyword("tag", "no activation", "(1,64,linear)"),
        "bare": Keyword("tag", "neither norm nor activation", "(7,64,bare)"),
        "bias": Keyword("tag", "with a bias", "(3,64,bias)"),
        "nobias": Keyword("tag", "without a bias", "(3,64,nobias)"),
        "ceil": Keyword("tag", "a pool's map rounds up", "max(3,ceil)/2"),
        "within": Keyword("tag", "lrn over a window of each channel's own map", "lrn(3,within)"),
        "same": Keyword("rule", "padding d(k-1)/2, none on a side where k equals the stride"),
        "paper": Keyword("rule", "the padding of He & Sun 2015, Section 5"),
        "valid": Keyword("rule", "no padding"),
        "conv-relu": Keyword("style", "convolution, then ReLU"),
        "conv-bn-relu": Keyword("style", "convolution, batch norm, ReLU"),
        "conv-bn-relu6": Keyword("style", "convolution, batch norm, ReLU6"),
        "conv-bn-silu": Keyword("style", "convolution, batch norm, SiLU"),
        "bn-relu-conv": Keyword("style", "pre-activation: batch norm, ReLU, convolution"),
        "conv": Keyword("style", "convolution alone"),
    }
)

TAG_PREFIXES = MappingProxyType({"p": "padding", "g": "groups", "d": "dilation"})
"""Letters that a number follows to make a tag: `p1`, `g32`, `d2`."""


def words(*kinds: str) -> tuple[str, ...]:
    """The words of some kinds, in the table's order."""
    return tuple(word for word, entry in KEYWORDS.items() if entry.kind in kinds)


_FUNCTIONS = frozenset(words("layer", "norm", "activation"))


def suggest(wrong: str, candidates: tuple[str, ...]) -> str | None:
    """The candidate that `wrong` was probably meant to be, or None.

    Letters that changed places (`gpa` for `gap`) come before letters that differ. The name of
    another function (`elu`, `softmax`) is never taken for a misspelling.
    """
    from ctcdsl.syntax.foreign.hints import is_foreign  # loaded only for an error

    foreign = is_foreign(wrong)
    scores = [
        (score, -index, candidate)
        for index, candidate in enumerate(candidates)
        if (score := closeness(wrong, candidate)) >= (2 if foreign else 0.6)
    ]
    return max(scores)[2] if scores else None


def did_you_mean(wrong: str, candidates: Iterable[str], otherwise: str = "") -> str:
    """The hint for an unknown name: the candidate that is probably meant, else `otherwise`."""
    meant = suggest(wrong, tuple(candidates))
    return Hint(f"did you mean `{meant}`?", meant) if meant else otherwise


def closeness(wrong: str, candidate: str) -> float:
    """How similar two words are, from 0 to 2: 1 for the same letters in other places.

    A function of the language is similar only to misspellings of it: a word with another first
    letter, another digit or several letters more is the name of another function.
    """
    from difflib import SequenceMatcher

    one, other = wrong.lower(), candidate.lower()
    if one == other:
        return 2
    ratio = SequenceMatcher(None, other, one).ratio()
    if sorted(one) == sorted(other):
        return 1 + ratio / 2
    if candidate in _FUNCTIONS:
        digits = [[c for c in word if c.isdigit()] for word in (one, other)]
        extra = abs(len(one) - len(other))
        same_start = one[:1] == other[:1] or (len(other) > 4 and one == other[1:])
        if not same_start or digits[0] != digits[1] or extra > (1 if len(other) < 4 else 2):
            return 0
    return ratio
