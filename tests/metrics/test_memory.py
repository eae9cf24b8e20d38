"""Memory: what the model says is alive, kernel after kernel, against torch's profiler."""

from __future__ import annotations

from itertools import product

import pytest
import torch

import ctcdsl
from ctcdsl.metrics.memory import format_bytes, network_memory
from ctcdsl.metrics.peaks import Peaks, training_peaks
from ctcdsl.metrics.step import Precision
from ctcdsl.ops.tensor import bytes_of
from tests.conftest import one
from tests.support.allocations import Alive, Step, require_kernels

LAYERS = {
    "activations": "style conv-bn\n"
    + " ".join(
        f"(3,8,{word})"
        for word in (
            *("relu", "relu6", "gelu", "silu", "hswish", "sigmoid", "tanh", "leaky", "hsigmoid"),
            *("elu", "mish", "softplus", "prelu"),
        )
    )
    + "\nhead: gap fc",
    "convolutions": "pad same\n(5,8)/2 (3,dw) (3,16,g2) (3,8,d2) (2,8,up2) (1,8,nobias)\nhead: fc",
    "pools": "(3,8) 3/2 up(2) avg(2)/2 up(2,bilinear) lrn(3,within) 2/2\nhead: gmp fc",
    "channels": "(3,8) lrn shuffle(2) drop(0.2) scale(0.5) (3,8)\nhead: spp(3,2,1) fc",
    "gates": "style conv-bn-silu\n(3,8) se(4) (3,8) eca (3,8) ese (3,8)\nhead: gap fc",
    "scales": "style conv-ln-gelu\n(3,8) grn (3,8) scale (3,8,relu)\nhead: gap fc",
    "groups": "style conv-gn-relu\n(3,32) (3,32)\nhead: gap fc(32,silu) bn drop(0.3) fc",
    "standardised": "style wsconv-bn-relu\n(3,32) (1,32) (3,32,g2) max(3,zeros)/2\nhead: gap fc",
    "blocks": "style conv-bn-relu\n"
    "(3,8) [ (3,8)x2 ] [ (3,16)x2 ]/2 [ (3,16)x2 | zeropad ] { (3,8) | (1,8) | 3/1 (1,4) }\n"
    "head: gap fc",
    "sums": "style conv-bn-leaky\n(3,8) [ (3,8)x2 ] [ (3,8) (3,8,elu) | (1,8,elu) ]\nhead: gap fc",
    "sums in place": "style conv-bn-relu\n"
    "(3,8) [ (3,8,linear) | scale ] [ (3,8,linear) scale | id ]"
    " [ (3,8) [ (3,8,linear) | id ] | id? | (1,8) ]\nhead: gap fc",
    "joins": "style conv-bn-relu\n"
    "(3,8) split{ (3,8) | id } split(2){ (3,2) | id } mul[ (3,8,sigmoid) | (3,8) ]"
    " max[ (3,8) | (1,8) ] [ (3,8) (3,8,linear) depth(0.2) | id ] [ (3,8)x2 | (1,8) | bn ]\n"
    "head: gap fc",
    "before": "style bn-relu-conv\n(3,8) { id | (1,8) (3,4) } { id | (1,8) (3,4) } bn relu\n"
    "head: gap fc",
    "maps": "style conv-bn-relu\npad tf\n(3,8)/2 (3,8)/2 up(4) (1,10,linear)\nhead: none",
}
TOLERANCE = 64
"""Bytes: sums for channels, which come a little later than the model has them."""


def network(name: str) -> ctcdsl.Network:
    return one(f"input 3x16x16\nclasses 10\n{LAYERS[name]}\n")


def missing(moments: list[int], measured: list[int]) -> list[int]:
    """The moments that are not among what was measured, in the same order."""
    at, result = 0, []
    for moment in moments:
        for position in range(at, len(measured)):
            if abs(measured[position] - moment) <= TOLERANCE:
                at = position
                break
        else:
            result.append(moment)
    return result


@pytest.mark.parametrize(
    ("name", "precision", "training"),
    [
        *product(LAYERS, ("float32",), (True, False)),
        *product(LAYERS, ("bf16",), (True,)),
        *product(("scales", "channels", "sums in place"), ("bf16",), (False,)),
    ],
)
def test_every_moment_of_every_layer_is_measured(
    name: str, precision: Precision, training: bool
) -> None:
    """Not the peak alone: all that is alive while each kernel runs, in its order."""
    require_kernels(precision)
    memory = network_memory(network(name), 4, precision=precision)
    step = Step(memory.network, 4, precision)
    part = memory._step if training else memory._forward
    base = bytes_of(part.base, 4)
    moments = [total - base for total in part.totals(4)]
    measured = (step.training() if training else step.inference()).tensors
    assert missing(moments, measured) == []
    assert max(measured) <= max(moments) + TOLERANCE


@pytest.mark.parametrize(
    ("name", "side", "batch"),
    [
        *(("resnet18", 64, 4), ("mobilenet_v2", 64, 4), ("googlenet", 64, 2)),
        *(("shufflenet_v2_x0_5", 64, 4), ("convnext_nano", 64, 2), ("unet", 64, 2)),
        *(("efficientnet_b0", 32, 2), ("E", 96, 2), ("densenet121", 32, 2)),
    ],
)
def test_the_peaks_of_known_networks(name: str, side: int, batch: int) -> None:
    memory = ctcdsl.memory(ctcdsl.load(name, input=side), batch=batch)
    step = Step(memory.network, batch)
    weights = sum(tensor.nbytes for tensor in step.model.state_dict().values())
    assert memory.weights == weights
    images = step.images.nbytes
    measured = step.inference()
    check(memory.inference.peak - weights - images, memory.inference.kernels, measured)
    measured = step.training()
    state = sum(
        value.nbytes
        for values in step.optimizer.state.values()
        for value in values.values()
        if isinstance(value, torch.Tensor)
    )
    assert memory.state == state
    labels = memory.images - images
    assert labels == 8 * batch
    static = weights + state + images + labels
    check(memory.training.peak - static, memory.training.kernels, measured)


def check(peak: int, kernels: int, measured: Alive) -> None:
    """Tensors are exact, and all that was allocated is within what kernels may add."""
    assert abs(max(measured.tensors) - peak) <= TOLERANCE
    assert peak - TOLERANCE <= max(measured.all)
    assert max(measured.all) <= peak + kernels + TOLERANCE


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_optimizer_holds_its_state_and_copies_a_gradient(optimizer: str) -> None:
    net = one("style conv-bn-relu\ninput 3x6x6\nclasses 10\n(3,64)x4\nhead: gap fc\n")
    memory = ctcdsl.memory(net, batch=2, optimizer=optimizer)
    step = Step(net, 2, optimizer=optimizer)
    measured = step.training().tensors
    state = [t for s in step.optimizer.state.values() for t in s.values()]
    assert memory.state == sum(t.nbytes for t in state if isinstance(t, torch.Tensor))
    end = memory.timeline[-1]
    assert (end.layer, end.phase, end.gradients) == ("", "optimizer", memory.gradients)
    last = end.total - memory.weights - memory.state - memory.images
    assert missing([last], measured[-30:]) == []


def test_gradients_of_parts_are_added_to_those_before() -> None:
    """The second part of a step starts with the gradients of the first."""
    net = one("style conv-bn-relu\ninput 3x16x16\nclasses 10\n(3,64)x3\nhead: gap fc\n")
    peaks = training_peaks(net, "float32")
    memory = ctcdsl.memory(net, batch=4)
    assert peaks.step.at(4) == memory.training.peak
    assert memory.training.peak < peaks.part.at(4) <= memory.training.peak + memory.gradients
    assert training_peaks(net, "float32", pixel_bytes=100).step.at(4) == peaks.step.at(4) + 400


def test_the_memory_of_a_small_network_by_hand() -> None:
    memory = ctcdsl.memory(one("input 3x8x8\nclasses 2\n(3,4) 2/2\nhead: fc\n"), batch=10)
    weights = 4 * (3 * 9 * 4 + 4 + 64 * 2 + 2)
    assert (memory.weights, memory.gradients, memory.state) == (weights, weights, weights)
    images = 10 * (3 * 64 * 4 + 8)
    conv, pool, indices = 10 * 4 * 64 * 4, 10 * 4 * 16 * 4, 10 * 4 * 16 * 8
    kept = {layer.name: layer.kept for layer in memory.layers}
    # The vector is a copy of the pool's map in another order; the loss has 4 and 4 bytes.
    assert kept == {"stage1.conv": conv, "stage1.pool": indices, "head.fc": pool + 10 * 2 * 4}
    assert memory.training.saved == sum(kept.values()) + 10 * 2 * 4 + 8
    # The pool's gradient comes as that of the vector: it, the indices and the map are copied.
    fc = 4 * (64 * 2 + 2)
    backward = conv + indices + pool + conv + indices + conv + fc + 10 * 2 * 4 + 4 + 4
    assert memory.training.peak == 2 * weights + images + backward
    assert memory.training[1:3] == ("stage1.pool", "backward")
    inference = weights + images - 80 + conv + pool + indices
    assert (memory.inference.peak, memory.inference.layer) == (inference, "stage1.pool")


@pytest.mark.parametrize("training", [True, False])
def test_the_largest_batch_fits_and_one_more_does_not(training: bool) -> None:
    memory = ctcdsl.memory("resnet18", batch=1)
    batch = memory.largest_batch(10**9, training=training)

    def needed(batch: int) -> int:
        one = ctcdsl.memory("resnet18", batch=batch)
        part = one.training if training else one.inference
        return part.peak + part.kernels

    assert needed(batch) <= 10**9 < needed(batch + 1)
    assert memory.largest_batch(10**6, training=training) == 0


def test_peaks_are_the_largest_of_lines() -> None:
    peaks = Peaks(((1000, 10), (0, 200)))
    assert [peaks.at(batch) for batch in (1, 5, 6)] == [1010, 1050, 1200]
    assert [peaks.largest_batch(room) for room in (999, 1100, 2000)] == [0, 5, 10]


def test_bytes_for_people() -> None:
    assert [format_bytes(n) for n in (1500, 2_500_000, 3 * 10**9, 4 * 10**12)] == [
        *("2 kB", "2.5 MB", "3.0 GB", "4.0 TB")
    ]


def test_memory_says_what_it_is() -> None:
    memory = ctcdsl.memory("resnet50", batch=8)
    assert repr(memory) == (
        "<Memory of ResNet50 for 8 images: 947.4 MB in training, 216.4 MB in inference>"
    )
    with pytest.raises(ctcdsl.UserError, match="precision"):
        ctcdsl.memory("A", precision="fp8")
    with pytest.raises(ctcdsl.UserError, match="optimizer"):
        ctcdsl.memory("A", optimizer="lion")
