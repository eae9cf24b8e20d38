"""The dense test, against loops that do what its definition says."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.evaluation.dense import DenseEvaluator
from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.images.colour import Statistics, measure, preprocess
from ctcdsl.ir import Shape
from ctcdsl.shapes.resize import trunk_output
from tests.conftest import one
from tests.support.tiny import Blots, Recorder, refused, said, tiny_recipe

STATISTICS = Statistics((99.0, 120.0, 88.0), (1.0, 1.0, 1.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
INPUT = partial(preprocess, statistics=STATISTICS, divisor=58.0)


def network_of(row: str, head: str) -> Network:
    return one(f"net N\ninput 3x32x28\nclasses 6\npad valid\n{row}\nhead: {head}\n")


def built(network: Network) -> Any:
    torch.manual_seed(1)
    module = build_module(network)
    module.initialise()  # type: ignore[operator]
    return module.eval()


def dense(module: nn.Module, network: Network, at_once: int = 7) -> DenseEvaluator:
    return DenseEvaluator(model=module, network=network, input=INPUT, at_once=at_once)


def some_images(*sizes: tuple[int, int]) -> list[Tensor]:
    random = np.random.default_rng(0)
    return [
        torch.from_numpy(random.integers(0, 256, (*size, 3), dtype=np.uint8)).permute(2, 0, 1)
        for size in sizes
    ]


SIZES = ((41, 41), (40, 55), (41, 41), (32, 28))


@pytest.mark.parametrize(
    "head",
    [
        "gap fc",
        "spp(2,1) fc(9) drop(0.5) fc",
        "bn fc(8) fc",
        "gmp fc",
        "(3,9,p1) { id | (1,4) } max(2)/2 gap fc",
        "(1,classes) gap",
    ],
)
def test_the_head_slides_over_the_map_of_the_whole_image(head: str) -> None:
    network = network_of("(3,8,p1)/2 2/2 (3,8,p1) [ (3,8,p1) ]", head)
    module = built(network)
    images = some_images(*SIZES)
    with torch.inference_mode():
        found = dense(module, network).probabilities(images)
        for row, image in zip(found, images, strict=True):
            expected = []
            for seen in (INPUT(image[None]), INPUT(image[None]).flip(-1)):
                maps = module.stage2(module.stage1(seen))
                for top in range(maps.shape[2] - 8 + 1):
                    for left in range(maps.shape[3] - 7 + 1):
                        window = maps[:, :, top : top + 8, left : left + 7]
                        expected.append(module.forward_head(window.clone()).softmax(dim=1)[0])
            assert torch.allclose(row, torch.stack(expected).mean(dim=0), atol=1e-6)
            assert row.sum() == pytest.approx(1.0, abs=1e-5)


def test_without_padding_it_is_all_crops_at_the_trunk_s_stride() -> None:
    network = network_of("(2,8)/2 (3,8) 2/2 (2,8)", "spp(2,1) fc(9) fc")
    module = built(network)
    images = some_images(*SIZES)
    with torch.inference_mode():
        found = dense(module, network).probabilities(images)
        for row, image in zip(found, images, strict=True):
            crops = [
                INPUT(seen[None, :, top : top + 32, left : left + 28])
                for seen in (image, image.flip(-1))
                for top in range(0, image.shape[1] - 32 + 1, 4)
                for left in range(0, image.shape[2] - 28 + 1, 4)
            ]
            assert torch.allclose(row, module(torch.cat(crops)).softmax(1).mean(0), atol=1e-6)


def test_how_many_go_through_the_head_at_once_does_not_matter() -> None:
    network = network_of("(3,8)/2 2/2 (3,8,p1)", "gap fc")
    module = built(network)
    images = some_images((60, 60), (60, 60))
    with torch.inference_mode():
        few = dense(module, network, at_once=1).probabilities(images)
        many = dense(module, network, at_once=1000).probabilities(images)
    assert torch.allclose(few, many, atol=1e-6)


def test_an_image_of_the_crop_s_size_is_one_view_and_its_mirror_image() -> None:
    network = network_of("(3,8,p1)/2 2/2 (3,8,p1)", "gap fc")
    module = built(network)
    (image,) = some_images((32, 28))
    with torch.inference_mode():
        both = module(INPUT(torch.stack([image, image.flip(-1)]))).softmax(dim=1)
        found = dense(module, network).probabilities([image])
    assert torch.allclose(found[0], both.mean(dim=0), atol=1e-6)


def test_maps_at_another_size() -> None:
    network = network_of("(3,8,p1)/2 max(2,ceil)/2 [ (3,8,p1) (1,16) | id? ]", "gap fc")
    assert trunk_output(network, 32, 28) == Shape(16, 8, 7)
    assert trunk_output(network, 41, 57) == Shape(16, 11, 15)
    assert trunk_output(network, 3, 4) == Shape(16, 1, 1)
    assert trunk_output(network, 1, 1) == Shape(16, 1, 1)  # a `ceil` pool leaves 1 of 1
    assert trunk_output(network_of("(3,8)/2 (3,8)", "gap fc"), 6, 40) is None


def test_branches_that_fall_apart_are_refused() -> None:
    # at 32x28 both branches halve the map; of odd maps `ceil` leaves one more
    network = network_of("(1,8) { max(2,ceil)/2 | (2,8)/2 }", "gap fc")
    module = built(network)
    with torch.inference_mode():
        assert len(dense(module, network).probabilities(some_images((40, 34)))) == 1
        with refused("CTC641") as found:
            dense(module, network).probabilities(some_images((40, 34), (41, 34)))
    assert "41x34" in said(found[0]) and "--views 10" in said(found[0])


def test_a_trunk_alone_is_refused() -> None:
    network = one("net N\ninput 3x32x28\n(3,8)\nhead: none\n")
    with refused("CTC641") as found:
        dense(built(network), network)
    assert "no head" in said(found[0])


def test_evaluate_densely() -> None:
    images = Blots(each=4, size=(40, 30))
    network = one("net N\ninput 3x12x12\nclasses 3\n(3,8)/2 2/2 (3,8)\nhead: gap fc\n")
    module = built(network)
    recorder = Recorder()
    recipe = tiny_recipe(batch=20)
    test = partial(
        evaluate,
        module,
        images,
        crop=(12, 12),
        views="dense",
        recipe=recipe,
        statistics=measure(images, 10, shorter=16),
        device=torch.device("cpu"),
    )
    scores = test(network=network, callback=recorder)
    assert (scores.views, scores.images, len(scores.classes)) == ("dense", 12, 3)
    assert recorder.tested == [(5, 12), (10, 12), (12, 12)]
    with pytest.raises(ValueError, match="need the network"):
        test(network=None, callback=recorder)
