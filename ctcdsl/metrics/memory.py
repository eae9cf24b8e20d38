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

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Literal, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.metrics.liveness import LOSS, Moment, Phase, Simulation, trace
from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.record import Record
from ctcdsl.ops.tape import FLOAT, INDEX, Size
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from ctcdsl.metrics.mcu import McuMemory

Precision = Literal["float32", "bf16"]
Optimizer = Literal["sgd", "adamw"]

_STATES: dict[Optimizer, int] = {"sgd": 1, "adamw": 2}
"""Numbers that an optimizer has for each weight; SGD with momentum."""


class Peaks(NamedTuple):
    """The most bytes at any time, for any batch: the largest of some straight lines.

    Each is a number of bytes, and one for each image.
    """

    lines: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, lines: Sequence[tuple[int, int]], base: Size) -> Peaks:
        """The peaks of lines above a `base`; without those that are below another everywhere."""
        highest: dict[int, int] = {}
        for fixed, image in lines:
            if fixed > highest.get(image, -1):
                highest[image] = fixed
        return cls(
            tuple((base.fixed + fixed, base.image + image) for image, fixed in highest.items())
        )

    def at(self, batch: int) -> int:
        """Bytes for a batch."""
        return max(fixed + batch * image for fixed, image in self.lines)

    def largest_batch(self, available: int) -> int:
        """The most images that fit in `available` bytes, 0 where not one does."""
        return max(0, min((available - fixed) // image for fixed, image in self.lines if image))


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
    _step: _Pass
    _forward: _Pass

    @property
    def training(self) -> TrainingMemory:
        """Of a training step."""
        total, at = self._step.most(self.batch)
        moment = self._step.moments[at]
        kernels = self._step.peaks.at(self.batch) - total
        saved = self._step.saved.of(self.batch)
        return TrainingMemory(total, self._layer(moment), moment.phase, kernels, saved)

    @property
    def inference(self) -> InferenceMemory:
        """Of a forward pass alone."""
        total, at = self._forward.most(self.batch)
        kernels = self._forward.peaks.at(self.batch) - total
        return InferenceMemory(total, self._layer(self._forward.moments[at]), kernels)

    @property
    def layers(self) -> tuple[LayerMemory, ...]:
        """Of each layer that computes something, in the order of `Network.layers`."""
        names = [node.layer for node in self._graph.nodes]
        kept = dict.fromkeys(names, 0)
        for name, size in zip(names, self._step.kept, strict=True):
            kept[name] += size.of(self.batch)
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
        return (self._step if training else self._forward).peaks.largest_batch(available)

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


class _Pass(NamedTuple):
    """A pass: its moments above a `base`, and what autograd keeps, in all and by operation."""

    base: Size
    moments: list[Moment]
    saved: Size
    kept: list[Size]

    def totals(self, batch: int) -> list[int]:
        """The bytes of each moment for a batch."""
        base = self.base.of(batch)
        return [base + moment.fixed + batch * moment.image for moment in self.moments]

    def most(self, batch: int) -> tuple[int, int]:
        """The bytes of its largest moment, and where that is."""
        totals = self.totals(batch)
        peak = max(totals)
        return peak, totals.index(peak)

    @property
    def peaks(self) -> Peaks:
        """Its peaks for any batch, with the work space of kernels."""
        return Peaks.of([(m.fixed + m.scratch, m.image) for m in self.moments], self.base)


class TrainingPeaks(NamedTuple):
    """The most bytes of a training step for any batch.

    `step` where a step takes all images at once; `part` where it adds up the gradients of several
    parts.
    """

    step: Peaks
    part: Peaks


def network_memory(
    network: Network,
    batch: int = 1,
    *,
    precision: Precision = "float32",
    optimizer: Optimizer = "sgd",
) -> Memory:
    """The memory of a network for a batch; `bf16` is autocast, on weights in float32."""
    graph = lower(network)
    static = _Static.of(graph, optimizer)
    image = FLOAT * network.input.numel
    return Memory(
        network=network,
        batch=batch,
        precision=precision,
        optimizer=optimizer,
        weights=static.weights,
        gradients=static.gradients,
        state=static.state,
        images=batch * (image + INDEX),
        _graph=graph,
        _step=_training(graph, static, precision, Size(0, image + INDEX)),
        _forward=_inference(graph, static, precision, Size(0, image)),
    )


def training_peaks(network: Network, precision: Precision, pixel_bytes: int = 0) -> TrainingPeaks:
    """The peaks of training by SGD with momentum, without the work space of kernels.

    Args:
        network: The network.
        precision: Of its layers.
        pixel_bytes: What the caller holds of each image besides.
    """
    graph = lower(network)
    static = _Static.of(graph, "sgd")
    images = Size(0, FLOAT * network.input.numel + INDEX + pixel_bytes)
    base, moments, *_ = _training(graph, static, precision, images)
    step = [(moment.fixed, moment.image) for moment in moments]
    # Gradients are there from the start; new ones are added to them, and freed.
    part = [(m.fixed - m.gradients + static.gradients, m.image) for m in moments]
    return TrainingPeaks(Peaks.of(step, base), Peaks.of(part, base))


class StaticMemory(NamedTuple):
    """What a step holds all the time, and what its end takes, after the backward pass."""

    held: int
    end: int


def static_memory(
    graph: OpGraph, network: Network, batch: int, optimizer: Optimizer
) -> StaticMemory:
    """What of a training step does not depend on what is kept for its backward pass."""
    static = _Static.of(graph, optimizer)
    held = static.weights + static.state + batch * (FLOAT * network.input.numel + INDEX)
    return StaticMemory(held, held + static.gradients + static.copied)


class _Static(NamedTuple):
    """What does not depend on the batch."""

    weights: int
    gradients: int
    state: int
    copied: int
    """The largest weight whose gradient the fused optimizer copies: it wants channels first."""

    @classmethod
    def of(cls, graph: OpGraph, optimizer: Optimizer) -> _Static:
        weights = gradients = tensors = copied = 0
        for node in graph.nodes:
            for spec in node.op.tensors():
                numel = prod(spec.shape)
                weights += numel * FLOAT if spec.shape else INDEX
                if spec.trained:
                    tensors += 1
                    gradients += numel * FLOAT
                    if len(spec.shape) == 4 and spec.shape[1] > 1 < prod(spec.shape[2:]):
                        copied = max(copied, numel * FLOAT)
        counts = tensors * FLOAT if optimizer == "adamw" else 0
        return cls(weights, gradients, _STATES[optimizer] * gradients + counts, copied)


def _training(graph: OpGraph, static: _Static, precision: Precision, images: Size) -> _Pass:
    simulation = Simulation(trace(graph, training=True, half=precision == "bf16"))
    simulation.forward()
    saved = simulation.alive
    simulation.backward()
    end = simulation.alive
    step = Moment(
        end.fixed + static.copied,
        end.image,
        static.gradients,
        0,
        len(graph.nodes) + 1,
        Phase.OPTIMIZER,
    )
    base = Size(static.weights + static.state, images.image)
    kept = [simulation.kept.get(position, Size()) for position in range(len(graph.nodes))]
    return _Pass(base, [*simulation.moments, step], saved, kept)


def _inference(graph: OpGraph, static: _Static, precision: Precision, images: Size) -> _Pass:
    simulation = Simulation(trace(graph, training=False, half=precision == "bf16"))
    simulation.forward()
    return _Pass(Size(static.weights, images.image), simulation.moments, Size(), [])


def format_bytes(count: int) -> str:
    """A number of bytes for people: `1.2 GB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
