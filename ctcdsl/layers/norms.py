"""Norms: one row each, and the layer that is one alone."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.layers.arguments import Declaration, Flag, Integer
from ctcdsl.layers.base import MAX_WIDTH, WORDS, Context, MapOrVectorLayer, Word
from ctcdsl.layers.windows import report_groups
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.norm import BatchNorm, GroupNorm, LayerNorm, NormOp
from ctcdsl.ops.shapes import Shape


class NormRow(NamedTuple):
    """A norm: what it is called, and its usual constants; 0 for those it does not have.

    `arguments` are what may follow its word in parentheses.
    """

    word: str
    title: str
    summary: str
    eps: float
    momentum: float = 0.0
    groups: int = 0
    arguments: tuple[Declaration, ...] = ()
    example: str = ""


_NO_AFFINE = Flag(
    "affine", "noaffine", "without a learned scale and shift", "bn(noaffine)", value=False
)

NORMS = MappingProxyType(
    {
        row.word: row
        for row in (
            NormRow(
                "bn",
                "batch norm",
                "batch normalisation",
                1e-5,
                momentum=0.1,
                arguments=(_NO_AFFINE,),
                example="bn(noaffine)",
            ),
            NormRow("ln", "layer norm", "layer normalisation over the channels", 1e-6),
            NormRow(
                *("gn", "group norm", "group normalisation: gn, gn(groups)", 1e-5),
                groups=32,
                arguments=(
                    Integer("groups", 1, MAX_WIDTH, "the groups of `gn`", optional=True),
                    _NO_AFFINE,
                ),
                example="gn(16)",
            ),
        )
    }
)


class Norm(NamedTuple):
    """A norm with its constants; `momentum` is the weight of a new batch's statistics."""

    word: str
    eps: float
    momentum: float = 0.0
    groups: int = 0
    affine: bool = True

    @classmethod
    def of(
        cls,
        word: str,
        eps: float | None = None,
        momentum: float | None = None,
        groups: int | None = None,
        *,
        affine: bool = True,
    ) -> Norm:
        """The norm of a word; constants that it has are the usual ones unless given."""
        row = NORMS[word]
        return cls(
            word,
            row.eps if eps is None else eps,
            momentum if momentum is not None and row.momentum else row.momentum,
            groups if groups is not None and row.groups else row.groups,
            affine,
        )

    @property
    def title(self) -> str:
        """What papers call it."""
        return NORMS[self.word].title

    @property
    def channelwise(self) -> bool:
        """Whether it treats each channel alone: a batch norm does, in evaluation."""
        return self.word == "bn"

    @property
    def pixelwise(self) -> bool:
        """Whether it treats each position alone: unless it is taken over the map."""
        return self.word != "gn"

    def op(self, channels: int, *, vector: bool = False) -> NormOp:
        """Its operation on some channels."""
        eps, affine = self.eps, self.affine
        if self.word == "bn":
            momentum = self.momentum
            return BatchNorm(
                channels=channels, eps=eps, momentum=momentum, affine=affine, vector=vector
            )
        if self.word == "ln":
            return LayerNorm(channels=channels, eps=eps, affine=affine, vector=vector)
        return GroupNorm(channels=channels, eps=eps, groups=self.groups, affine=affine)

    def add(self, graph: Builder, x: Value) -> Value:
        """Add its operation to a graph."""
        return graph.add(self.op(x.shape.channels, vector=x.vector), x, role="norm")

    def __str__(self) -> str:
        return self.word


class NormLayer(MapOrVectorLayer):
    """A norm on its own: of each channel over the batch, or of the channels of each pixel."""

    norm: Norm

    widths = ()
    last_activation = None

    @property
    def norm_word(self) -> str:
        """The norm's word."""
        return self.norm.word

    @property
    def keyword(self) -> str:
        """The norm's word."""
        return self.norm.word

    @property
    def title(self) -> str:
        """The norm's."""
        return self.norm.title

    @property
    def channelwise(self) -> bool:
        """As its norm."""
        return self.norm.channelwise

    @property
    def pixelwise(self) -> bool:
        """As its norm."""
        return self.norm.pixelwise

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The shape of its input; CTC207 for groups that do not divide the channels."""
        if self.norm.groups:
            report_groups(self.norm.groups, x.channels, "input channels", self, context)
        return x

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return self.norm.add(graph, x)


for _row in NORMS.values():
    WORDS[_row.word] = Word(
        _row.word, "norm", _row.summary, _row.example, _row.arguments, NormLayer, NormLayer
    )
