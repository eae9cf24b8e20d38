"""The bytes that are alive while a network runs: kernel after kernel, forward and backward.

A tensor lives as long as Python holds it, in a variable or as an argument of a call, or autograd
keeps it. The backward pass takes kernels in reverse: it makes their gradients while it still has
the gradient that came and what was kept, then frees those. Gradients that meet where the network
forks are added in place where nothing else needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.kernels import in_float
from ctcdsl.ops.tape import FLOAT, Kernel, Layout, Segment, Size, Tape, Tensor

LOSS = "loss"
"""What stands for a layer after the last."""
RANDOM_STATE = 5056
"""Bytes of the state of PyTorch's random numbers, which a segment draws again."""
_NOTHING = Size()


class Phase(StrEnum):
    """What a step is doing."""

    FORWARD = "forward"
    BACKWARD = "backward"
    OPTIMIZER = "optimizer"


class Moment(NamedTuple):
    """The bytes of tensors while a kernel runs; weights, images and labels are counted apart.

    `fixed`, and `image` for each image. `gradients` of the fixed ones are those of weights that
    are done. A library may take `scratch` more. `operation` is the position in the graph; that
    after the last is the loss.
    """

    fixed: int
    image: int
    gradients: int
    scratch: int
    operation: int
    phase: Phase


def trace(graph: OpGraph, *, training: bool, half: bool) -> Tape:
    """The kernels of a network; with its loss, the cross entropy, where `training`."""
    tape = Tape(training=training, half=half)
    image = tape.tensor(graph.input.shape.numel)
    tensors = {graph.input.number: image}
    ends: list[int] = []
    first = {part.first: len(tape.kernels) for part in graph.recomputed}
    last = {part.last: part for part in graph.recomputed}
    for at, node in enumerate(graph.nodes):
        if at in first:
            first[at] = len(tape.kernels)
        inputs = [tensors[value.number] for value in node.inputs]
        tape.hold(*inputs)
        output = tensors[node.output.number] = node.op.trace(tape, node, *inputs)
        tape.end(output)
        ends.append(len(tape.kernels) - 1)
        if training and at in last:
            tape.recompute(tensors[last[at].value], first[last[at].first])
    for hold in graph.holds:
        tape.extend(tensors[hold.value], ends[hold.until])
    output = tensors[graph.output.number]
    tape.finish()
    if training:
        _add_loss(tape, output, vector=graph.output.vector)
    tape.extend(image, len(tape.kernels))
    tape.extend(output, len(tape.kernels))
    return tape


def _add_loss(tape: Tape, output: Tensor, *, vector: bool) -> None:
    (logits,) = in_float(tape, output)
    result = tape.tensor(logits.numel)
    if vector:
        probabilities = tape.run(result, logits, keeps=(result,))
    else:  # those of maps are computed with channels first
        probabilities = tape.run(
            result, logits, keeps=(result,), work=(logits,), gives=Layout.FIRST
        )
    number = tape.measure(1, FLOAT, batched=False)
    loss = tape.tensor(1, batched=False)
    tape.run(loss, probabilities, keeps=(probabilities,), copies=(number,))
    tape.extend(logits, len(tape.kernels) - 1)
    tape.extend(loss, len(tape.kernels))


class _Gradient(NamedTuple):
    """A gradient on its way back."""

    storage: int
    layout: Layout


class Simulation:
    """Follows a tape, and notes what is alive.

    After `forward`, `kept` has the bytes that each operation left for the backward pass.
    """

    def __init__(self, tape: Tape) -> None:
        self.moments: list[Moment] = []
        self.kept: dict[int, Size] = {}
        self._tape = tape
        self._sizes = list(tape.sizes)
        self._users = [0] * len(tape.sizes)
        self._users[0] = 1  # the images, which the caller holds
        self._freed: list[list[int]] = [[] for _ in range(len(tape.kernels) + 1)]
        for at, kernel in enumerate(tape.kernels):
            for storage in kernel.new:
                self._freed[max(at, tape.until[storage])].append(storage)
        self._fixed = self._image = self._weight_gradients = 0
        self._gradients: dict[int, _Gradient] = {}
        self._segments = {
            at: segment for segment in tape.segments for at in range(segment.first, segment.stop)
        }
        self._again: dict[int, dict[int, int]] = {}
        """Of each segment that ran again, by its first kernel: what its storages are now."""
        self._last_to_go: dict[int, Segment] = {}
        """Segments by the kernel whose backward pass is the last to need their input."""

    @property
    def alive(self) -> Size:
        """The bytes that are alive now."""
        return Size(self._fixed, self._image)

    def forward(self) -> None:
        """The forward pass."""
        for at, kernel in enumerate(self._tape.kernels):
            segment = self._segments.get(at)
            if segment is not None and segment.first == at:
                self._begin(segment)
            self._forward(at, kernel, keeps=segment is None)
        for kernel in self._tape.kernels:
            for storage in kernel.new:
                if self._users[storage]:
                    size, kept = self._sizes[storage], self.kept.get(kernel.operation, _NOTHING)
                    self.kept[kernel.operation] = Size(
                        kept.fixed + size.fixed, kept.image + size.image
                    )

    def backward(self) -> None:
        """The backward pass, from the loss on."""
        loss = self._tape.kernels[-1].outputs[0]
        one = self._allocate(loss.size)
        self._users[one] += 1  # the caller holds it
        self._gradients[loss.number] = _Gradient(one, Layout.LAST)
        for at in reversed(range(len(self._tape.kernels))):
            kernel = self._tape.kernels[at]
            if kernel.learns:
                self._backward(at, kernel)
            if at in self._last_to_go:
                self._end(self._last_to_go[at])

    # ------------------------------------------------------------------ segments

    def _begin(self, segment: Segment) -> None:
        """Training keeps the input of a segment, and the state of the random numbers."""
        keeping = (at for at in range(segment.first, segment.stop) if self._tape.kernels[at].keeps)
        self._last_to_go[next(keeping)] = segment
        self._fixed += RANDOM_STATE
        if segment.source >= 0:
            self._users[segment.source] += 1

    def _end(self, segment: Segment) -> None:
        self._fixed -= RANDOM_STATE
        self._release(segment.source)

    def _run_again(self, segment: Segment) -> dict[int, int]:
        """The forward pass of a segment once more; what is kept of it stays."""
        again: dict[int, int] = {}
        freed: dict[int, list[int]] = {}
        self._fixed += RANDOM_STATE  # that of now, for when it is done
        for at in range(segment.first, segment.last + 1):
            kernel = self._tape.kernels[at]
            if at == segment.last and not segment.with_last:
                for storage in kernel.keeps:
                    self._users[again.get(storage, storage)] += 1
                break
            for storage in kernel.new:
                again[storage] = self._allocate(self._tape.sizes[storage])
                until = max(at, self._tape.until[storage])
                freed.setdefault(min(until, segment.last), []).append(again[storage])
            for storage in kernel.keeps:
                self._users[again.get(storage, storage)] += 1
            self._note(kernel, Phase.BACKWARD, kernel.work, kernel.scratch[0])
            for fresh in freed.pop(at, ()) if at < segment.last else ():
                self._release(fresh)
        for storages in freed.values():
            for fresh in storages:
                self._release(fresh)
        self._fixed -= RANDOM_STATE
        return again

    # ------------------------------------------------------------------- kernels

    def _forward(self, at: int, kernel: Kernel, *, keeps: bool) -> None:
        for storage in kernel.new:
            size = self._sizes[storage]
            self._fixed += size.fixed
            self._image += size.image
            self._users[storage] = 1  # Python
        for storage in kernel.keeps if keeps else ():
            self._users[storage] += 1
        self._note(kernel, Phase.FORWARD, kernel.work, kernel.scratch[0])
        for storage in self._freed[at]:
            self._release(storage)

    def _backward(self, at: int, kernel: Kernel) -> None:
        arriving = [
            gradient
            for output in kernel.outputs
            if (gradient := self._gradients.pop(output.number, None)) is not None
        ]
        if not arriving:
            return
        again: dict[int, int] = {}
        segment = self._segments.get(at)
        if segment is not None and kernel.keeps:
            if segment.first not in self._again:
                self._again[segment.first] = self._run_again(segment)
            again = self._again[segment.first]
        came = arriving[0]
        gradients: list[tuple[Tensor, _Gradient]] = []
        late: list[Tensor] = []
        layout = came.layout if kernel.gives is None else kernel.gives
        for x in kernel.inputs:
            if not x.learns:
                continue
            fits = x.size == kernel.outputs[0].size or kernel.gives is Layout.STRIDED
            if again and kernel.sums and not fits:
                late.append(x)
            elif kernel.passes and fits:
                self._users[came.storage] += 1
                gradients.append((x, _Gradient(came.storage, layout)))
            else:
                dense = Layout.LAST if layout is Layout.STRIDED else layout
                gradients.append((x, _Gradient(self._allocate(x.size), dense)))
        self._note(kernel, Phase.BACKWARD, kernel.back[came.layout], kernel.scratch[1])
        if late:  # what was computed again is gone when sums are made
            self._let_go(kernel, again)
            gradients += ((x, _Gradient(self._allocate(x.size), Layout.LAST)) for x in late)
            self._note(kernel, Phase.BACKWARD, kernel.back[came.layout])
        for gradient in arriving:
            self._release(gradient.storage)
        if not late:
            self._let_go(kernel, again)
        for x, gradient in gradients:
            if x.is_parameter:
                self._weight_gradients += x.size.fixed
            else:
                self._accumulate(x, gradient, kernel)

    def _let_go(self, kernel: Kernel, again: Mapping[int, int]) -> None:
        """What autograd kept for a kernel is not needed any more."""
        for storage in kernel.keeps:
            self._release(again.get(storage, storage))

    def _accumulate(self, x: Tensor, new: _Gradient, kernel: Kernel) -> None:
        """Add a gradient to one that came before."""
        old = self._gradients.get(x.number)
        if old is None:
            self._gradients[x.number] = new
        elif self._may_change(old):
            self._release(new.storage)
        elif self._may_change(new):
            self._release(old.storage)
            self._gradients[x.number] = new
        else:
            self._gradients[x.number] = _Gradient(self._allocate(x.size), Layout.LAST)
            self._note(kernel, Phase.BACKWARD)
            self._release(old.storage)
            self._release(new.storage)

    def _may_change(self, gradient: _Gradient) -> bool:
        return self._users[gradient.storage] == 1 and gradient.layout is not Layout.STRIDED

    # ------------------------------------------------------------------ storages

    def _allocate(self, size: Size) -> int:
        self._sizes.append(size)
        self._users.append(1)
        self._fixed += size.fixed
        self._image += size.image
        return len(self._sizes) - 1

    def _release(self, storage: int) -> None:
        users = self._users[storage] = self._users[storage] - 1
        if users == 0:
            size = self._sizes[storage]
            self._fixed -= size.fixed
            self._image -= size.image

    def _note(self, kernel: Kernel, phase: Phase, work: Size = _NOTHING, scratch: int = 0) -> None:
        self.moments.append(
            Moment(
                self._fixed + work.fixed,
                self._image + work.image,
                self._weight_gradients,
                scratch,
                kernel.operation,
                phase,
            )
        )
