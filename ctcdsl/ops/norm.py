"""Norms: of each channel over the batch, of each position over its channels, of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.ops.calls import Argument, Role, channels, option, shown
from ctcdsl.ops.op import POINT, MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tensor import FLOAT, IMAGE, LAST, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.graph import OpNode
    from ctcdsl.ops.tape import Tape


class NormOp(MapOp, abstract=True):
    """A norm of `channels`, with a scale and a shift for each unless it is not `affine`."""

    channels: int
    eps: float
    affine: bool = True

    bit_stable = True

    def infer(self, *inputs: Shape) -> Shape:
        """The shape of its input."""
        return inputs[0]

    def macs(self, output: Shape) -> int:
        """None: only convolutions and fully connected layers are counted."""
        return 0

    def tensors(self) -> tuple[TensorSpec, ...]:
        """A scale and a shift for each channel."""
        if not self.affine:
            return ()
        shape = (self.channels,)
        return TensorSpec("weight", "weight", shape), TensorSpec("bias", "bias", shape)

    def _trained(self, tape: Tape) -> tuple[Tensor, ...]:
        """Scale and shift on a tape."""
        channels = self.channels
        return (tape.parameter(channels), tape.parameter(channels)) if self.affine else ()

    def _affine(self, keyword: str) -> tuple[Argument, ...]:
        return (Argument(str(self.affine), keyword, "True"),)


class BatchNorm(NormOp):
    """Each channel over batch and map, by running statistics in evaluation."""

    momentum: float
    vector: bool = False

    overwrite = Overwrite.MAY

    @property
    def module(self) -> str:
        """That of maps, or of vectors."""
        return "nn.BatchNorm1d" if self.vector else "nn.BatchNorm2d"

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel; the statistics of the batch are kept.

        Its backward pass makes the gradient twice where all maps have their channels last.
        """
        (x,) = inputs
        channel, sums = FLOAT * self.channels, x.itemsize * self.channels
        wide = x.size_as(FLOAT) + channel if x.itemsize < FLOAT else 0
        return tape.run(
            tape.like(x),
            x,
            *self._trained(tape),
            keeps=(x,),
            copies=(channel, channel),
            work=2 * channel,
            back=x.size if x.learns else 0,
            first=sums + wide,
            strided=sums,
            gives=LAST,
        )

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Scale and shift, and the statistics."""
        shape = (self.channels,)
        return (
            *NormOp.tensors(self),
            TensorSpec("mean", "running_mean", shape, trained=False),
            TensorSpec("variance", "running_var", shape, trained=False),
            TensorSpec("batches", "num_batches_tracked", (), trained=False),
        )

    def window(self) -> Window | None:
        """The same position: the statistics are constants in evaluation."""
        return POINT

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.BatchNorm2d`."""
        return (
            channels(self.channels),
            Argument(shown(self.eps), "eps", "1e-5"),
            Argument(shown(self.momentum), "momentum", "0.1"),
            *self._affine("affine"),
        )


class LayerNorm(NormOp):
    """The channels of each position."""

    vector: bool = False

    @property
    def overwrite(self) -> Overwrite:
        """Of maps it gives a view, whose gradient would be copied again and again."""
        return Overwrite.MAY if self.vector else Overwrite.NEVER

    @property
    def module(self) -> str:
        """PyTorch's is for vectors; maps have a class of their own."""
        return "nn.LayerNorm" if self.vector else "LayerNorm2d"

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel; mean and deviation of each position are kept."""
        (x,) = inputs
        position = x.size_as(FLOAT) // self.channels
        copied = x.size if x.layout != LAST else 0
        return tape.run(
            tape.like(x),
            x,
            *self._trained(tape),
            keeps=(x,),
            states=(position, position),
            work=copied,
            back=copied,
            first=copied + x.size,
            strided=copied + x.size,
            gives=LAST,
        )

    def window(self) -> Window | None:
        """The same position."""
        return POINT

    def arguments(self) -> tuple[Argument, ...]:
        """The channels and the constant."""
        default = "1e-5" if self.vector else "1e-6"
        affine = self._affine("elementwise_affine")
        return channels(self.channels), Argument(shown(self.eps), "eps", default), *affine


class GroupNorm(NormOp):
    """Each group of channels over its map (Wu & He 2018)."""

    groups: int

    module = "nn.GroupNorm"
    overwrite = Overwrite.MAY

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """One kernel; mean and deviation of each group are kept."""
        (x,) = inputs
        group = IMAGE * FLOAT * self.groups
        work = 2 * IMAGE * FLOAT * self.channels
        if x.layout != LAST:
            work += x.size  # a copy
        return tape.run(
            tape.like(x),
            x,
            *self._trained(tape),
            keeps=(x,),
            states=(group, group),
            work=work,
            back=work,
            first=work + x.size,
            strided=work + x.size,
            gives=LAST,
        )

    def window(self) -> Window | None:
        """All of the map."""
        return None

    def arguments(self) -> tuple[Argument, ...]:
        """Those of `nn.GroupNorm`."""
        return (
            option("num_groups", self.groups, Role.GROUPS),
            Argument(channels(self.channels).value, "num_channels"),
            Argument(shown(self.eps), "eps", "1e-5"),
            *self._affine("affine"),
        )
