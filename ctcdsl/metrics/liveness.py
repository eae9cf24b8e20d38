"""The bytes that are alive while a network runs: kernel after kernel, forward and backward.

A tensor lives as long as Python holds it, in a variable or as an argument of a call, or autograd
keeps it. The backward pass takes kernels in reverse: it makes their gradients while it still has
the gradient that came and what was kept, then frees those. Gradients that meet where the network
forks are added in place where nothing else needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import compress
from operator import itemgetter

from ctcdsl.metrics.trace import Call, Segment, Trace
from ctcdsl.ops.recording import Backward, Gradient, Kernel
from ctcdsl.ops.tensor import LAST, STRIDED, Layout, Size

LOSS = "loss"
"""What stands for a layer after the last."""
RANDOM_STATE = 5056
"""Bytes of the state of PyTorch's random numbers, which a segment draws again."""


class Phase(StrEnum):
    """What a step is doing."""

    FORWARD = "forward"
    BACKWARD = "backward"
    OPTIMIZER = "optimizer"


class Moment:
    """The bytes of tensors while a kernel runs; weights, images and labels are counted apart.

    `gradients` of the bytes that are `alive` are those of weights that are done. A library may take
    `scratch` more. `operation` is the position in the graph; that after the last is the loss.
    """

    __slots__ = ("alive", "gradients", "operation", "phase", "scratch")

    def __init__(
        self, alive: Size, gradients: int, scratch: int, operation: int, phase: Phase
    ) -> None:
        self.alive = alive
        self.gradients = gradients
        self.scratch = scratch
        self.operation = operation
        self.phase = phase


_Arrived = tuple[int, Layout]
"""A gradient on its way back: its storage, how it is laid out in memory."""
_storage = itemgetter(0)


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
        self._phase = Phase.FORWARD
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
        until = 1  # the first has the images
        for call in self._trace.calls:
            start, until = until, until + len(call.recording.sizes)
            kept = sum(compress(self._sizes[start:until], self._users[start:until]))
            self.kept.append((call.first, kept))

    def _call(self, call: Call, *, keeps: bool) -> None:
        first, recording, storages, _ = call
        for kernel, freed in zip(recording.kernels, recording.freed, strict=True):
            self.alive += kernel.made
            self._note(first, kernel.work, kernel.scratch[0])
            if keeps:
                for storage in kernel.keeps:
                    self._users[storages[storage]] += 1
            if freed:
                self._release(map(storages.__getitem__, freed))

    def backward(self) -> None:
        """The backward pass, from the loss on."""
        self._phase = Phase.BACKWARD
        calls = self._trace.calls
        loss = calls[-1]
        one = self._allocate(self._sizes[loss.storages[loss.recording.output.storage]])
        self._users[one] += 1  # the caller holds it
        self._gradients[loss.tensors[loss.recording.output.number]] = one, LAST
        for position in reversed(range(len(calls))):
            call, segment = calls[position], self._segments.get(position)
            for kernel in reversed(call.recording.kernels):
                if kernel.backward is not None:
                    self._backward(call, kernel, kernel.backward, segment)
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
                    self._note(first, kernel.work, kernel.scratch[0])
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

    def _backward(
        self, call: Call, kernel: Kernel, backward: Backward, segment: Segment | None
    ) -> None:
        first, _, storages, tensors = call
        came = self._gradients.pop(tensors[backward.output], None)
        arrived = [came] if came is not None else []
        if backward.splits:  # one for the shares of all calls
            others = [tensor for tensor in tensors[2:] if tensor in self._gradients]
            arrived += [self._gradients.pop(tensor) for tensor in others]
        if not arrived:
            return
        kept: Iterable[int] = map(storages.__getitem__, kernel.keeps)
        late: Sequence[Gradient] = ()
        given = backward.gradients
        if segment is not None and kernel.keeps:
            again = self._run_again(segment)
            kept = [again.get(storage, storage) for storage in kept]
            late = [x for x in given if x.sums]
            given = [x for x in given if not x.sums]
        storage, came_as = arrived[0]
        layout = came_as if backward.gives is None else backward.gives
        self.alive += backward.weights
        gradients = self._give(given, storage, layout)
        self._note(first, backward.work[came_as], kernel.scratch[1])
        if late:  # what was computed again is gone when sums are made
            self._release(kept)
            kept = ()
            gradients += self._give(late, storage, LAST)
            self._note(first, backward.work[came_as])
        self._release((*kept, *map(_storage, arrived)))
        self._weight_gradients += backward.weights
        for x, gradient in gradients:
            if x.parameter:
                self._weight_gradients += x.size
            elif tensors[x.number] in self._gradients:
                self._accumulate(first, tensors[x.number], x.size, gradient)
            else:
                self._gradients[tensors[x.number]] = gradient

    def _give(
        self, gradients: Sequence[Gradient], came: int, layout: Layout
    ) -> list[tuple[Gradient, _Arrived]]:
        """The gradients of a kernel's inputs."""
        dense = LAST if layout == STRIDED else layout
        given: list[tuple[Gradient, _Arrived]] = []
        for x in gradients:
            if x.passes:
                self._users[came] += 1
                given.append((x, (came, layout)))
            else:
                given.append((x, (self._allocate(x.size), dense)))
        return given

    def _accumulate(self, first: int, tensor: int, size: Size, new: _Arrived) -> None:
        """Add a gradient to one that came before."""
        old = self._gradients[tensor]
        if self._may_change(old):
            self._release(new[:1])
        elif self._may_change(new):
            self._release(old[:1])
            self._gradients[tensor] = new
        else:
            self._gradients[tensor] = self._allocate(size), LAST
            self._note(first)
            self._release(map(_storage, (old, new)))

    def _may_change(self, gradient: _Arrived) -> bool:
        storage, layout = gradient
        return self._users[storage] == 1 and layout != STRIDED

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

    def _note(self, operation: int, work: Size = 0, scratch: int = 0) -> None:
        self.moments.append(
            Moment(self.alive + work, self._weight_gradients, scratch, operation, self._phase)
        )
