"""Norms: of each channel over the batch, of each position over its channels, of groups."""

from __future__ import annotations

from ctcdsl.ops.calls import Argument, Role, channels, option, shown
from ctcdsl.ops.op import POINT, Keeps, MapOp, Overwrite, TensorSpec, Window
from ctcdsl.ops.shapes import Shape


class NormOp(MapOp, abstract=True):
    """A norm of `channels`, with a scale and a shift for each unless it is not `affine`."""

    channels: int
    eps: float
    affine: bool = True

    keeps = Keeps.INPUT
    extra_bytes = 0
    overwrite = Overwrite.MAY
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

    def _affine(self, keyword: str) -> tuple[Argument, ...]:
        return (Argument(str(self.affine), keyword, "True"),)


class BatchNorm(NormOp):
    """Each channel over batch and map, by running statistics in evaluation."""

    momentum: float
    vector: bool = False

    @property
    def module(self) -> str:
        """That of maps, or of vectors."""
        return "nn.BatchNorm1d" if self.vector else "nn.BatchNorm2d"

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
    def module(self) -> str:
        """PyTorch's is for vectors; maps have a class of their own."""
        return "nn.LayerNorm" if self.vector else "LayerNorm2d"

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
