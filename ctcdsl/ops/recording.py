"""Kernels: what PyTorch allocates for operations, and what autograd keeps of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.ops.tensor import Layout, Size, Tensor


class Gradient:
    """How the backward pass of a kernel gives the gradient of an input, the tensor `number`.

    It `passes` the gradient that came on as a view, or allocates `size` bytes: those of a sum
    where it `sums` up gradients as large as the output, which comes last.
    """

    __slots__ = ("number", "parameter", "passes", "size", "sums")

    def __init__(self, number: int, size: Size, parameter: bool, passes: bool, sums: bool) -> None:
        self.number = number
        self.size = size
        self.parameter = parameter
        self.passes = passes
        self.sums = sums


class Backward:
    """The backward pass of a kernel, which takes the gradient of the tensor `output`.

    It allocates `weights`, the gradients of weights, gives the other `gradients`, and allocates
    `work` while it runs, by the layout of the gradient that comes. The gradients lie in memory as
    `gives`, or as the one that comes where that is None. The results of one that `splits` a tensor
    are all of its call.
    """

    __slots__ = ("gives", "gradients", "output", "splits", "weights", "work")

    def __init__(
        self,
        output: int,
        weights: Size,
        gradients: Sequence[Gradient],
        work: tuple[Size, Size, Size],
        gives: Layout | None,
        splits: bool,
    ) -> None:
        self.output = output
        self.weights = weights
        self.gradients = gradients
        self.work = work
        self.gives = gives
        self.splits = splits


class Kernel:
    """A kernel of the forward pass, with its backward pass where it has one.

    `operation` is the position of what runs it. It allocates the storages `new`, of `made` bytes,
    and `work` while it runs. A library may take `scratch` besides for work space, forward and
    backward. Autograd keeps the storages `keeps` until the backward pass, what it makes itself
    among them where it `keeps_result`.
    """

    __slots__ = (
        *("backward", "keeps", "keeps_result", "made", "new", "operation", "scratch", "work"),
    )

    def __init__(
        self,
        operation: int,
        new: Sequence[int],
        made: Size,
        work: Size,
        scratch: tuple[int, int],
        keeps: Sequence[int] = (),
        keeps_result: bool = False,
        backward: Backward | None = None,
    ) -> None:
        self.operation = operation
        self.new = new
        self.made = made
        self.work = work
        self.scratch = scratch
        self.keeps = keeps
        self.keeps_result = keeps_result
        self.backward = backward


class Profile(NamedTuple):
    """Operations in inference: bytes above those before that are alive while each kernel runs.

    With each, what a library may take besides. `result` is the storage of the output, of `made`
    bytes where it is a new one.
    """

    moments: Sequence[tuple[Size, int]]
    made: Size
    result: int


class Recording(NamedTuple):
    """The kernels of some operations on inputs of some kinds, in numbers of its own.

    Storages and tensors count from the inputs on: `sizes` has the bytes of the others' storages,
    `tensors` is the number of other tensors. After each kernel Python lets the storages of `freed`
    go: all but the output's and those `cached` until the forward pass ends. The `profile` in
    inference is missing from what is recorded in training and depends on that.
    """

    kernels: Sequence[Kernel]
    freed: Sequence[list[int]]
    sizes: Sequence[Size]
    tensors: int
    output: Tensor
    cached: Sequence[int]
    profile: Profile | None

    @property
    def splits(self) -> bool:
        """Whether it is one of the equal shares of a tensor."""
        backward = self.kernels[0].backward if self.kernels else None
        return backward is not None and backward.splits
