"""Memory of networks that recompute parts, against torch's profiler."""

from __future__ import annotations

from itertools import product

import pytest

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.ir import Part, replace
from ctcdsl.metrics.memory import network_memory
from ctcdsl.metrics.step import Precision
from ctcdsl.ops.tensor import bytes_of
from tests.conftest import one
from tests.metrics.test_memory import LAYERS, TOLERANCE, missing
from tests.support.allocations import Step, require_kernels


def stages(network: Network) -> list[Part]:
    return [Part(stage=stage) for stage in range(len(network.architecture.stages))]


def blocks(network: Network) -> list[Part]:
    chains = network.architecture.chains[:-1]
    return [
        Part(stage=k, elements=(e, e)) for k, chain in enumerate(chains) for e in range(len(chain))
    ]


def halves(network: Network) -> list[Part]:
    chains = network.architecture.chains[:-1]
    return [Part(stage=k, elements=(0, len(chain) // 2)) for k, chain in enumerate(chains)]


CHOICES = {"stages": stages, "blocks": blocks, "halves": halves}


def recomputing(network: Network, choice: str) -> Network:
    parts = tuple(CHOICES[choice](network))
    return Network(replace(network.architecture, recompute=parts), network.nodes)


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *product(LAYERS, ("float32",)),
        *((x, "bf16") for x in LAYERS if x not in ("scales", "sums in place")),
    ],
)
def test_every_moment_of_every_layer_is_measured(name: str, precision: Precision) -> None:
    """All that is alive while each kernel runs, those that run a second time included."""
    require_kernels(precision)
    network = one(f"input 3x16x16\nclasses 10\nrecompute stage1\n{LAYERS[name]}\n")
    memory = network_memory(network, 4, precision=precision)
    part = memory._step
    moments = [total - bytes_of(part.base, 4) for total in part.totals(4)]
    measured = Step(network, 4, precision).training()
    assert missing(moments, measured.tensors) == []
    assert abs(max(measured.tensors) - max(moments)) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "side", "batch", "choice"),
    [
        *(("resnet18", 64, 4, choice) for choice in CHOICES),
        *(("mobilenet_v2", 64, 4, "stages"), ("mobilenet_v2", 64, 4, "blocks")),
        *(("googlenet", 64, 2, "halves"), ("convnext_nano", 64, 2, "blocks")),
        *(("shufflenet_v2_x0_5", 64, 4, "stages"), ("efficientnet_b0", 32, 2, "blocks")),
        *(("E", 96, 2, "halves"), ("densenet121", 32, 2, "blocks")),
    ],
)
def test_the_peaks_of_known_networks(name: str, side: int, batch: int, choice: str) -> None:
    network = recomputing(ctcdsl.load(name, input=side), choice)
    memory = network_memory(network, batch)
    static = memory.weights + memory.state + memory.images
    measured = Step(network, batch).training()
    peak = memory.training.peak - static
    assert abs(max(measured.tensors) - peak) <= TOLERANCE
    assert max(measured.all) <= peak + memory.training.kernels + TOLERANCE


def test_less_is_kept_and_inference_is_the_same() -> None:
    plain = ctcdsl.load("resnet50")
    memory, less = network_memory(plain, 8), network_memory(recomputing(plain, "blocks"), 8)
    assert less.training.saved < 0.35 * memory.training.saved
    assert less.training.peak < 0.65 * memory.training.peak
    assert less.inference == memory.inference
    assert (less.weights, less.state) == (memory.weights, memory.state)
