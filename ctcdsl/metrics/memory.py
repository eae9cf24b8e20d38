"""How much memory a network takes, training and inference, before anything is allocated.

`network_memory(network, batch)` gives a `Memory`; its numbers are bytes:

    .inference.peak            all that a forward pass holds: weights, images, maps
    .training.peak             all that a step holds
    .training.saved            what autograd keeps for the backward pass
    .largest_batch(available)  the most images of a step that fits in so many bytes
    .mcu.peak                  int8 inference of one image on a microcontroller

They are those of PyTorch on a CPU: a step is forward, cross entropy, backward and the fused
optimizer's step, of a module and images in channels-last memory, from the second step on, when the
optimizer has its state. The images, and 8 bytes for each label, are the caller's and count.
Work space of libraries comes on top: `kernels` is how much it may be at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.metrics.groups import grouped
from ctcdsl.metrics.liveness import LOSS, Moment, Phase
from ctcdsl.metrics.peaks import Peaks
from ctcdsl.metrics.recorder import Recorder
from ctcdsl.metrics.step import (
    Alive,
    Optimizer,
    Precision,
    forward_pass,
    image_bytes,
    training_step,
    weights_of,
)
from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.record import Record
from ctcdsl.ops.tensor import bytes_of
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from ctcdsl.metrics.mcu import McuMemory


class InferenceMemory(NamedTuple):
    """The most that a forward pass takes: in which layer, and what `kernels` may add at most."""

    peak: int
    layer: str
    kernels: int


class TrainingMemory(NamedTuple):
    """The most that a step takes: in which layer and phase, and what `kernels` may add at most.

    `saved` is what autograd keeps when the forward pass ends. The `layer` is empty in the
    optimizer's step, and `loss` in the loss.
    """

    peak: int
    layer: str
    phase: Phase
    kernels: int
    saved: int


class Fit(NamedTuple):
    """The most images that fit in a memory, 0 where not one does, and what forbids one more.

    That takes `needed` bytes, kernels included, in a layer and phase. Where the memory is too small
    for what no batch makes smaller, the `layer` is empty.
    """

    batch: int
    needed: int
    layer: str
    phase: Phase


class LayerMemory(NamedTuple):
    """What a layer keeps for the backward pass, and the most that is alive while it runs."""

    name: str
    kept: int
    forward: int
    backward: int
    inference: int


class Instant(NamedTuple):
    """The bytes that are alive at a time of a training step; `weights` with the optimizer's."""

    layer: str
    phase: Phase
    weights: int
    gradients: int
    total: int


class Memory(Record):
    """The memory of a network for a batch of images, in bytes.

    `weights` are those of the module, statistics of norms included; `gradients` those of the
    weights; `state` the optimizer's; `images` the batch itself, with its labels.
    """

    network: Network
    batch: int
    precision: Precision
    optimizer: Optimizer
    weights: int
    gradients: int
    state: int
    images: int
    _graph: OpGraph
    _step: Alive
    _forward: Alive

    @property
    def training(self) -> TrainingMemory:
        """Of a training step."""
        peak, moment, kernels = self._step.most(self.batch)
        saved = bytes_of(self._step.saved, self.batch)
        return TrainingMemory(peak, self._layer(moment), moment.phase, kernels, saved)

    @property
    def inference(self) -> InferenceMemory:
        """Of a forward pass alone."""
        peak, moment, kernels = self._forward.most(self.batch)
        return InferenceMemory(peak, self._layer(moment), kernels)

    @property
    def layers(self) -> tuple[LayerMemory, ...]:
        """Of each layer that computes something, in the order of `Network.layers`."""
        nodes = self._graph.nodes
        kept = {node.layer: 0 for node in nodes}
        for at, size in self._step.kept:
            kept[nodes[at].layer] += bytes_of(size, self.batch)
        most: dict[tuple[str, str], int] = {}
        passes = ((self._step, ""), (self._forward, "inference"))
        for part, phase in passes:
            for moment, total in zip(part.moments, part.totals(self.batch), strict=True):
                key = self._layer(moment), phase or moment.phase
                most[key] = max(most.get(key, 0), total)
        phases = (Phase.FORWARD, Phase.BACKWARD, "inference")
        return tuple(
            LayerMemory(
                node.name, kept[node.name], *(most.get((node.name, phase), 0) for phase in phases)
            )
            for node in self.network.layers
            if node.name in kept
        )

    @property
    def timeline(self) -> tuple[Instant, ...]:
        """A training step, kernel after kernel."""
        totals = self._step.totals(self.batch)
        return tuple(
            Instant(
                self._layer(moment),
                moment.phase,
                self.weights + self.state,
                moment.gradients,
                total,
            )
            for moment, total in zip(self._step.moments, totals, strict=True)
        )

    def largest_batch(self, available: int, *, training: bool = True) -> int:
        """The most images that fit in `available` bytes with their kernels, 0 where not one does.

        Args:
            available: Bytes.
            training: Whether for a training step, or else for a forward pass.
        """
        part = self._step if training else self._forward
        sizes = (part.base + moment.alive + moment.scratch for moment in part.moments)
        return Peaks.of(sizes).largest_batch(available)

    def fit(self, available: int, *, training: bool = True) -> Fit:
        """The most images that fit in `available` bytes with their kernels, and what binds.

        Args:
            available: Bytes.
            training: Whether for a training step, or else for a forward pass.
        """
        batch = self.largest_batch(available, training=training)
        part = self._step if training else self._forward
        needs = [
            total + m.scratch for total, m in zip(part.totals(batch + 1), part.moments, strict=True)
        ]
        needed = max(needs)
        moment = part.moments[needs.index(needed)]
        static = self.weights + (self.state + self.gradients if training else 0)
        layer = "" if static > available else self._layer(moment)
        return Fit(batch, needed, layer, moment.phase)

    @property
    def mcu(self) -> McuMemory:
        """Of int8 inference of one image on a microcontroller."""
        from ctcdsl.metrics.mcu import mcu_memory

        return mcu_memory(self.network, self._graph)

    def draw(self, *, width: int = 840) -> str:
        """The picture of a training step as SVG: what is alive, kernel after kernel."""
        from ctcdsl.reporting.timeline import timeline_picture

        return timeline_picture(self, width=width, most=self.training.peak).svg()

    def _repr_html_(self) -> str:
        """What a notebook shows: the peaks, and memory over time."""
        from ctcdsl.metrics.html import as_html
        from ctcdsl.metrics.memory_tables import memory_table

        return as_html(memory_table([self]), caption=self.network.name) + self.draw()

    def _layer(self, moment: Moment) -> str:
        nodes = self._graph.nodes
        if moment.operation < len(nodes):
            return nodes[moment.operation].layer
        return "" if moment.phase is Phase.OPTIMIZER else LOSS

    def __repr__(self) -> str:
        images = plural(self.batch, "image")
        return (
            f"<Memory of {self.network.name} for {images}: {format_bytes(self.training.peak)} in"
            f" training, {format_bytes(self.inference.peak)} in inference>"
        )


def network_memory(
    network: Network,
    batch: int = 1,
    *,
    precision: Precision = "float32",
    optimizer: Optimizer = "sgd",
) -> Memory:
    """The memory of a network for a batch; `bf16` is autocast, on weights in float32."""
    graph = lower(network)
    groups, recorder = grouped(graph), Recorder(half=precision == "bf16")
    static = weights_of(groups, optimizer)
    return Memory(
        network=network,
        batch=batch,
        precision=precision,
        optimizer=optimizer,
        weights=static.weights,
        gradients=static.gradients,
        state=static.state,
        images=batch * image_bytes(network, labels=True),
        _graph=graph,
        _step=training_step(network, graph, groups, static, recorder),
        _forward=forward_pass(network, graph, groups, static, recorder),
    )


def format_bytes(count: int) -> str:
    """A number of bytes for people: `1.2 GB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
