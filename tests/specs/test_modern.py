"""Networks with blocks: published parameter counts, MACs, and the output of each stage."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from ctcdsl.checking import Network
from ctcdsl.ir import Block, Dropout, SqueezeExcite
from ctcdsl.metrics import network_cost
from ctcdsl.resources import resource
from tests.conftest import load

FOLDER = Path(resource("specs")) / "modern"


class Facts(NamedTuple):
    """Parameters, as published; MACs; the output of each stage.

    With those of the fully connected layers the MACs are what torchvision publishes.
    """

    params: int
    macs: int
    stages: str


FACTS = {
    "convnext_tiny": Facts(28_589_128, 4_454_763_264, "96x56x56 96x56x56 192x28x28 384x14x14 768x7x7"),
    "densenet121": Facts(
        7_978_856, 2_833_137_664, "64x112x112 128x28x28 256x14x14 512x7x7 1024x7x7"
    ),
    "efficientnet_b0": Facts(
        5_288_548, 384_534_752, "16x112x112 24x56x56 40x28x28 112x14x14 320x7x7 1280x7x7"
    ),
    "inception_v3": Facts(23_834_568, 5_711_168_096, "288x35x35 768x17x17 2048x8x8"),
    "mobilenet_v2": Facts(3_504_872, 299_494_272, "16x112x112 24x56x56 32x28x28 96x14x14 1280x7x7"),
    "repvgg_a0": Facts(9_108_968, 1_511_301_120, "48x112x112 48x56x56 96x28x28 192x14x14 1280x7x7"),
    "resnet18": Facts(11_689_512, 1_813_561_344, "64x112x112 64x56x56 128x28x28 256x14x14 512x7x7"),
    "resnet50": Facts(
        25_557_032, 4_087_136_256, "64x112x112 256x56x56 512x28x28 1024x14x14 2048x7x7"
    ),
    "resnext50_32x4d": Facts(
        25_028_904, 4_228_431_872, "64x112x112 256x56x56 512x28x28 1024x14x14 2048x7x7"
    ),
    "squeezenet1_0": Facts(
        1_248_424, 818_924_576, "96x109x109 256x54x54 512x27x27 512x13x13 1000x13x13"
    ),
    "vgg16_bn": Facts(
        138_365_992, 15_346_630_656, "64x112x112 128x56x56 256x28x28 512x14x14 512x7x7"
    ),
}

# Billions of MACs, as torchvision publishes them with its weights.
PUBLISHED = {
    "convnext_tiny": 4.456,
    "densenet121": 2.834,
    "efficientnet_b0": 0.386,
    "inception_v3": 5.713,
    "mobilenet_v2": 0.301,
    "resnet18": 1.814,
    "resnet50": 4.089,
    "resnext50_32x4d": 4.230,
    "squeezenet1_0": 0.819,
    "vgg16_bn": 15.470,
}


def modern(stem: str) -> Network:
    return load(FOLDER / f"{stem}.ctc")


def test_there_are_facts_for_every_modern_network() -> None:
    assert {path.stem for path in FOLDER.glob("*.ctc")} == set(FACTS)


@pytest.mark.parametrize("stem", FACTS)
def test_figures_of_a_modern_network(stem: str) -> None:
    network = modern(stem)
    cost = network_cost(network)
    stages = [network.stage(index)[-1].output for index in range(len(network.architecture.stages))]
    assert Facts(cost.params, cost.macs, " ".join(map(str, stages))) == FACTS[stem]
    assert network.output == (1000, 1, 1)


@pytest.mark.parametrize("stem", PUBLISHED)
def test_macs_are_those_published(stem: str) -> None:
    cost = network_cost(modern(stem))
    assert round((cost.macs + cost.macs_fc) / 1e9, 3) == PUBLISHED[stem]


def test_resnets_project_where_the_shape_changes() -> None:
    for stem, projected in [("resnet18", 3), ("resnet50", 4), ("resnext50_32x4d", 4)]:
        blocks = [node for node in modern(stem).nodes if node.shortcut]
        shortcuts = [node.branches[-1] for node in blocks]
        assert len([chain for chain in shortcuts if chain]) == projected
        assert all(node.activation == "relu" for node in blocks)


def test_optional_branches_stay_where_shapes_agree() -> None:
    for stem, whole, blocks in [
        ("mobilenet_v2", 10, 16),
        ("efficientnet_b0", 9, 15),
        ("repvgg_a0", 17, 22),
    ]:
        sums = [node for node in modern(stem).nodes if isinstance(node.layer, Block)]
        most = max(len(node.branches) for node in sums)
        complete = [node for node in sums if len(node.branches) == most]
        assert (len(complete), len(sums)) == (whole, blocks)
        assert all(node.input == node.output for node in complete)


def test_squeezes_of_efficientnet_follow_the_channels_of_their_block() -> None:
    layers = [node.layer for node in modern("efficientnet_b0").layers]
    widths = [layer.width for layer in layers if isinstance(layer, SqueezeExcite)]
    assert widths == [8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48]


@pytest.mark.parametrize(
    ("stem", "dropped"),
    [
        ("efficientnet_b0", [0.2]),
        ("inception_v3", [0.5]),
        ("mobilenet_v2", [0.2]),
        ("resnet50", []),
        ("squeezenet1_0", [0.5]),
        ("vgg16_bn", [0.5, 0.5]),
    ],
)
def test_dropout_of_a_modern_network(stem: str, dropped: list[float]) -> None:
    layers = [node.layer for node in modern(stem).layers]
    assert [layer.probability for layer in layers if isinstance(layer, Dropout)] == dropped


def test_the_modules_of_inception_leave_the_maps_of_its_table() -> None:
    modules = [node for node in modern("inception_v3").nodes if node.branches]
    assert [str(node.output) for node in modules] == [
        *["256x35x35", "288x35x35", "288x35x35"],
        *["768x17x17"] * 5,
        *["1280x8x8", "2048x8x8", "2048x8x8"],
    ]
    forks = [node for node in modules[-1].branches[1] if node.branches]
    assert [str(node.output) for node in forks] == ["768x8x8"]
