"""Kernels that several operations run: casts, arithmetic, means, views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.ops.tensor import BOOL, DOUBLE, FIRST, FLOAT, HALF, LAST, STRIDED, Size, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


def in_half(tape: Tape, x: Tensor) -> Tensor:
    """A float32 tensor in bfloat16 under autocast; else itself."""
    if not tape.half or x.itemsize != FLOAT:
        return x
    layout = FIRST if x.layout == FIRST else LAST
    half = tape.run(tape.like(x, HALF, layout=layout), x)
    if x.is_parameter:
        tape.cache(half)  # in evaluation autocast casts again
    return half


def in_float(tape: Tape, *inputs: Tensor) -> list[Tensor]:
    """Tensors in float32, those that are not for as long as the next kernel runs."""
    return _widened(tape, FLOAT, *inputs)


def _widened(tape: Tape, itemsize: int, *inputs: Tensor) -> list[Tensor]:
    wide = list(inputs)
    for at, x in enumerate(inputs):
        if x.itemsize < itemsize:
            wide[at] = tape.run(tape.like(x, itemsize), x)
    for x in inputs:
        tape.extend(x, len(tape.kernels))  # the caller holds it
    return wide


def _result(tape: Tape, *inputs: Tensor) -> Tensor:
    """A new tensor as large as the largest of inputs, in the wider of their types."""
    largest, itemsize = inputs[0], inputs[0].itemsize
    for x in inputs[1:]:
        if x.size_as(1) > largest.size_as(1):
            largest = x
        itemsize = max(itemsize, x.itemsize)
    layout = FIRST if largest.layout == FIRST else LAST
    return tape.like(largest, itemsize, layout=layout)


def add(tape: Tape, a: Tensor, b: Tensor, *, in_place: bool = False) -> Tensor:
    """A + b; the smaller is broadcast. A sum in place is written over `a`, in its type."""
    if not in_place:
        output = _result(tape, a, b)
        return tape.run(output, *_widened(tape, output.itemsize, a, b), passes=True)
    wide = a.size_as(b.itemsize)  # what it is computed in, then rounded
    work = 2 * wide if b.itemsize > a.itemsize else 0
    return tape.run(tape.view(a), *_widened(tape, a.itemsize, a, b), work=work, passes=True)


def add_number(tape: Tape, x: Tensor) -> Tensor:
    """X plus a number, which is a tensor, then one of its type."""
    return tape.run(_result(tape, x), x, work=DOUBLE + x.itemsize, passes=True)


def multiply(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """A * b; the smaller is broadcast. Autograd keeps what the other's gradient needs.

    The gradient of `b` comes before that of `a`. Those of narrower types are cast, and those of
    broadcast inputs summed up, when both are there.
    """
    output = _result(tape, a, b)
    keeps = (*((a,) if b.learns else ()), *((b,) if a.learns else ()))
    narrow = [x for x in (a, b) if x.itemsize < output.itemsize]
    work = sum([x.size_as(output.itemsize) for x in narrow])
    back: Size = 0
    if any(x.learns and x.size != output.size for x in (a, b)):
        back = output.size
    if narrow and narrow[0].learns:
        back += output.size
        if narrow[0] is b:
            back += output.size_as(output.itemsize - b.itemsize)
    return tape.run(output, a, b, keeps=keeps, work=work, back=back, sums=not narrow)


def multiply_number(tape: Tape, x: Tensor) -> Tensor:
    """X times a number, which autograd keeps as a tensor."""
    return tape.run(_result(tape, x), x, states=(DOUBLE,), work=x.itemsize)


def divide(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """A / b."""
    output = _result(tape, a, b)
    keeps = (*((a,) if b.learns else ()), b)
    wide = _widened(tape, output.itemsize, a, b)
    return tape.run(output, *wide, keeps=keeps, back=2 * output.size, sums=True)


def power(tape: Tape, x: Tensor) -> Tensor:
    """X to the power of a number."""
    return tape.run(_result(tape, x), x, keeps=(x,), back=2 * x.size)


def maximum(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """The larger of values; the gradient of equal ones is halved."""
    output = _result(tape, a, b)
    back = output.size + 2 * output.size_as(BOOL)
    return tape.run(output, a, b, keeps=(a, b), back=back)


def mean(tape: Tape, x: Tensor, numel: int) -> Tensor:
    """Means of `numel` values, over the map or over channels."""
    output = tape.tensor(numel, x.itemsize)
    narrow = x.itemsize < FLOAT
    work = output.size_as(FLOAT) + x.size_as(FLOAT) if narrow else 0
    gives = LAST if x.numel == numel else FIRST
    return tape.run(output, x, work=work, gives=gives)


def vector_norm(tape: Tape, x: Tensor, numel: int) -> Tensor:
    """Norms over the map."""
    output = tape.tensor(numel, x.itemsize)
    return tape.run(output, x, keeps=(x, output), back=x.size, gives=LAST)


def function(
    tape: Tape, x: Tensor, *, keeps_output: bool, in_place: bool = False, own_layout: bool = False
) -> Tensor:
    """An activation.

    Args:
        tape: Where it is recorded.
        x: Its argument.
        keeps_output: Whether its derivative follows from its output, or else from `x`.
        in_place: Whether it overwrites `x`, of which autograd then keeps a copy where it needs it.
        own_layout: Whether its gradient is laid out as what it keeps.
    """
    output = tape.view(x) if in_place else _result(tape, x)
    gives = LAST if own_layout else None
    if keeps_output:
        return tape.run(output, x, keeps=(output,), gives=gives)
    if in_place:
        return tape.run(output, x, copies=(x.size,), gives=gives)
    return tape.run(output, x, keeps=(x,), gives=gives)


def concatenate(tape: Tape, *inputs: Tensor) -> Tensor:
    """Tensors one after another; their gradients are parts of that of the whole."""
    itemsize = max([x.itemsize for x in inputs])
    wide = _widened(tape, itemsize, *inputs)
    output = tape.tensor(sum([x.numel for x in inputs]), itemsize)
    return tape.run(output, *wide, passes=True, gives=STRIDED)


def pad(tape: Tape, x: Tensor, numel: int) -> Tensor:
    """Zeros around a tensor."""
    return tape.run(tape.tensor(numel, x.itemsize), x)


def dropout(tape: Tape, x: Tensor) -> Tensor:
    """Dropout: its mask has the type of `x`, and is what autograd keeps; nothing in evaluation."""
    if not tape.training:
        return x
    mask = tape.like(x)
    tape.run(mask)
    return tape.run(_result(tape, x), x, mask, keeps=(mask,))
