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
)
from ctcdsl.metrics.latency_metrics import LATENCY, LATENCY_HIGH, LATENCY_LOW, ROOF
from ctcdsl.metrics.memory_metrics import MCU_MEMORY, MEMORY, TRAINING_MEMORY
from ctcdsl.metrics.metric import (
    Metric,
    Quotient,
    count_text,
    last,
    quotient,
    quotient_text,
    sides_text,
    summed,
)
from ctcdsl.metrics.receptive_field import receptive_fields
from ctcdsl.metrics.workload import Workload
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import error


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
    return workload.traffic


def _intensity(workload: Workload) -> list[Quotient]:
    all_macs = (workload.batch * sum(op_macs(ops)) for ops in workload.layer_ops)
    return [Quotient(*pair) for pair in zip(all_macs, workload.traffic, strict=True)]


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
