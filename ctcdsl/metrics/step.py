"""What is alive in a training step and in a forward pass, kernel after kernel, for any batch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.metrics.groups import Group
from ctcdsl.metrics.inference import inference_moments
from ctcdsl.metrics.liveness import Moment, Phase, Simulation
from ctcdsl.metrics.recorder import Recorder
from ctcdsl.metrics.trace import trace
from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.tensor import FLOAT, IMAGE, INDEX, Size, bytes_of

Precision = Literal["float32", "bf16"]
Optimizer = Literal["sgd", "adamw"]

_STATES: dict[Optimizer, int] = {"sgd": 1, "adamw": 2}
"""Numbers that an optimizer has for each weight; SGD with momentum."""


class Weights(NamedTuple):
    """The bytes of a module's tensors, of gradients, of the optimizer's state.

    `copied` are those of the largest weight whose gradient the fused optimizer copies: it wants
    channels first.
    """

    weights: int
    gradients: int
    state: int
    copied: int


def weights_of(groups: Sequence[Group], optimizer: Optimizer) -> Weights:
    """What does not depend on the batch."""
    found: dict[int, tuple[int, int, int, int]] = {}
    for group in groups:
        if group.signature not in found:
            found[group.signature] = _weights(group)
    weights, gradients, tensors, copied = zip(
        *(found[group.signature] for group in groups), strict=True
    )
    trained = sum(gradients)
    counts = sum(tensors) * FLOAT if optimizer == "adamw" else 0
    return Weights(sum(weights), trained, _STATES[optimizer] * trained + counts, max(copied))


def _weights(group: Group) -> tuple[int, int, int, int]:
    """The bytes of a group's tensors, of those that are trained, their number, the largest copy."""
    weights = gradients = tensors = copied = 0
    for node in group.nodes:
        for spec in node.op.tensors():
            numel = prod(spec.shape)
            weights += numel * FLOAT if spec.shape else INDEX
            if spec.trained:
                tensors += 1
                gradients += numel * FLOAT
                if len(spec.shape) == 4 and spec.shape[1] > 1 < prod(spec.shape[2:]):
                    copied = max(copied, numel * FLOAT)
    return weights, gradients, tensors, copied


def image_bytes(network: Network, *, labels: bool) -> int:
    """The bytes of an image in float32; with its label, which is an index."""
    return FLOAT * network.input.numel + (INDEX if labels else 0)


class Alive(NamedTuple):
    """The moments of a step or a forward pass, above the bytes of its `base`.

    `saved` is what autograd keeps when the forward pass ends, `kept` the same by operations.
    """

    base: Size
    moments: list[Moment]
    saved: Size = 0
    kept: Sequence[tuple[int, Size]] = ()

    def totals(self, batch: int) -> list[int]:
        """The bytes of each moment for a batch."""
        base = self.base
        return [bytes_of(base + moment.alive, batch) for moment in self.moments]

    def most(self, batch: int) -> tuple[int, Moment, int]:
        """The bytes of the largest moment, that moment, and what kernels may add to the most."""
        totals = self.totals(batch)
        peak = max(totals)
        needed = max([total + m.scratch for total, m in zip(totals, self.moments, strict=True)])
        return peak, self.moments[totals.index(peak)], needed - peak


def training_step(
    network: Network,
    graph: OpGraph,
    groups: Sequence[Group],
    weights: Weights,
    recorder: Recorder,
) -> Alive:
    """A training step, with the images and their labels."""
    simulation = Simulation(trace(graph, groups, recorder))
    simulation.forward()
    saved = simulation.alive
    simulation.backward()
    end = simulation.alive + weights.copied
    last = Moment(end, weights.gradients, 0, len(graph.nodes) + 1, Phase.OPTIMIZER)
    base = weights.weights + weights.state + IMAGE * image_bytes(network, labels=True)
    return Alive(base, [*simulation.moments, last], saved, simulation.kept[:-1])


def forward_pass(
    network: Network,
    graph: OpGraph,
    groups: Sequence[Group],
    weights: Weights,
    recorder: Recorder,
) -> Alive:
    """A forward pass in inference, with the images."""
    base = weights.weights + IMAGE * image_bytes(network, labels=False)
    return Alive(base, inference_moments(graph, groups, recorder))
