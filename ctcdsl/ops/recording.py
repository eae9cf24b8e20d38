"""Kernels: what PyTorch allocates for operations, and what autograd keeps of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.ops.tensor import Layout, Size, Tensor


class Gradient(NamedTuple):
    """How the backward pass of a kernel gives the gradient of an input, the tensor `number`.

    It `passes` the gradient that came on as a view, or allocates `size` bytes: those of a sum
    where it `sums` up gradients as large as the output, which comes last.
    """

    number: int
    size: Size
    parameter: bool
    passes: bool
    sums: bool


class Kernel(NamedTuple):
    """A kernel of the forward pass, with its backward pass where it `learns`.

    `operation` is the position of what runs it. It allocates the storages `new`, of `made` bytes,
    and `work` while it runs: `idle` of both in inference. A library may take `scratch` besides for
    work space, forward and backward. Autograd keeps the storages `keeps` until its backward pass,
    what it makes itself among them where it `keeps_result`. That pass allocates `weights`, the
    gradients of weights, gives the other `gradients`, and allocates `back` while it runs, by the
    layout of the gradient that comes. The gradients lie in memory as `gives`, or as the one that
    comes where that is None. The results of one that `splits` a tensor are all of its call.
    """

    operation: int
    output: int
    new: Sequence[int]
    made: Size
    work: Size
    scratch: tuple[int, int]
    idle: tuple[Size, Size]
    keeps: Sequence[int] = ()
    keeps_result: bool = False
    back: tuple[Size, Size, Size] = (0, 0, 0)
    weights: Size = 0
    gradients: Sequence[Gradient] = ()
    gives: Layout | None = None
    splits: bool = False
    learns: bool = False


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
