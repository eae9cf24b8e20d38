"""The metrics of memory: inference, training, microcontrollers."""

from __future__ import annotations

from ctcdsl.metrics.metric import Metric, count_text, largest
from ctcdsl.metrics.workload import Workload


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
