"""The kernels of a training step, and how long Python holds what they make."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from ctcdsl.metrics.groups import Group
from ctcdsl.metrics.recorder import Kind, Recorder
from ctcdsl.ops.graph import OpGraph, Recomputed
from ctcdsl.ops.kernels import in_float
from ctcdsl.ops.recording import Kernel, Recording
from ctcdsl.ops.tape import Tape
from ctcdsl.ops.tensor import FIRST, FLOAT, IMAGE, Size, Tensor


class Call(NamedTuple):
    """A group in its place: the network's numbers of its recording's storages and tensors.

    `first` is the position of its first operation.
    """

    first: int
    recording: Recording
    storages: list[int]
    tensors: list[int]

    @property
    def new(self) -> list[int]:
        """The storages that its kernels allocate for results, and for autograd."""
        return [self.storages[x] for kernel in self.recording.kernels for x in kernel.new]

    @property
    def keeps(self) -> list[int]:
        """The storages that autograd keeps for its backward pass."""
        return [self.storages[x] for kernel in self.recording.kernels for x in kernel.keeps]

    @property
    def result(self) -> int:
        """The storage of its output."""
        return self.storages[self.recording.output.storage]


class Segment(NamedTuple):
    """Calls that training runs again in the backward pass, from `first` up to `last`.

    `source` is the storage of their input. Autograd keeps something of the kernel `begin` of the
    call `start` first, and of the kernel `end` of the call `stop` last: the second run ends before
    that, or with it where what it computes is kept.
    """

    source: int
    first: int
    last: int
    start: int
    begin: Kernel
    stop: int
    end: Kernel


class Trace(NamedTuple):
    """The calls of a network, in order: that of the loss is last.

    `sizes` are the bytes of storages, the first of which has the images. After each call Python
    lets the storages of `freed` go.
    """

    calls: list[Call]
    sizes: list[Size]
    freed: list[list[int]]
    segments: list[Segment]


class _Value(NamedTuple):
    """Where a value of the graph is, and its kind."""

    storage: int
    tensor: int
    kind: Kind


def trace(graph: OpGraph, groups: Sequence[Group], recorder: Recorder) -> Trace:
    """The kernels of a training step up to its loss, the cross entropy."""
    tracer = _Tracer(graph, recorder)
    for group in groups:
        tracer.add(group)
    return tracer.trace(graph)


class _Tracer:
    """Records operations, and numbers their storages and tensors."""

    def __init__(self, graph: OpGraph, recorder: Recorder) -> None:
        self._recorder = recorder
        shape = graph.input.shape
        image = Tensor(0, 0, IMAGE * FLOAT * shape.numel, FLOAT)
        self._values = {graph.input.number: _Value(0, 0, recorder.kind(shape, image))}
        self._calls: list[Call] = []
        self._firsts: list[int] = []
        self._sizes = [image.size]
        self._tensors = 1
        self._last: dict[int, int] = {}
        """The call after which Python lets each storage go."""
        self._cached: list[int] = []
        self._splits: dict[int, Call] = {}
        """By each tensor that is split, the call whose kernel does it."""

    def add(self, group: Group) -> None:
        """A group is called."""
        inputs = [self._values[number] for number in group.inputs]
        recording, kind = self._recorder.record(group, [kind for _, _, kind in inputs])
        call = self._call(group.first, recording, inputs)
        output = recording.output
        value = _Value(call.storages[output.storage], call.tensors[output.number], kind)
        self._values[group.nodes[-1].output.number] = value
        if recording.splits:
            first = self._splits.setdefault(inputs[0].tensor, call)
            if first is not call:
                first.tensors.append(value.tensor)
                call = call._replace(recording=recording._replace(kernels=(), freed=()))
        self._last[value.storage] = len(self._calls)
        if recording.cached:
            self._cached += [call.storages[storage] for storage in recording.cached]
        self._calls.append(call)
        self._firsts.append(group.first)

    def trace(self, graph: OpGraph) -> Trace:
        """All of it, with the loss."""
        output = self._values[graph.output.number]
        last, at = self._last, self._position
        for hold in graph.holds:
            if hold.value in self._values:
                storage = self._values[hold.value].storage
                last[storage] = max(last[storage], at(hold.until))
        last.update(dict.fromkeys(self._cached, len(self._calls) - 1))
        segments = [self._segment(part) for part in graph.recomputed]
        tape, (logits,) = self._recorder.tape([output.kind], training=True)
        loss = tape.finish(_cross_entropy(tape, logits, vector=graph.output.vector))
        self._calls.append(self._call(len(graph.nodes), loss, [output]))
        freed: list[list[int]] = [[] for _ in self._calls]
        for storage, call in last.items():
            if storage not in (0, output.storage):  # the caller's, to the end
                freed[call].append(storage)
        found = [segment for segment in segments if segment is not None]
        return Trace(self._calls, self._sizes, freed, found)

    def _position(self, operation: int) -> int:
        """The call of an operation."""
        return bisect_right(self._firsts, operation) - 1

    def _call(self, first_operation: int, recording: Recording, inputs: Sequence[_Value]) -> Call:
        position, first, count = len(self._calls), len(self._sizes), self._tensors
        self._sizes += recording.sizes
        self._tensors += recording.tensors
        storages, tensors = [], []
        for storage, tensor, _ in inputs:
            self._last[storage] = position
            storages.append(storage)
            tensors.append(tensor)
        storages += range(first, len(self._sizes))
        tensors += range(count, self._tensors)
        return Call(first_operation, recording, storages, tensors)

    def _segment(self, part: Recomputed) -> Segment | None:
        calls = range(self._position(part.first), self._position(part.last) + 1)
        keeping = [
            (position, kernel)
            for position in calls
            for kernel in self._calls[position].recording.kernels
            if kernel.keeps
        ]
        if not keeping:
            return None
        source = self._values[part.value].storage
        return Segment(source, calls[0], calls[-1], *keeping[0], *keeping[-1])


def _cross_entropy(tape: Tape, output: Tensor, *, vector: bool) -> Tensor:
    (logits,) = in_float(tape, output)
    result = tape.like(logits)
    if vector:
        probabilities = tape.run(result, logits, keeps=(result,))
    else:  # those of maps are computed with channels first
        probabilities = tape.run(result, logits, keeps=(result,), work=logits.size, gives=FIRST)
    loss = tape.run(
        tape.sized(FLOAT, FLOAT), probabilities, keeps=(probabilities,), copies=(FLOAT,)
    )
    tape.end(logits)
    return loss
