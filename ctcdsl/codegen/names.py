"""Names of generated code: what a spec calls things, made safe for Python and PyTorch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from keyword import iskeyword, issoftkeyword

_ACTIVATIONS = "Relu|Relu6|Gelu|Silu|Hswish|Sigmoid|Tanh|Leaky"
_HELPER = re.compile(
    rf"(Bn|Ln)?({_ACTIVATIONS})?Conv|Conv(Bn|Ln)?({_ACTIVATIONS})?"
    "|SpatialPyramidPool|LayerNorm2d|LocalResponseNormWithin|SqueezeExcite\\w*|Scale"
)
"""The classes that a module may bring along: no network and no block is named like one."""

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
    if not name or name[0].isdigit() or is_taken(name):
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
    return f"{stage}_" if stage == "initialise" else stage


def is_taken(name: str) -> bool:
    """Whether the module may use a name for something else."""
    return name in _USED or _HELPER.fullmatch(name) is not None or iskeyword(name)


def camel(name: str) -> str:
    """The words of a name joined as in `ClassName`, without anything but letters and digits."""
    words = re.findall(r"[A-Za-z0-9]+", re.sub("['′]", " Prime ", name))
    return "".join(word[:1].upper() + word[1:] for word in words)
