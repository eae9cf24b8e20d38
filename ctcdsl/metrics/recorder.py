"""The kernels of groups, recorded once for all groups that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ctcdsl.metrics.groups import Group
from ctcdsl.ops.recording import Profile, Recording
from ctcdsl.ops.shapes import Shape
from ctcdsl.ops.tape import Tape
from ctcdsl.ops.tensor import Tensor

Kind = int
"""The number of what a recording may depend on of an input: its shape, bytes, layout."""
_Key = tuple[int, ...]
"""The signature of a group, and the kinds of its inputs."""


class Recorder:
    """Records operations; `half` under autocast to bfloat16."""

    def __init__(self, *, half: bool) -> None:
        self._half = half
        self._kinds: dict[tuple[Shape, tuple[Any, ...]], Kind] = {}
        self._tensors: list[tuple[Any, ...]] = []
        self._idle: list[Kind] = []
        """Of each kind that of inference."""
        self._recordings: dict[_Key, tuple[Recording, Kind]] = {}
        self._profiles: dict[_Key, tuple[Profile, Kind]] = {}

    def kind(self, shape: Shape, x: Tensor) -> Kind:
        """The kind of a value."""
        kind = self._kind(shape, x.size, x.itemsize, x.layout, x.learns)
        if x.learns and self._idle[kind] == kind:
            self._idle[kind] = self._kind(shape, x.size, x.itemsize, x.layout, False)
        return kind

    def _kind(self, shape: Shape, *described: Any) -> Kind:
        kind = self._kinds.setdefault((shape, described), len(self._tensors))
        if kind == len(self._tensors):
            self._tensors.append(described)
            self._idle.append(kind)
        return kind

    def tape(self, kinds: Sequence[Kind], *, training: bool) -> tuple[Tape, list[Tensor]]:
        """A tape for an operation on inputs of some kinds, and the inputs."""
        inputs = [Tensor(at, at, *self._tensors[kind]) for at, kind in enumerate(kinds)]
        return Tape(inputs, training=training, half=self._half), inputs

    def record(self, group: Group, kinds: Sequence[Kind]) -> tuple[Recording, Kind]:
        """The kernels of a group in training, and the kind of its output."""
        key = group.signature, *kinds
        found = self._recordings.get(key)
        if found is None:
            recording = self._record(group, kinds, training=True)
            kind = self.kind(group.nodes[-1].output.shape, recording.output)
            found = self._recordings[key] = recording, kind
            if recording.profile is not None:
                key = group.signature, *[self._idle[kind] for kind in kinds]
                self._profiles[key] = recording.profile, self._idle[kind]
        return found

    def profile(self, group: Group, kinds: Sequence[Kind]) -> tuple[Profile, Kind]:
        """The bytes that are alive in inference, and the kind of its output."""
        key = group.signature, *kinds
        found = self._profiles.get(key)
        if found is None:
            recording = self._record(group, kinds, training=False)
            assert recording.profile is not None
            kind = self.kind(group.nodes[-1].output.shape, recording.output)
            found = self._profiles[key] = recording.profile, kind
        return found

    def _record(self, group: Group, kinds: Sequence[Kind], *, training: bool) -> Recording:
        tape, inputs = self.tape(kinds, training=training)
        taken = iter(inputs)
        before, result = -1, inputs[0]
        for node in group.nodes:
            given = [result if x.number == before else next(taken) for x in node.inputs]
            result = node.op.trace(tape, node, *given)
            before = node.output.number
            tape.end(*given)
        return tape.finish(result)
