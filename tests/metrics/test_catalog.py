"""The table of metrics: what each measures, and how layers add up to blocks and networks."""

from __future__ import annotations

import pytest
import torch

import ctcdsl
from ctcdsl.codegen.load import build_module
from ctcdsl.metrics import network_cost
from ctcdsl.metrics.catalog import METRICS, find_metrics
from ctcdsl.metrics.metric import plain
from tests.conftest import one

RESIDUAL = """
input 3x16x16
style conv-bn-relu
stem: (3,8) [ (3,8) (3,8) ]
head: gap fc(5)
"""


def test_keys_and_titles_are_unique() -> None:
    assert len({metric.key for metric in METRICS}) == len(METRICS)
    assert len({metric.title for metric in METRICS}) == len(METRICS)
    assert find_metrics(["all"]) == tuple(m for m in METRICS if not m.on_request)


def test_a_block_costs_what_it_contains() -> None:
    network = one(RESIDUAL)
    cost = network_cost(network)
    conv, block = network.nodes[:2]
    inside = [layer for layer in cost.layers if layer.node.name.startswith(block.name)]
    part = cost.part(block)
    assert part.macs == sum(layer.macs for layer in inside) == 2 * 8 * 9 * 8 * 256
    assert part.traffic == sum(layer.traffic for layer in inside)
    assert part.intensity == pytest.approx(part.macs / part.traffic)
    assert part.receptive_field == (7, 7)
    assert cost.part(conv).params == cost.layers[0].params == 3 * 9 * 8 + 16


def test_traffic_and_activations_follow_batch_and_precision() -> None:
    network = one(RESIDUAL)
    one_image = network_cost(network)
    images = network_cost(network, batch=4)
    halved = network_cost(network, batch=4, precision="bf16")
    assert images.activation_bytes == 4 * one_image.activation_bytes == 2 * halved.activation_bytes
    maps = one_image.traffic - 4 * one_image.params
    assert images.traffic == 4 * maps + 4 * images.params  # parameters are read once
    assert halved.traffic == 2 * maps + 4 * images.params
    assert images.intensity > one_image.intensity
    assert images.receptive_field == one_image.receptive_field
    assert images.layers[0].macs == 4 * one_image.layers[0].macs


def test_activation_bytes_are_those_of_the_modules_outputs() -> None:
    network = one("input 3x16x16\n(3,8) 2/2 (3,4)/2\nhead: gap fc(5)")
    module = build_module(network)
    sizes: list[int] = []
    kinds = (torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.AdaptiveAvgPool2d, torch.nn.Linear)
    for child in module.modules():
        if isinstance(child, kinds):
            child.register_forward_hook(lambda m, args, out: sizes.append(4 * out.numel()))
    module(torch.zeros(1, 3, 16, 16))
    assert network_cost(network).activation_bytes == sum(sizes)


def test_views_move_nothing() -> None:
    split = network_cost(one("input 8x4x4\npad same\nsplit{ (1,4,linear) | id }\nhead: none"))
    by_name = {layer.node.name.rsplit(".")[-1]: layer.traffic for layer in split.layers}
    half = 4 * 16 * 4
    conv = half * 2 + 4 * (4 * 4 + 4)
    assert sorted(by_name.values()) == sorted((conv, 0, 2 * 2 * half))


def test_values_of_json_are_plain() -> None:
    cost = ctcdsl.cost("resnet18")
    for metric in METRICS:
        if not metric.on_request:
            assert isinstance(plain(cost.value(metric)), int | float | list)
    assert cost.buffers == sum(layer.buffers for layer in cost.layers) == 9_620
