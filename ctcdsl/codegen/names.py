"""Names of generated code: what a spec calls things, made safe for Python and PyTorch."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from functools import cache
from keyword import iskeyword, issoftkeyword

_OWN = re.compile(r"(Std)?Conv(Norm)?(Act)?[0-9]*|(Norm)?(Act)?(Std)?Conv[0-9]*|Chain")
"""The classes of convolutions and of chains that a module may bring along."""

_ATTRIBUTES = frozenset(
    {
        *("initialise", "forward_features", "forward_head", "forward_maps", "features"),
        *("reset_classifier", "set_grad_checkpointing", "classifier", "drop_rate"),
        *("num_features", "stages", "channels", "strides"),
    }
)
"""What a module has beside its stages and what PyTorch gives it."""

_USED = frozenset({"Tensor", "None", "True", "False"})
_IN_BLOCKS = frozenset(
    {"self", "x", "out", "branches", "torch", "nn", "super", "int", "bool", "_", "l", "O", "I"}
)
"""The names that the class of a block uses, and those that linters call ambiguous."""


def class_name(name: str) -> str:
    """Return a Python class name for a network: `J'` is `JPrime`, `my-net` is `MyNet`."""
    joined = camel(name)
    if not joined or joined[0].isdigit():
        joined = f"Net{joined}"
    return f"{joined}Net" if is_taken(joined) else joined


def block_name(name: str, taken: Collection[str]) -> str:
    """Return the class of a kind of block, of which there may be several.

    Args:
        name: Its `def`, `inc`, or a usual name, `Residual`.
        taken: The other classes of the module.
    """
    name = camel(name)
    if len(name) < 2 or name[0].isdigit() or is_taken(name):  # of one letter: `I` reads as 1
        name = f"{'' if name[:1].isdigit() else name}Block"
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}{count}"
    return unique


def parameter_name(name: str, taken: Iterable[str]) -> str:
    """Return a parameter's name: the author's, with `_` added where it is taken.

    A leading underscore is dropped: Python mangles such names inside classes.
    """
    safe = name.strip("_") or "value"
    if safe[0].isdigit():
        safe = f"n{safe}"
    used = {*taken, *_IN_BLOCKS}
    while safe in used or iskeyword(safe) or issoftkeyword(safe) or is_taken(safe):
        safe += "_"
    return safe


def attribute_name(stage: str) -> str:
    """Return a stage's attribute; names of `nn.Module` do not check."""
    return f"{stage}_" if stage in _ATTRIBUTES else stage


def is_taken(name: str) -> bool:
    """Whether the module may use a name for something else."""
    return (
        name in _USED
        or iskeyword(name)
        or _OWN.fullmatch(name) is not None
        or _helpers().fullmatch(name) is not None
    )


@cache
def _helpers() -> re.Pattern[str]:
    """The other classes that a module may bring along: no network, no block is named like one.

    Templates that are given a name make classes whose names begin with theirs.
    """
    folder = os.path.join(os.path.dirname(__file__), "templates", "helpers")
    names: list[str] = []
    for file in sorted(os.listdir(folder)):
        name = camel(file.partition(".")[0].replace("_", " "))
        with open(os.path.join(folder, file), encoding="utf-8") as text:
            names.append(rf"{name}\w*" if "class {{ name }}" in text.read() else name)
    return re.compile("|".join(names))


def camel(name: str) -> str:
    """The words of a name joined as in `ClassName`, without anything but letters and digits."""
    words = re.findall(r"[A-Za-z0-9]+", re.sub("['′]", " Prime ", name))
    return "".join(word[:1].upper() + word[1:] for word in words)
