"""Every keyword of the language: those of the grammar, and those of the table of layers.

The checker resolves words by it, and messages, editor colours and completion come from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.layers import WORDS
from ctcdsl.layers.arguments import Flag
from ctcdsl.layers.convolution import TAGS
from ctcdsl.text.fixes import Hint


class Keyword(NamedTuple):
    """A reserved word: what kind it is, what it means, and how it is written."""

    kind: str
    summary: str
    example: str = ""


_HEADERS = {
    "net": ("names the network", "net ResNet50"),
    "input": ("channels x height x width of an image", "input 3x224x224"),
    "classes": ("outputs of the classifier", "classes 1000"),
    "style": ("norm and activation of every convolution; brings `pad same`", "style conv-bn-relu"),
    "pad": ("the padding rule: same, paper or valid", "pad paper"),
    "maps": ("feature-map sizes of stages 2, 3, …", "maps 36 18 6"),
    "norm": (
        "constants of the norms: eps, momentum (PyTorch's), groups; wseps, the eps of `ws`",
        "norm eps=0.001 momentum=0.01",
    ),
    "act": ("a constant of the activations: slope of leaky", "act slope=0.1"),
    "recompute": (
        "stages and layers whose maps training computes again instead of keeping",
        "recompute conv2_x conv3_x.block1..block3",
    ),
    "let": ("a parameter", "let w = 96"),
    "where": ("what must hold for the networks of a space", "where k != 2 or d%2 == 0"),
    "def": ("a user-defined block", "def twice(n) = (3,n) (3,n)"),
    "table": ("many networks, one a row", ""),
    "end": ("closes a table", ""),
}
_OPERATORS = {
    "x": ("repetition: xN", "(3,64)x4"),
    "c": ("the input channels of a block or a layer", "(1,4c)"),
    "by": ("the step of a range", "let w = 16..512 by 16"),
    "and": ("both conditions", "where k > 2 and d < 5"),
    "or": ("one condition at least", "where k != 2 or d%2 == 0"),
}
_FUNCTIONS_OF_NUMBERS = {
    "round8": (
        "to the nearest multiple of 8, never below 90 % of the number",
        "(1,round8(w*c))",
    ),
}
_JOINS = {
    "split": ("deals the channels out to the branches", "split{ id | (3,c) }"),
    "mul": ("multiplies the branches", "mul[ (3,64) | (3,64,sigmoid) ]"),
}
_RULES = {
    "same": "padding d(k-1)/2, none on a side where k equals the stride",
    "paper": "the padding of He & Sun 2015, Section 5",
    "valid": "no padding",
    "tf": "TensorFlow's `same`: by the map and the stride, an odd pixel below and on the right",
}
_STYLES = {
    "conv-relu": "convolution, then ReLU",
    "conv-bn-relu": "convolution, batch norm, ReLU",
    "conv-bn-relu6": "convolution, batch norm, ReLU6",
    "conv-bn-silu": "convolution, batch norm, SiLU",
    "bn-relu-conv": "pre-activation: batch norm, ReLU, convolution",
    "wsconv": "standardised convolution alone",
    "wsconv-gn-relu": "standardised convolution, group norm, ReLU",
    "gn-relu-wsconv": "pre-activation: group norm, ReLU, standardised convolution",
    "conv": "convolution alone",
}


def _keywords() -> Iterator[tuple[str, Keyword]]:
    """Every word: what the grammar has of its own, and those of the layers' table."""
    for word, (summary, example) in _HEADERS.items():
        yield word, Keyword("header", summary, example)
    for word, (summary, example) in _OPERATORS.items():
        yield word, Keyword("operator", summary, example)
    for word, (summary, example) in _FUNCTIONS_OF_NUMBERS.items():
        yield word, Keyword("function", summary, example)
    for word, (summary, example) in _JOINS.items():
        yield word, Keyword("join", summary, example)
    for group in ("layer", "norm", "activation"):
        for entry in WORDS.values():
            if entry.group == group:
                yield entry.word, Keyword(group, entry.summary, entry.example)
        if group == "layer":
            yield "none", Keyword("layer", "an empty head", "head: none")
    yield "dw", Keyword("tag", "depthwise: a filter for each channel", "(3,dw)")
    for word, tag in TAGS.items():
        yield word, Keyword("tag", tag.summary, tag.example)
    for entry in WORDS.values():
        for argument in entry.arguments:
            if isinstance(argument, Flag):
                yield argument.word, Keyword("tag", argument.summary, argument.example)
    for word, summary in _RULES.items():
        yield word, Keyword("rule", summary)
    for word, summary in _STYLES.items():
        yield word, Keyword("style", summary)


KEYWORDS = MappingProxyType(dict(_keywords()))

TAG_PREFIXES = MappingProxyType({"p": "padding", "g": "groups", "d": "dilation"})
"""Letters that a number follows to make a tag: `p1`, `g32`, `d2`."""


@cache
def words(*kinds: str) -> tuple[str, ...]:
    """The words of some kinds, in the table's order."""
    return tuple(word for word, entry in KEYWORDS.items() if entry.kind in kinds)


_FUNCTIONS = frozenset(words("layer", "norm", "activation"))


def suggest(wrong: str, candidates: tuple[str, ...]) -> str | None:
    """The candidate that `wrong` was probably meant to be, or None.

    Letters that changed places (`gpa` for `gap`) come before letters that differ. The name of
    another function (`selu`, `softmax`) is never taken for a misspelling.
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
