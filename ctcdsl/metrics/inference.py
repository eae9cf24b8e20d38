"""The bytes that are alive in a forward pass without a backward pass, kernel after kernel."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from ctcdsl.metrics.groups import Group
from ctcdsl.metrics.liveness import Moment, Phase
from ctcdsl.metrics.recorder import Recorder
from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.recording import Profile
from ctcdsl.ops.tensor import FLOAT, IMAGE, Size, Tensor


def inference_moments(graph: OpGraph, groups: Sequence[Group], recorder: Recorder) -> list[Moment]:
    """What is alive while each kernel runs: values until the last call that holds them ends."""
    shape = graph.input.shape
    kind = recorder.kind(shape, Tensor(0, 0, IMAGE * FLOAT * shape.numel, FLOAT))
    values = {graph.input.number: (0, kind)}
    sizes: list[Size] = [0]  # of storages; the images are the caller's
    last = [0]
    profiles: list[Profile] = []
    for position, group in enumerate(groups):
        inputs = [values[number] for number in group.inputs]
        profile, kind = recorder.profile(group, [kind for _, kind in inputs])
        for storage, _ in inputs:
            last[storage] = position
        if profile.result < len(inputs):
            storage, _ = inputs[profile.result]
        else:
            storage = len(sizes)
            sizes.append(profile.made)
            last.append(position)
        values[group.nodes[-1].output.number] = storage, kind
        profiles.append(profile)
    firsts = [group.first for group in groups]
    for hold in graph.holds:
        if hold.value in values:
            storage, _ = values[hold.value]
            last[storage] = max(last[storage], bisect_right(firsts, hold.until) - 1)
    freed: list[Size] = [0] * len(groups)
    output, _ = values[graph.output.number]
    for storage, position in enumerate(last):
        if storage != output:
            freed[position] += sizes[storage]
    alive: Size = 0
    moments: list[Moment] = []
    for first, profile, size in zip(firsts, profiles, freed, strict=True):
        for more, scratch in profile.moments:
            moments.append(Moment(alive + more, 0, scratch, first, Phase.FORWARD))
        alive += profile.made - size
    return moments
