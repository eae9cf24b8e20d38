"""The table of metrics: all that `ctcdsl cost` and `ctcdsl.cost` can report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ctcdsl.ir import ConvLayer
from ctcdsl.metrics.counts import (
    buffers,
    needs_input_gradient,
    op_macs,
    parameters,
    trained_values,
    values_moved,
)
from ctcdsl.metrics.metric import (
    Metric,
    Quotient,
    added,
    count_text,
    largest,
    last,
    quotient,
    quotient_text,
    sides_text,
    summed,
    time_text,
)
from ctcdsl.metrics.receptive_field import receptive_fields
from ctcdsl.metrics.roofline import Roof, roof, roof_text, together
from ctcdsl.metrics.workload import Workload
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import error

PARAMETER_BYTES = 4


def _depth(workload: Workload) -> list[int]:
    layers = (node.layer for node in workload.network.layers)
    return [int(isinstance(layer, ConvLayer)) for layer in layers]


def _macs(workload: Workload) -> list[int]:
    return [workload.batch * op_macs(ops)[0] for ops in workload.layer_ops]


def _macs_fc(workload: Workload) -> list[int]:
    return [workload.batch * op_macs(ops)[1] for ops in workload.layer_ops]


def _training_macs(workload: Workload) -> list[int]:
    trained = trained_values(workload.graph)
    return [
        workload.batch * sum(op.macs * (2 + needs_input_gradient(op, trained)) for op in ops)
        for ops in workload.layer_ops
    ]


def _parameters(workload: Workload) -> list[int]:
    return [parameters(ops) for ops in workload.layer_ops]


def _buffers(workload: Workload) -> list[int]:
    return [buffers(ops) for ops in workload.layer_ops]


def _activation_bytes(workload: Workload) -> list[int]:
    size = workload.batch * workload.value_bytes
    return [size * ops[-1].output.shape.numel if ops else 0 for ops in workload.layer_ops]


def _traffic(workload: Workload) -> list[int]:
    size = workload.batch * workload.value_bytes
    return [
        size * sum(map(values_moved, ops)) + PARAMETER_BYTES * parameters(ops)
        for ops in workload.layer_ops
    ]


def _intensity(workload: Workload) -> list[Quotient]:
    all_macs = (workload.batch * sum(op_macs(ops)) for ops in workload.layer_ops)
    return [Quotient(*pair) for pair in zip(all_macs, _traffic(workload), strict=True)]


def _latency(workload: Workload) -> list[float]:
    return [times.seconds for times in workload.latency.by_layer.values()]


def _latency_low(workload: Workload) -> list[float]:
    return [times.low for times in workload.latency.by_layer.values()]


def _latency_high(workload: Workload) -> list[float]:
    return [times.high for times in workload.latency.by_layer.values()]


def _roof(workload: Workload) -> list[Roof]:
    peaks = workload.latency.table.peaks
    macs = (workload.batch * sum(op_macs(ops)) for ops in workload.layer_ops)
    rows = zip(macs, _traffic(workload), _latency(workload), strict=True)
    return [roof(*row, peaks) for row in rows]


def _memory(workload: Workload) -> list[int]:
    alive = {layer.name: layer.inference for layer in workload.memory.layers}
    return [alive.get(node.name, 0) for node in workload.network.layers]


def _training_memory(workload: Workload) -> list[int]:
    memory = workload.memory
    alive = {layer.name: max(layer.forward, layer.backward) for layer in memory.layers}
    values = [alive.get(node.name, 0) for node in workload.network.layers]
    if memory.training.layer not in alive:  # the loss, or the optimizer's step
        values[-1] = memory.training.peak
    return values


def _mcu_memory(workload: Workload) -> list[int]:
    in_use = workload.mcu.layers
    return [in_use.get(node.name, 0) for node in workload.network.layers]


def _receptive_field(workload: Workload) -> list[tuple[int, int]]:
    fields = receptive_fields(workload.graph)
    field = fields[workload.graph.input.number]
    sizes: list[tuple[int, int]] = []
    for node, ops in zip(workload.network.layers, workload.layer_ops, strict=True):
        field = fields[ops[-1].output.number] if ops else field
        sizes.append(field.size(node.output))
    return sizes


DEPTH = Metric(
    key="depth",
    title="depth",
    unit="layers",
    convention="Depth: the number of convolutional layers.",
    by_layer=_depth,
    total=summed,
    text=count_text,
)
MEMORY = Metric(
    key="memory",
    title="memory",
    unit="bytes",
    convention="Memory: the most bytes that are alive in a forward pass of {images} in {precision},"
    " weights and images among them, as PyTorch holds them on a CPU; without the work space of its"
    " kernels.",
    by_layer=_memory,
    total=largest,
    text=count_text,
    on_request=True,
)
TRAINING_MEMORY = Metric(
    key="training_memory",
    title="training memory",
    unit="bytes",
    convention="Training memory: the same of a training step, with gradients and the state of SGD"
    " with momentum; the last layer has those of the loss and the optimizer's step.",
    by_layer=_training_memory,
    total=largest,
    text=count_text,
    on_request=True,
)
MCU_MEMORY = Metric(
    key="mcu_memory",
    title="MCU memory",
    unit="bytes",
    convention="MCU memory: the most bytes in use in int8 inference of one image on a"
    " microcontroller: inputs, output and what waits for later layers; norms folded, depthwise"
    " convolutions, sums and activations in place; weights are in flash and not counted.",
    by_layer=_mcu_memory,
    total=largest,
    text=count_text,
    on_request=True,
)
MACS = Metric(
    key="macs",
    title="MACs",
    unit="MACs",
    convention="MACs: multiply-accumulates of {images} in the convolutional layers, Eqn. 1 of"
    " He & Sun 2015: the sum of n_(l-1) * s_l^2 * n_l * m_l^2. A MAC is two FLOPs.",
    by_layer=_macs,
    total=summed,
    text=count_text,
)
MACS_FC = Metric(
    key="macs_fc",
    title="fc MACs",
    unit="MACs",
    convention="Fully connected layers are counted apart (fc MACs); pooling, activations and"
    " normalisation are not counted.",
    by_layer=_macs_fc,
    total=summed,
    text=count_text,
)
TRAINING_MACS = Metric(
    key="training_macs",
    title="training MACs",
    unit="MACs",
    convention="Training MACs: the forward pass of {images} and the gradients by weights and by"
    " maps, fully connected layers included; nobody needs the gradient by the image.",
    by_layer=_training_macs,
    total=summed,
    text=count_text,
)
PARAMS = Metric(
    key="params",
    title="parameters",
    unit="values",
    convention="Parameters are those of all layers, biases included.",
    by_layer=_parameters,
    total=summed,
    text=count_text,
)
BUFFERS = Metric(
    key="buffers",
    title="buffers",
    unit="values",
    convention="Buffers: values that a module holds and does not train, statistics of norms and"
    " counts of batches.",
    by_layer=_buffers,
    total=summed,
    text=count_text,
)
ACTIVATION_BYTES = Metric(
    key="activation_bytes",
    title="activation bytes",
    unit="bytes",
    convention="Activation bytes: the output of every layer for {images}, in {precision}; the norm"
    " and the activation of a convolution work in place.",
    by_layer=_activation_bytes,
    total=summed,
    text=count_text,
)
TRAFFIC = Metric(
    key="traffic",
    title="traffic",
    unit="bytes",
    convention="Traffic: bytes read and written for {images}, maps in {precision}: every operation"
    " by itself reads its inputs and parameters and writes its output; views move nothing.",
    by_layer=_traffic,
    total=summed,
    text=count_text,
)
INTENSITY = Metric(
    key="intensity",
    title="MACs/byte",
    unit="MACs/byte",
    convention="MACs/byte: the arithmetic intensity, MACs of convolutions and fully connected"
    " layers over the bytes of traffic; twice that in FLOPs.",
    by_layer=_intensity,
    total=quotient,
    text=quotient_text,
)
RECEPTIVE_FIELD = Metric[tuple[int, int]](
    key="receptive_field",
    title="receptive field",
    unit="pixels",
    convention="Receptive field: height and width, in pixels of the image, of what one value"
    " depends on over all branches, the largest where positions differ.",
    by_layer=_receptive_field,
    total=last,
    text=sides_text,
    number=False,
)
LATENCY = Metric(
    key="latency",
    title="latency",
    unit="seconds",
    convention="Latency: a forward pass of {images}, predicted for {device}.",
    by_layer=_latency,
    total=added,
    text=time_text,
    on_request=True,
)
LATENCY_LOW = Metric(
    key="latency_low",
    title="at least",
    unit="seconds",
    convention="At least: 0.95 of the time with all operands in caches.",
    by_layer=_latency_low,
    total=added,
    text=time_text,
    on_request=True,
)
LATENCY_HIGH = Metric(
    key="latency_high",
    title="at most",
    unit="seconds",
    convention="At most: 1.1 times the time with all operands in memory.",
    by_layer=_latency_high,
    total=added,
    text=time_text,
    on_request=True,
)
ROOF = Metric[Roof](
    key="roof",
    title="roof",
    unit="share",
    convention="Roof: what binds at the device's peaks, its arithmetic or the memory that traffic"
    " goes to, and how much of that the latency reaches; caches allow more than memory.",
    by_layer=_roof,
    total=together,
    text=roof_text,
    on_request=True,
    number=False,
)

METRICS: tuple[Metric[Any], ...] = (
    MACS,
    MACS_FC,
    TRAINING_MACS,
    PARAMS,
    BUFFERS,
    ACTIVATION_BYTES,
    TRAFFIC,
    INTENSITY,
    RECEPTIVE_FIELD,
    MEMORY,
    TRAINING_MEMORY,
    MCU_MEMORY,
    LATENCY,
    LATENCY_LOW,
    LATENCY_HIGH,
    ROOF,
)
"""Every metric, in the order of tables; each shows the depth anyway."""

DEFAULT: tuple[Metric[Any], ...] = (MACS, MACS_FC, PARAMS)
"""Those that tables show unless others are asked for."""


def find_metrics(names: Sequence[str]) -> tuple[Metric[Any], ...]:
    """The metrics of some names, as options and keys write them; `all` is every one.

    Raises:
        UserError: CTC701 where there is no such metric.
    """
    known = {metric.name: metric for metric in METRICS}
    found: dict[str, Metric[Any]] = {}
    for written in names:
        name = written.strip().lower().replace("_", "-")
        if name == "all":
            found |= {name: metric for name, metric in known.items() if not metric.on_request}
        elif name in known:
            found[name] = known[name]
        else:
            listed = f"the metrics are {', '.join(known)}"
            hint = did_you_mean(name, known, listed)
            raise error("CTC701", f"there is no metric `{written.strip()}`", hint=hint)
    return tuple(found.values())


def with_latency(metrics: Sequence[Metric[Any]], *, layers: bool) -> tuple[Metric[Any], ...]:
    """The metrics and the predicted time; MACs and time where there are none.

    A table of `layers` has their roofs.
    """
    times = (LATENCY, LATENCY_LOW, LATENCY_HIGH, *((ROOF,) if layers else ()))
    return tuple(dict.fromkeys((*(metrics or (MACS,)), *times)))


def statement(metrics: Sequence[Metric[Any]], workload: Workload) -> str:
    """What a report of these metrics counts: their conventions, one after another."""
    return " ".join(metric.stated(workload) for metric in metrics)
