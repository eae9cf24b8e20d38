"""The time of each layer within a forward pass of its network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

from ctcdsl.checking import Network
from ctcdsl.codegen.source_map import source_map
from ctcdsl.lowering import lower
from ctcdsl.metrics.counts import values_moved
from ctcdsl.ops.graph import OpNode
from ctcdsl.timing.clock import Clock, Sample

REST = "between layers"
"""What a pass takes beside its layers: calls from module to module."""


class LayerTiming(NamedTuple):
    """The times of a layer in the passes of a network."""

    name: str
    sample: Sample


class _Event(NamedTuple):
    """A submodule at work: when it began, and when it had ended."""

    number: int
    begin: float
    end: float


class LayerClock:
    """Times the submodules of a network's module while it runs.

    Between two submodules are the operations that code writes as expressions, sums and
    concatenations: they get the time that passes there, by the values that they move where there
    are several.
    """

    def __init__(self, network: Network, module: nn.Module, clock: Clock) -> None:
        self._network, self._module, self._clock = network, module, clock
        self._paths, self._places, self._between = _places(network)
        self._events: list[_Event] = []
        self._passes: list[dict[str, float]] = []

    def run(self, forward: Callable[[], object]) -> None:
        """Run a forward pass, and note the time of each layer."""
        self._events.clear()
        with self._watched():
            self._clock.finish()
            begin = self._clock.now()
            forward()
            self._clock.finish()
            end = self._clock.now()
        self._passes.append(self._by_layer(begin, end))

    def timings(self) -> tuple[LayerTiming, ...]:
        """The layers in their order, those that take no time left out, then the rest."""
        names = [*(node.name for node in self._network.layers), REST]
        return tuple(
            LayerTiming(name, Sample(times, times))
            for name in names
            if any(times := tuple(one.get(name, 0.0) for one in self._passes))
        )

    def _by_layer(self, begin: float, end: float) -> dict[str, float]:
        times: defaultdict[str, float] = defaultdict(float)
        last, since = -1, begin
        for number, start, stop in self._events:
            place = self._places[number]
            self._share(times, self._operators(last, place), start - since)
            times[self._paths[number][1]] += stop - start
            last, since = place, stop
        self._share(times, self._operators(last, len(self._between)), end - since)
        return times

    def _operators(self, after: int, before: int) -> Sequence[OpNode]:
        """The operators between two places of the graph; none where a module skips back."""
        return [op for ops in self._between[after + 1 : before + 1] for op in ops]

    @staticmethod
    def _share(times: defaultdict[str, float], ops: Sequence[OpNode], seconds: float) -> None:
        moved = [values_moved(op) for op in ops]
        total = sum(moved)
        if not total:
            times[REST] += seconds
            return
        for op, values in zip(ops, moved, strict=True):
            times[op.layer] += seconds * values / total

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Within this, submodules note when they work."""
        modules = [self._module.get_submodule(path) for path, _ in self._paths]
        for number, module in enumerate(modules):
            module.forward = self._noted(number, module.forward)
        try:
            yield
        finally:
            for module in modules:
                del module.forward

    def _noted(self, number: int, forward: Callable[..., object]) -> Callable[..., object]:
        now, finish, events = self._clock.now, self._clock.finish, self._events

        def timed(*inputs: torch.Tensor) -> object:
            begin = now()
            output = forward(*inputs)
            finish()
            events.append(_Event(number, begin, now()))
            return output

        return timed


def _places(
    network: Network,
) -> tuple[list[tuple[str, str]], list[int], list[list[OpNode]]]:
    """The submodules, with their layers; their places among all; the operators before each place.

    A place counts the operations that a submodule computes, in the order of execution.
    """
    waiting: dict[tuple[str, str, str], list[int]] = {}
    submodules = source_map(network).submodules
    for number, submodule in enumerate(submodules):
        waiting.setdefault(_key(submodule.op), []).append(number)
    places = [0] * len(submodules)
    between: list[list[OpNode]] = [[]]
    for node in lower(network).nodes:
        if numbers := waiting.get(_key(node)):
            places[numbers.pop(0)] = len(between) - 1
            between.append([])
        else:
            between[-1].append(node)
    return [(each.path, each.op.layer) for each in submodules], places, between


def _key(node: OpNode) -> tuple[str, str, str]:
    return node.layer, node.role, type(node.op).__name__
