"""What an operation is: its shape rule, tensors, arithmetic, and its module of PyTorch."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

from ctcdsl.ops.calls import Argument
from ctcdsl.ops.record import Record
from ctcdsl.ops.shapes import Pair, Shape
from ctcdsl.ops.tensor import Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.graph import OpNode
    from ctcdsl.ops.tape import Tape


class TensorSpec(NamedTuple):
    """A tensor of an operation; one that is not `trained` is a buffer.

    `role` is what it is, such as `mean`; `name` how its module calls it, `running_mean`.
    """

    role: str
    name: str
    shape: tuple[int, ...]
    trained: bool = True


class Window(NamedTuple):
    """What output position i sees along each side: `size` positions from `stride`*i - `padding` on.

    Sizes include dilation. With `growth`, of up-sampling, positions are parts of the input's: both
    ends are divided by it, and rounded down. So a `size` of 1 sees position i // `growth`.
    """

    size: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    growth: int = 1


POINT = Window()
"""The same position alone."""


class Overwrite(Enum):
    """Whether the next operation may write its result over that of this one."""

    MAY = auto()
    NEVER = auto()
    AS_INPUT = auto()
    """As over this one's input, which its result may be."""


class Op(Record):
    """A tensor operation: what one module of PyTorch, or one operator, computes.

    Each class says everything that metrics, weights, memory and code ask of it; one that leaves
    something out does not import.
    """

    def __init_subclass__(cls, *, abstract: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not abstract:
            missing = [name for name in _REQUIRED if getattr(cls, name) is getattr(Op, name)]
            if missing:
                raise TypeError(f"{cls.__name__} does not say its {', '.join(missing)}")

    @property
    def module(self) -> str:
        """Its class: of PyTorch, `nn.Conv2d`, or of the generated text; empty for an operator."""
        raise NotImplementedError

    def arguments(self) -> tuple[Argument, ...]:
        """The arguments of its module."""
        raise NotImplementedError

    def infer(self, *inputs: Shape) -> Shape:
        """The shape of its output; a side is less than 1 where a window does not fit."""
        raise NotImplementedError

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Its tensors, in the order of its module."""
        raise NotImplementedError

    def macs(self, output: Shape) -> int:
        """Multiply-accumulates of one image: those of convolutions and fully connected layers."""
        raise NotImplementedError

    def window(self) -> Window | None:
        """What an output position sees; None for all of the map."""
        raise NotImplementedError

    def trace(self, tape: Tape, node: OpNode, *inputs: Tensor) -> Tensor:
        """Record the kernels that its module runs, and what autograd keeps; return the output.

        Args:
            tape: Where they are recorded.
            node: Its place in the graph.
            inputs: What it takes.
        """
        raise NotImplementedError

    @property
    def overwrite(self) -> Overwrite:
        """Whether the next operation may work in place."""
        raise NotImplementedError

    @property
    def in_place(self) -> bool:
        """Whether it can write its result over its first input: a module by `inplace=True`."""
        raise NotImplementedError

    @property
    def bit_stable(self) -> bool:
        """Whether an output has the same bits wherever it is in a map.

        Powers and exponentials have not: processors compute most of a map by vector
        instructions and its ends one by one, and the two round differently.
        """
        raise NotImplementedError

    def note(self, output: Shape) -> str:
        """The comment beside its module: the shape of its output, where that helps a reader."""
        raise NotImplementedError

    @property
    def makes_vector(self) -> bool:
        """Whether its output is a vector of features, whatever its input is."""
        raise NotImplementedError


_REQUIRED = tuple(
    name
    for name, member in vars(Op).items()
    if callable(member) or isinstance(member, property)
    if not name.startswith("_")
)


class MapOp(Op, abstract=True):
    """An operation on maps that its module does not do in place."""

    makes_vector = False

    @property
    def in_place(self) -> bool:
        """It does not."""
        return False

    def note(self, output: Shape) -> str:
        """None."""
        return ""


class PointOp(MapOp, abstract=True):
    """An operation on each position by itself, without tensors, which keeps shapes."""

    def infer(self, *inputs: Shape) -> Shape:
        """The shape of its input."""
        return inputs[0]

    def tensors(self) -> tuple[TensorSpec, ...]:
        """None."""
        return ()

    def macs(self, output: Shape) -> int:
        """None: only convolutions and fully connected layers are counted."""
        return 0

    def window(self) -> Window | None:
        """The same position."""
        return POINT
