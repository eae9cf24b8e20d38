"""The content of a block's class, before it is text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ctcdsl.codegen.structures import BlockClass
from ctcdsl.codegen.unify import Expression, Parameter
from ctcdsl.ops.calls import Call, Code


class Condition(NamedTuple):
    """Pairs that are equal exactly where the shape stays; or a flag for that."""

    tests: tuple[tuple[Expression, Expression], ...] = ()
    flag: str = ""

    def text(self, names: Names, *, negated: bool = False) -> str:
        """The condition, or its opposite, as code."""
        if self.flag:
            return f"not {self.flag}" if negated else self.flag
        sign, word = ("!=", " or ") if negated else ("==", " and ")
        return word.join(f"{names[a]} {sign} {names[b]}" for a, b in self.tests)


class BranchCode(NamedTuple):
    """A branch of a class, as calls and the expressions of their numbers.

    Without calls it is the identity. Under a condition it is there only where the shape
    stays; a projection only where it does not. `position` counts the branches of the structure.
    """

    position: int
    attribute: str
    calls: tuple[tuple[Call, tuple[Expression, ...]], ...]
    condition: Condition | None = None

    @property
    def lone(self) -> bool:
        """Whether it is one module that nothing can be added to: a projection, an activation."""
        return self.attribute in ("shortcut", "activation") and len(self.calls) == 1

    def without_maps(self) -> BranchCode:
        """The branch without the comments of its calls."""
        return self._replace(calls=tuple((c._replace(note=""), n) for c, n in self.calls))

    def renamed(self, names: Mapping[str, str]) -> BranchCode:
        """The branch with other names for some of the classes that it calls."""
        calls = ((c._replace(function=names.get(c.function, c.function)), n) for c, n in self.calls)
        return self._replace(calls=tuple(calls))

    def render(self, names: Names) -> list[Code]:
        """The calls as text."""
        return [call.render(names[e] for e in numbers) for call, numbers in self.calls]


class Names(dict[Expression, str]):
    """How expressions are written: by the name of a local variable where they have one."""

    def __missing__(self, expression: Expression) -> str:
        return str(expression)


class ClassCode(NamedTuple):
    """The content of a block's class.

    `inputs` and `outputs` are the channels of its maps, `scale` their sides' quotient;
    None where the instances have no such expression in common. `activation` is what the block
    applies to its sum, where that has weights or the block is a chain. `share` are the channels
    of each branch but the last, of a split that says them. `in_channels` is the parameter of the
    channels that enter, among `parameters` where the class needs it.
    """

    name: str
    block_class: BlockClass
    parameters: tuple[Parameter, ...]
    flags: dict[str, Sequence[bool]]
    names: Names
    branches: tuple[BranchCode, ...]
    activation: BranchCode | None
    inputs: str | None
    outputs: str | None
    scale: str | None
    share: Expression | None = None
    in_channels: Parameter | None = None

    def renamed(self, names: Mapping[str, str]) -> ClassCode:
        """The class with another name, and with those of the classes that it calls."""
        branches = tuple(branch.renamed(names) for branch in self.branches)
        return self._replace(name=names[self.name], branches=branches)
