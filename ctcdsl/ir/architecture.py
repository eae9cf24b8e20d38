"""A network: stages of layers and a head, before any map size is known."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.ir.blocks import Element
from ctcdsl.ir.recompute import Part
from ctcdsl.layers.style import CONV_RELU, Style
from ctcdsl.ops.record import Record, field
from ctcdsl.ops.shapes import Shape
from ctcdsl.text import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctcdsl.syntax.nodes import Def, File


class PadRule(StrEnum):
    """How a layer without a `p` tag is padded."""

    SAME = "same"
    PAPER = "paper"
    VALID = "valid"
    TF = "tf"


class Stage(Record):
    """Layers and blocks that work on maps of about one size; `name` where the author gave one."""

    name: str | None
    elements: tuple[Element, ...]


class Head(Record):
    """What turns the last map into class scores; no layers for a trunk alone.

    Any layers and blocks, those that take a vector last. `implied` when the author named none
    and the network took the paper's.
    """

    name: str = "head"
    layers: tuple[Element, ...]
    implied: bool = False


class ParsedSpec(NamedTuple):
    """The spec that an architecture was read from, which network of it, and the `let`s' values.

    `values` are those that were given instead of the spec's own, `elements` all that its lines
    gave, before any pass: their origins say which item gave which. `defs` and `lets` are what its
    lines may name: a `let`'s value is None where it is not a number.
    """

    tree: File
    name: str
    values: Mapping[str, float]
    elements: tuple[Element, ...]
    defs: Mapping[str, Def]
    lets: Mapping[str, float | None]


class Architecture(Record):
    """A network as the author wrote it, names resolved and repeats unrolled.

    `maps` are the (height, width) that dominate stages 2, 3, …; empty where none are
    asked for. `pad_implied_by` is the `style` line that brought `pad same`; None where
    the author named a rule, or no style. `recompute` are the parts that training computes again.
    `spec` is None where no text was read.
    """

    name: str
    input: Shape
    classes: int
    style: Style = CONV_RELU
    pad: PadRule
    pad_implied_by: Span | None = field(default=None, compare=False)
    maps: tuple[tuple[int, int], ...]
    stages: tuple[Stage, ...]
    head: Head
    recompute: tuple[Part, ...] = ()
    origin: Span = field(compare=False)
    spec: ParsedSpec | None = field(default=None, compare=False)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """A name for each stage: the author's, or `stage1`, `stage2`, …."""
        return tuple(stage.name or f"stage{k}" for k, stage in enumerate(self.stages, start=1))

    @property
    def chains(self) -> tuple[tuple[Element, ...], ...]:
        """The layers and blocks of each stage, the head's last."""
        return (*(stage.elements for stage in self.stages), self.head.layers)

    @property
    def recomputed(self) -> tuple[range, ...]:
        """The positions of the parts that training computes again, in the network's chain."""
        lengths = [len(chain) for chain in self.chains]
        return tuple(part.positions(lengths) for part in self.recompute)
