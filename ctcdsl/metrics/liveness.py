"""The bytes that are alive while a network runs: kernel after kernel, forward and backward.

A tensor lives as long as Python holds it, in a variable or as an argument of a call, or autograd
keeps it. The backward pass takes kernels in reverse: it makes their gradients while it still has
the gradient that came and what was kept, then frees those. Gradients that meet where the network
forks are added in place where nothing else needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from ctcdsl.metrics.trace import Call, Segment, Trace
from ctcdsl.ops.recording import Gradient, Kernel
from ctcdsl.ops.tensor import Layout, Size

LOSS = "loss"
"""What stands for a layer after the last."""
RANDOM_STATE = 5056
"""Bytes of the state of PyTorch's random numbers, which a segment draws again."""


class Phase(StrEnum):
    """What a step is doing."""

    FORWARD = "forward"
    BACKWARD = "backward"
    OPTIMIZER = "optimizer"


class Moment(NamedTuple):
    """The bytes of tensors while a kernel runs; weights, images and labels are counted apart.

    `gradients` of the bytes that are `alive` are those of weights that are done. A library may take
    `scratch` more. `operation` is the position in the graph; that after the last is the loss.
    """

    alive: Size
    gradients: int
    scratch: int
    operation: int
    phase: Phase


class _Arrived(NamedTuple):
    """A gradient on its way back."""

    storage: int
    layout: Layout


class Simulation:
    """Follows a trace, and notes what is alive.

    After `forward`, `kept` has the bytes that operations, by their positions, left for the
    backward pass.
    """

    def __init__(self, trace: Trace) -> None:
        self.moments: list[Moment] = []
        self.kept: list[tuple[int, Size]] = []
        self.alive: Size = 0
        self._trace = trace
        self._sizes = list(trace.sizes)
        self._users = [1] * len(trace.sizes)  # Python
        self._weight_gradients = 0
        self._gradients: dict[int, _Arrived] = {}
        self._segments = {
            position: segment
            for segment in trace.segments
            for position in range(segment.first, segment.last + 1)
        }
        self._again: dict[int, dict[int, int]] = {}
        """Of each segment that ran again, by its first call: what its storages are now."""

    def forward(self) -> None:
        """The forward pass."""
        for position, call in enumerate(self._trace.calls):
            segment = self._segments.get(position)
            if segment is not None and segment.first == position:  # its input is kept
                self.alive += RANDOM_STATE
                self._users[segment.source] += 1
            self._call(call, keeps=segment is None)
            self._release(self._trace.freed[position])
        sizes, users = self._sizes, self._users
        for call in self._trace.calls:
            kept = sum([sizes[storage] for storage in call.new if users[storage]])
            self.kept.append((call.first, kept))

    def _call(self, call: Call, *, keeps: bool) -> None:
        first, recording, storages, _ = call
        for kernel, freed in zip(recording.kernels, recording.freed, strict=True):
            self.alive += kernel.made
            self._note(first, Phase.FORWARD, kernel.work, kernel.scratch[0])
            if keeps:
                for storage in kernel.keeps:
                    self._users[storages[storage]] += 1
            if freed:
                self._release([storages[storage] for storage in freed])

    def backward(self) -> None:
        """The backward pass, from the loss on."""
        calls = self._trace.calls
        loss = calls[-1]
        one = self._allocate(self._sizes[loss.storages[loss.recording.output.storage]])
        self._users[one] += 1  # the caller holds it
        self._gradients[loss.tensors[loss.recording.output.number]] = _Arrived(one, Layout.LAST)
        for position in reversed(range(len(calls))):
            call, segment = calls[position], self._segments.get(position)
            for kernel in reversed(call.recording.kernels):
                if kernel.learns:
                    self._backward(call, kernel, segment)
                if segment is not None and kernel is segment.begin and position == segment.start:
                    self.alive -= RANDOM_STATE
                    self._release([segment.source])

    # ------------------------------------------------------------------ segments

    def _run_again(self, segment: Segment) -> dict[int, int]:
        """The forward pass of a segment once more, the first time; what is kept of it stays."""
        if segment.first in self._again:
            return self._again[segment.first]
        again = self._again[segment.first] = {}
        held: set[int] = set()
        self.alive += RANDOM_STATE  # that of now, for when it is done
        for position in range(segment.first, segment.stop + 1):
            first, recording, storages, _ = self._trace.calls[position]
            for kernel, freed in zip(recording.kernels, recording.freed, strict=True):
                last = kernel is segment.end and position == segment.stop
                if not last or kernel.keeps_result:
                    for storage in kernel.new:
                        again[storages[storage]] = self._allocate(self._sizes[storages[storage]])
                        held.add(storages[storage])
                for storage in kernel.keeps:
                    self._users[again.get(storages[storage], storages[storage])] += 1
                if not last or kernel.keeps_result:
                    self._note(first, Phase.BACKWARD, kernel.work, kernel.scratch[0])
                if last:
                    break
                for storage in freed:
                    held.remove(storages[storage])
                    self._release([again[storages[storage]]])
            else:
                for storage in held.intersection(self._trace.freed[position]):
                    held.remove(storage)
                    self._release([again[storage]])
        self._release([again[storage] for storage in held])
        self.alive -= RANDOM_STATE
        return again

    # ------------------------------------------------------------------- kernels

    def _backward(self, call: Call, kernel: Kernel, segment: Segment | None) -> None:
        first, _, storages, tensors = call
        outputs = tensors[1:] if kernel.splits else (tensors[kernel.output],)
        arrived = [self._gradients.pop(output) for output in outputs if output in self._gradients]
        if not arrived:
            return
        kept = [storages[storage] for storage in kernel.keeps]
        late: Sequence[Gradient] = ()
        given = kernel.gradients
        if segment is not None and kept:
            again = self._run_again(segment)
            kept = [again.get(storage, storage) for storage in kept]
            late = [x for x in given if x.sums]
            given = [x for x in given if not x.sums]
        came = arrived[0]
        layout = came.layout if kernel.gives is None else kernel.gives
        self.alive += kernel.weights
        gradients = [(x, self._give(x, came, layout)) for x in given]
        self._note(first, Phase.BACKWARD, kernel.back[came.layout], kernel.scratch[1])
        self._release(kept)
        if late:  # what was computed again is gone when sums are made
            gradients += [(x, self._give(x, came, Layout.LAST)) for x in late]
            self._note(first, Phase.BACKWARD, kernel.back[came.layout])
        self._release([gradient.storage for gradient in arrived])
        self._weight_gradients += kernel.weights
        for x, gradient in gradients:
            if x.parameter:
                self._weight_gradients += x.size
            else:
                self._accumulate(first, tensors[x.number], x.size, gradient)

    def _give(self, x: Gradient, came: _Arrived, layout: Layout) -> _Arrived:
        if x.passes:
            self._users[came.storage] += 1
            return _Arrived(came.storage, layout)
        dense = Layout.LAST if layout is Layout.STRIDED else layout
        return _Arrived(self._allocate(x.size), dense)

    def _accumulate(self, first: int, tensor: int, size: Size, new: _Arrived) -> None:
        """Add a gradient to one that came before."""
        old = self._gradients.get(tensor)
        if old is None:
            self._gradients[tensor] = new
        elif self._may_change(old):
            self._release([new.storage])
        elif self._may_change(new):
            self._release([old.storage])
            self._gradients[tensor] = new
        else:
            self._gradients[tensor] = _Arrived(self._allocate(size), Layout.LAST)
            self._note(first, Phase.BACKWARD)
            self._release([old.storage, new.storage])

    def _may_change(self, gradient: _Arrived) -> bool:
        return self._users[gradient.storage] == 1 and gradient.layout is not Layout.STRIDED

    # ------------------------------------------------------------------ storages

    def _allocate(self, size: Size) -> int:
        self._sizes.append(size)
        self._users.append(1)
        self.alive += size
        return len(self._sizes) - 1

    def _release(self, storages: Iterable[int]) -> None:
        users, sizes = self._users, self._sizes
        for storage in storages:
            users[storage] -= 1
            if not users[storage]:
                self.alive -= sizes[storage]

    def _note(self, operation: int, phase: Phase, work: Size = 0, scratch: int = 0) -> None:
        self.moments.append(
            Moment(self.alive + work, self._weight_gradients, scratch, operation, phase)
        )
