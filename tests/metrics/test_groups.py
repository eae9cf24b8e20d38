"""Groups: operations that are called together, recorded once for all that are alike."""

from __future__ import annotations

import pytest

import ctcdsl
from ctcdsl.lowering import lower
from ctcdsl.metrics.groups import Group, grouped
from ctcdsl.metrics.recorder import Recorder
from ctcdsl.metrics.trace import trace
from tests.conftest import one


def kinds(group: Group) -> list[str]:
    return [type(node.op).__name__ for node in group.nodes]


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "shufflenet_v2_x1_0", "A"])
def test_every_operation_is_in_one_group_of_one_layer(name: str) -> None:
    graph = lower(ctcdsl.load(name))
    groups = grouped(graph)
    assert [node for group in groups for node in group.nodes] == list(graph.nodes)
    assert all(len({node.layer for node in group.nodes}) == 1 for group in groups)
    for group in groups:
        inside = {node.output.number for node in group.nodes}
        taken = [v.number for node in group.nodes for v in node.inputs if v.number not in inside]
        assert group.inputs == taken


def test_a_layer_that_is_called_at_once_is_a_group() -> None:
    graph = lower(one("style conv-bn-relu\ninput 3x8x8\n(3,8) [ (3,8)x2 ]\nhead: gap fc\n"))
    assert [kinds(group) for group in grouped(graph)] == [
        ["Conv2d", "BatchNorm", "Activate"],
        ["Conv2d", "BatchNorm", "Activate"],
        ["Conv2d", "BatchNorm"],
        *(["Add"], ["Activate"]),  # what was added goes between them
        *(["GlobalPool2d", "Flatten"], ["Linear"]),
    ]


def test_a_group_ends_where_a_value_from_elsewhere_goes() -> None:
    """The stage holds its input; that of its second convolution goes before the activation runs."""
    graph = lower(one("input 3x8x8\n(3,8) (3,8)\nhead: gap fc\n"))
    first, *others = [kinds(group) for group in grouped(graph)][:3]
    assert first == ["Conv2d", "Activate"]
    assert others == [["Conv2d"], ["Activate"]]


def test_equal_layers_are_recorded_once() -> None:
    graph = lower(one("style conv-bn-relu\ninput 8x8x8\n(3,8)x5\nhead: gap fc\n"))
    first, second, *others = trace(graph, grouped(graph), Recorder(half=False)).calls[:5]
    assert first.recording is not second.recording  # nobody needs the gradient of the image
    assert all(call.recording is second.recording for call in others)
    assert graph.nodes[0].op is graph.nodes[3].op
