"""Memory as rows and as data: the tables and the JSON of `ctcdsl cost --memory`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ctcdsl.metrics.mcu import McuMemory, format_kib
from ctcdsl.metrics.memory import Fit, Memory, format_bytes
from ctcdsl.metrics.tables import Table, describe
from ctcdsl.text.plural import plural

_LEFT = frozenset({"network", "of", "in", "layer", "filter", "block", "what binds"})


def memory_table(memories: Sequence[Memory], *, exact: bool = False) -> Table:
    """A row for a training step of each network, and one for a forward pass; `exact` in bytes."""
    shown = _shown(exact)
    rows = []
    for memory in memories:
        training, inference = memory.training, memory.inference
        kernels = [
            f"0 to {shown(most)}" if most and not exact else str(most)
            for most in (training.kernels, inference.kernels)
        ]
        rows += [
            (
                *(memory.network.name, "training", shown(memory.weights)),
                *(shown(memory.gradients), shown(memory.state), shown(training.saved)),
                *(shown(training.peak), place(training.layer, training.phase), kernels[0]),
            ),
            (
                *(memory.network.name, "inference", shown(memory.weights), "", "", ""),
                *(shown(inference.peak), inference.layer, kernels[1]),
            ),
        ]
    titles = (
        *("network", "of", "weights", "gradients", "optimizer", "kept for backward"),
        *("peak", "in", "kernels add"),
    )
    return Table(titles, tuple(rows), _LEFT)


def memory_layers(memories: Sequence[Memory], *, exact: bool = False) -> Table:
    """A row for each layer: what it keeps, and the most alive while it runs.

    With a column for the networks' names where it is `exact`, for programs.
    """
    shown = _shown(exact)
    rows = []
    for memory in memories:
        nodes = {node.name: node for node in memory.network.layers}
        style = memory.network.architecture.style
        for layer in memory.layers:
            node = nodes[layer.name]
            sizes = [shown(size) if size or exact else "" for size in layer[1:]]
            name = (memory.network.name,) if exact else ()
            rows.append((*name, layer.name, describe(node, style), str(node.output), *sizes))
    titles = (
        *("layer", "filter", "map", "kept for backward"),
        *("alive in forward", "in backward", "in inference"),
    )
    return Table(("network", *titles) if exact else titles, tuple(rows), _LEFT)


def fits_table(memories: Sequence[Memory], available: int, *, exact: bool = False) -> Table:
    """The largest batches of each network that fit in so many bytes, and what binds."""
    rows = []
    for memory in memories:
        for training in (True, False):
            fit = memory.fit(available, training=training)
            of = "training" if training else "inference"
            needed = str(fit.needed) if exact else format_bytes(fit.needed)
            rows.append((memory.network.name, of, str(fit.batch), needed, _binding(fit, training)))
    titles = ("network", "of", "largest batch", "one more takes", "what binds")
    return Table(titles, tuple(rows), _LEFT)


def _binding(fit: Fit, training: bool) -> str:
    if not fit.layer and not fit.batch:
        return "weights, gradients and optimizer" if training else "weights"
    return place(fit.layer, fit.phase) if training else fit.layer


def mcu_table(memories: Sequence[McuMemory], *, exact: bool = False) -> Table:
    """A row for each network on a microcontroller; `exact` in bytes."""
    shown = str if exact else format_kib
    rows = (
        (
            *(memory.network.name, shown(memory.peak), memory.layer, memory.block),
            *(shown(memory.arena), shown(memory.weights)),
        )
        for memory in memories
    )
    titles = ("network", "peak", "in", "block", "arena", "weights")
    return Table(titles, tuple(rows), _LEFT)


def mcu_layers(memories: Sequence[McuMemory], *, exact: bool = False) -> Table:
    """A row for each layer: the most in use while it runs."""
    shown = str if exact else format_kib
    rows = []
    for memory in memories:
        in_use, style = memory.layers, memory.network.architecture.style
        for node in memory.network.layers:
            if node.name in in_use:
                name = (memory.network.name,) if exact else ()
                size = shown(in_use[node.name])
                rows.append((*name, node.name, describe(node, style), str(node.output), size))
    titles = ("layer", "filter", "map", "in use")
    return Table(("network", *titles) if exact else titles, tuple(rows), _LEFT)


def memory_statement(memory: Memory, *, images: bool = True) -> str:
    """What the tables of networks count; without the number of images where that is free."""
    optimizer = {"sgd": "SGD with momentum", "adamw": "AdamW"}[memory.optimizer]
    batch = f" for {plural(memory.batch, 'image')}" if images else ""
    return (
        f"Memory{batch} in {memory.precision}: the bytes of tensors that PyTorch holds on a CPU at"
        " the worst time, weights and images among them, in which layer; a training step with"
        f" {optimizer}, the second or a later one. Kept for backward is what autograd holds when"
        " the forward pass ends. Kernels add work space of libraries, at most so much on two"
        " threads. 1 MB is 1,000,000 bytes."
    )


MCU_STATEMENT = (
    "Memory of int8 inference of one image on a microcontroller, as MCUNetV2 counts it: a byte for"
    " each value of an operation's inputs and output and of what waits for later ones; batch norms"
    " are folded, depthwise convolutions (beside one channel), sums and activations are in place."
    " The arena holds all buffers at fixed addresses, laid out greedily. Weights, a byte each and"
    " four for a bias, are in flash. 1 KiB is 1,024 bytes."
)


def memory_json(memory: Memory, available: int | None = None) -> dict[str, Any]:
    """The memory of a network as plain data, in bytes; with what fits in `available`."""
    training, inference = memory.training, memory.inference
    data: dict[str, Any] = {
        "batch": memory.batch,
        "precision": memory.precision,
        "optimizer": memory.optimizer,
        "weights": memory.weights,
        "gradients": memory.gradients,
        "state": memory.state,
        "images": memory.images,
        "training": {**training._asdict(), "phase": str(training.phase)},
        "inference": inference._asdict(),
        "layers": [layer._asdict() for layer in memory.layers],
    }
    if available is not None:
        fits = {
            of: memory.fit(available, training=of == "training") for of in ("training", "inference")
        }
        named = {of: {**fit._asdict(), "phase": str(fit.phase)} for of, fit in fits.items()}
        data["fits"] = {"available": available, **named}
    return data


def mcu_json(memory: McuMemory) -> dict[str, Any]:
    """The memory of a network on a microcontroller as plain data, in bytes."""
    return {
        "device": "mcu",
        "weights": memory.weights,
        "inference": {
            "peak": memory.peak,
            "layer": memory.layer,
            "block": memory.block,
            "arena": memory.arena,
        },
        "layers": [{"name": name, "inference": size} for name, size in memory.layers.items()],
    }


def place(layer: str, phase: str) -> str:
    """Where a step has its peak: `conv2.conv, backward`; the optimizer's step has no layer."""
    return f"{layer}, {phase}" if layer else str(phase)


def _shown(exact: bool) -> Any:
    return str if exact else format_bytes
