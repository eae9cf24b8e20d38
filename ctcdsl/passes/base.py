"""What a pass is: a frozen dataclass whose fields are its options."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, runtime_checkable

from ctcdsl.checking import Network
from ctcdsl.ir import Architecture

if TYPE_CHECKING:
    from ctcdsl.passes.weights import Weights


class Guarantee(StrEnum):
    """What a pass preserves; the manager verifies it after each run."""

    COMPLEXITY = "complexity"
    """The network's MACs, within `TOLERANCE` of one step."""
    OUTPUTS = "outputs"
    """What the network computes, given the weights that the pass carries over."""
    INTERIOR = "interior"
    """What the network computes, away from the borders of its maps."""
    NOTHING = "nothing"
    """Neither: a control, which changes the cost."""


TOLERANCE = (-0.15, 0.15)
"""How far one pass that guarantees `complexity` may move a network's MACs.

The paper's own replacements move them by -6% to +3%; widths are rounded, and small
networks feel it more.
"""


class PassResult(NamedTuple):
    """The result of a pass; `notes` report what it solved, chose or left unchanged.

    `figures` are numbers of the same for programs.
    """

    architecture: Architecture
    changed: bool = True
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = MappingProxyType({})


class KeepsWeights:
    """A pass after which every layer has the tensors it had: a base class for it."""

    __slots__ = ()
    name: ClassVar[str]

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The same weights; CTC407 where a layer's tensors changed their shape."""
        from ctcdsl.passes.weights import same_weights

        return same_weights(self.name, before, after, weights)


@runtime_checkable
class Pass(Protocol):
    """A rewrite of a network.

    A pass is a frozen dataclass; its fields are options on the command line,
    `--pass NAME:field=value,…`, read by their types (int, float, str, bool, or one of
    these or None). Its docstring shows a row before and after, which a test runs.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    section: ClassVar[str]
    """The section of the paper, or the publication, that it comes from."""
    preserves: ClassVar[Guarantee]

    def run(self, network: Network) -> PassResult:
        """Rewrite a network.

        Raises:
            UserError: CTC4xx the network has something that the pass does not support.
        """
        ...
