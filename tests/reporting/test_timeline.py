"""Memory over time: the picture shows the peak, and every kernel once."""

from __future__ import annotations

from itertools import pairwise

import pytest

import ctcdsl
from ctcdsl.drawing.svg import Area, Text
from ctcdsl.metrics.memory import network_memory
from ctcdsl.reporting.timeline import timeline_picture
from tests.support.readable import assert_readable

NETWORKS = [ctcdsl.load(name) for name in ("A", "resnet20", "mobilenet_v2")]


@pytest.mark.parametrize("width", [840, 350])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_areas_are_what_is_alive(network: ctcdsl.Network, width: int) -> None:
    memory = network_memory(network, 8)
    peak = memory.training.peak
    picture = timeline_picture(memory, width=width, most=2 * peak)
    assert_readable(picture)
    weights, gradients, maps = (part for part in picture.parts if isinstance(part, Area))
    bottom = weights.points[-1][1]
    per_byte = (bottom - min(y for _, y in weights.points)) / (memory.weights + memory.state)
    assert bottom - min(y for _, y in maps.points) == pytest.approx(peak * per_byte)
    # A step has a level piece for each run of equal values, and the areas meet.
    tops = [instant.total for instant in memory.timeline]
    runs = 1 + sum(one != other for one, other in pairwise(tops))
    tops_of_gradients = [point for point in maps.points if point in gradients.points]
    assert len(maps.points) - len(tops_of_gradients) <= 2 * runs
    assert set(weights.points[: len(weights.points) // 2]) <= set(gradients.points)


def test_the_peak_is_named() -> None:
    memory = network_memory(NETWORKS[1], 8)
    picture = timeline_picture(memory, width=840, most=memory.training.peak)
    (words,) = [p.text for p in picture.parts if isinstance(p, Text) and "peak" in p.text]
    assert memory.training.layer in words and str(memory.training.phase) in words
    assert words in picture.description


def test_a_small_network_on_a_large_scale_is_flat() -> None:
    memory = network_memory(NETWORKS[1], 8)
    picture = timeline_picture(memory, width=350, most=100 * memory.training.peak)
    (*_, maps) = [part for part in picture.parts if isinstance(part, Area)]
    heights = [y for _, y in maps.points]
    assert max(heights) - min(heights) < 4
