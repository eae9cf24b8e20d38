"""Kernels that several operations run: casts, arithmetic, means, views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctcdsl.ops.tensor import BOOL, DOUBLE, FLOAT, HALF, Layout, Tensor

if TYPE_CHECKING:
    from ctcdsl.ops.tape import Tape


def in_half(tape: Tape, x: Tensor) -> Tensor:
    """A float32 tensor in bfloat16 under autocast; else itself."""
    if not tape.half or x.itemsize != FLOAT:
        return x
    layout = Layout.FIRST if x.layout is Layout.FIRST else Layout.LAST
    half = tape.run(tape.tensor(x.numel, HALF, layout=layout, batched=x.batched), x)
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
            wide[at] = tape.run(tape.tensor(x.numel, itemsize, batched=x.batched), x)
    for x in inputs:
        tape.extend(x, len(tape.kernels))  # the caller holds it
    return wide


def _result(tape: Tape, *inputs: Tensor) -> Tensor:
    """A new tensor as large as the largest of inputs, in the wider of their types."""
    largest, itemsize = inputs[0], inputs[0].itemsize
    for x in inputs[1:]:
        if (x.batched, x.numel) > (largest.batched, largest.numel):
            largest = x
        itemsize = max(itemsize, x.itemsize)
    layout = Layout.FIRST if largest.layout is Layout.FIRST else Layout.LAST
    return tape.tensor(largest.numel, itemsize, layout=layout, batched=largest.batched)


def add(tape: Tape, a: Tensor, b: Tensor, *, in_place: bool = False) -> Tensor:
    """A + b; the smaller is broadcast. A sum in place is written over `a`, in its type."""
    if not in_place:
        output = _result(tape, a, b)
        return tape.run(output, *_widened(tape, output.itemsize, a, b), passes=True)
    wide = a._replace(itemsize=b.itemsize)  # what it is computed in, then rounded
    work = (wide, wide) if b.itemsize > a.itemsize else ()
    return tape.run(tape.view(a), *_widened(tape, a.itemsize, a, b), work=work, passes=True)


def add_number(tape: Tape, x: Tensor) -> Tensor:
    """X plus a number."""
    return tape.run(_result(tape, x), x, work=_number(tape, x), passes=True)


def multiply(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """A * b; the smaller is broadcast. Autograd keeps what the other's gradient needs.

    The gradient of `b` comes before that of `a`. Those of narrower types are cast, and those of
    broadcast inputs summed up, when both are there.
    """
    output = _result(tape, a, b)
    keeps = (*((a,) if b.learns else ()), *((b,) if a.learns else ()))
    narrow = [x for x in (a, b) if x.itemsize < output.itemsize]
    work = tuple(x._replace(itemsize=output.itemsize) for x in narrow)
    back: tuple[Tensor, ...] = ()
    if any(x.learns and x.size != output.size for x in (a, b)):
        back = (output,)
    if narrow and narrow[0].learns:
        cast = output._replace(itemsize=output.itemsize - narrow[0].itemsize)
        back = (*back, *((output,) if narrow[0] is a else (output, cast)))
    return tape.run(output, a, b, keeps=keeps, work=work, back=back, sums=not narrow)


def multiply_number(tape: Tape, x: Tensor) -> Tensor:
    """X times a number, which autograd keeps as a tensor."""
    number, cast = _number(tape, x)
    return tape.run(_result(tape, x), x, states=(number,), work=(cast,))


def _number(tape: Tape, x: Tensor) -> tuple[Tensor, Tensor]:
    """A number as a tensor, and in the type of `x`."""
    return tape.measure(1, DOUBLE, batched=False), tape.measure(1, x.itemsize, batched=False)


def divide(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """A / b."""
    output = _result(tape, a, b)
    keeps = (*((a,) if b.learns else ()), b)
    wide = _widened(tape, output.itemsize, a, b)
    return tape.run(output, *wide, keeps=keeps, back=(output, output), sums=True)


def power(tape: Tape, x: Tensor) -> Tensor:
    """X to the power of a number."""
    return tape.run(_result(tape, x), x, keeps=(x,), back=(x, x))


def maximum(tape: Tape, a: Tensor, b: Tensor) -> Tensor:
    """The larger of values; the gradient of equal ones is halved."""
    output = _result(tape, a, b)
    mask = output._replace(itemsize=BOOL)
    return tape.run(output, a, b, keeps=(a, b), back=(output, mask, mask))


def mean(tape: Tape, x: Tensor, numel: int) -> Tensor:
    """Means of `numel` values, over the map or over channels."""
    output = tape.tensor(numel, x.itemsize)
    narrow = x.itemsize < FLOAT
    work = (output._replace(itemsize=FLOAT), x._replace(itemsize=FLOAT)) if narrow else ()
    gives = Layout.LAST if x.numel == numel else Layout.FIRST
    return tape.run(output, x, work=work, gives=gives)


def vector_norm(tape: Tape, x: Tensor, numel: int) -> Tensor:
    """Norms over the map."""
    output = tape.tensor(numel, x.itemsize)
    return tape.run(output, x, keeps=(x, output), back=(x,), gives=Layout.LAST)


def function(
    tape: Tape, x: Tensor, *, keeps_output: bool, in_place: bool = False, own_layout: bool = False
) -> Tensor:
    """An activation.

    Args:
        tape: Where it is recorded.
        x: Its argument.
        keeps_output: Whether its derivative follows from its output, or else from `x`.
        in_place: Whether it overwrites `x`, of which autograd then keeps a copy where it needs it.
        own_layout: Whether its gradient lies in memory as what it keeps.
    """
    output = tape.view(x) if in_place else _result(tape, x)
    gives = Layout.LAST if own_layout else None
    if keeps_output:
        return tape.run(output, x, keeps=(output,), gives=gives)
    if in_place:
        return tape.run(output, x, copies=(x,), gives=gives)
    return tape.run(output, x, keeps=(x,), gives=gives)


def concatenate(tape: Tape, *inputs: Tensor) -> Tensor:
    """Tensors one after another; their gradients are parts of that of the whole."""
    itemsize = max([x.itemsize for x in inputs])
    wide = _widened(tape, itemsize, *inputs)
    output = tape.tensor(sum([x.numel for x in inputs]), itemsize)
    return tape.run(output, *wide, passes=True, gives=Layout.STRIDED)


def pad(tape: Tape, x: Tensor, numel: int) -> Tensor:
    """Zeros around a tensor."""
    return tape.run(tape.tensor(numel, x.itemsize), x)


def dropout(tape: Tape, x: Tensor) -> Tensor:
    """Dropout: its mask has the type of `x`, and is what autograd keeps; nothing in evaluation."""
    if not tape.training:
        return x
    mask = tape.tensor(x.numel, x.itemsize)
    tape.run(mask)
    return tape.run(_result(tape, x), x, mask, keeps=(mask,))
