"""Networks with blocks: the output of each stage, and what their blocks hold."""

from __future__ import annotations

import pytest

from ctcdsl.checking import Network
from ctcdsl.ir import Activation, Block, Dropout, SqueezeExcite
from tests.conftest import NETWORKS, load

STAGES = {
    "convnext_tiny": "96x56x56 96x56x56 192x28x28 384x14x14 768x7x7",
    "densenet121": "64x112x112 128x28x28 256x14x14 512x7x7 1024x7x7",
    "efficientnet_b0": "16x112x112 24x56x56 40x28x28 112x14x14 320x7x7 1280x7x7",
    "inception_v3": "288x35x35 768x17x17 2048x8x8",
    "mobilenet_v2": "16x112x112 24x56x56 32x28x28 96x14x14 1280x7x7",
    "repvgg_a0": "48x112x112 48x56x56 96x28x28 192x14x14 1280x7x7",
    "resnet18": "64x112x112 64x56x56 128x28x28 256x14x14 512x7x7",
    "resnet50": "64x112x112 256x56x56 512x28x28 1024x14x14 2048x7x7",
    "resnext50_32x4d": "64x112x112 256x56x56 512x28x28 1024x14x14 2048x7x7",
    "squeezenet1_0": "96x109x109 256x54x54 512x27x27 512x13x13 1000x13x13",
    "vgg16_bn": "64x112x112 128x56x56 256x28x28 512x14x14 512x7x7",
}
"""The output of each stage, as the tables print it."""


def modern(stem: str) -> Network:
    return load(next(path for path in NETWORKS if path.stem == stem))


@pytest.mark.parametrize("stem", STAGES)
def test_stages_of_a_modern_network(stem: str) -> None:
    network = modern(stem)
    stages = [network.stage(index)[-1].output for index in range(len(network.architecture.stages))]
    assert " ".join(map(str, stages)) == STAGES[stem]


def test_resnets_project_where_the_shape_changes() -> None:
    for stem, projected in [("resnet18", 3), ("resnet50", 4), ("resnext50_32x4d", 4)]:
        blocks = [node for node in modern(stem).nodes if node.shortcut]
        shortcuts = [node.branches[-1] for node in blocks]
        assert len([chain for chain in shortcuts if chain]) == projected
        assert all(node.activation == Activation("relu") for node in blocks)


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
