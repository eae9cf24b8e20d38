"""Two networks layer by layer: what is paired with what, and what changes cost."""

from __future__ import annotations

import random

import pytest

import ctcdsl
from ctcdsl.ir.network import flat
from ctcdsl.metrics.catalog import METRICS
from ctcdsl.metrics.difference import Change, Difference
from ctcdsl.metrics.difference_tables import changes, records, totals
from ctcdsl.metrics.metric import summed
from tests.conftest import one


def paired(difference: Difference) -> list[tuple[str, str, str]]:
    """The changes, each with the names of both layers."""
    return [
        (
            str(layer.change),
            layer.before.node.name if layer.before else "",
            layer.after.node.name if layer.after else "",
        )
        for layer in difference.layers
        if layer.change is not Change.SAME
    ]


PAIRS = (
    ("A", "J'"),
    ("resnet50", "resnet101"),
    ("resnet18", "googlenet"),
    ("mobilenet_v2", "shufflenet_v2_x0_5"),
    ("densenet121", "densenet169"),
    ("vgg16", "alexnet"),
)


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_every_layer_is_there_once_and_changes_add_up(names: tuple[str, str]) -> None:
    difference = ctcdsl.diff(*names)
    for side, cost in ((0, difference.before), (1, difference.after)):
        found = []
        for layer in difference.layers:
            own = (layer.before, layer.after)[side]
            if own is not None:
                found += [n.name for n in flat((own.node,))] if own.count > 1 else [own.node.name]
        assert found == [node.name for node in cost.network.layers]
    for metric in METRICS:
        if metric.total is summed and not metric.on_request:
            deltas = [layer.delta(metric) or 0 for layer in difference.layers]
            assert sum(deltas) == difference.delta(metric)
    assert difference.ratio(METRICS[0]) == difference.after.relative_to(difference.before)


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_the_other_way_round_is_the_opposite(names: tuple[str, str]) -> None:
    one_way, other = ctcdsl.diff(*names), ctcdsl.diff(*reversed(names))
    for metric in METRICS[:3]:
        assert one_way.delta(metric) == -(other.delta(metric) or 0)
    assert sum(layer.change is Change.SAME for layer in one_way.layers) == sum(
        layer.change is Change.SAME for layer in other.layers
    )


def test_a_network_equals_itself_under_another_name() -> None:
    texts = ("net One\npad same\n(3,8) (3,8)", "net Two\npad same\na: (3,8)x2")
    difference = ctcdsl.diff(*map(ctcdsl.loads, texts))
    assert difference.equal and repr(difference) == "<Difference of One and Two: equal>"
    assert not ctcdsl.diff(one("(3,8)"), one("input 3x32x32\n(3,8)")).equal


def test_inserted_blocks_are_found_where_they_are() -> None:
    difference = ctcdsl.diff("resnet50", "resnet101")
    added = [f"conv4_x.block{k}" for k in range(7, 24)]
    assert paired(difference) == [("added", "", name) for name in added]
    block = next(layer.after for layer in difference.layers if layer.before is None)
    assert block is not None and (block.macs, block.count) == (218_365_952, 4)


def test_a_changed_layer_is_paired_in_its_block() -> None:
    text = "pad same\nstem: (3,8)\nbody: [ (3,8) (3,8) ] [ (3,8) ({},8) ]\nhead: gap fc(5)"
    difference = ctcdsl.diff(one(text.format(3)), one(text.format(5)))
    assert paired(difference) == [("changed", *("body.block2.conv2",) * 2)]
    (layer,) = (layer for layer in difference.layers if layer.change is Change.CHANGED)
    assert layer.delta(METRICS[0]) == 8 * 8 * (25 - 9) * 224 * 224


def test_layers_are_paired_within_their_stage() -> None:
    """Not with those of the next, though they would be equal."""
    before = one("pad same\na: (3,16) (3,16)\nb: (3,32)")
    after = one("pad same\na: (3,32) (3,32)\nb: (3,32)")
    assert [pair[1:] for pair in paired(ctcdsl.diff(before, after))] == [
        ("a.conv1", "a.conv1"),
        ("a.conv2", "a.conv2"),
        ("b.conv", "b.conv"),
    ]


def test_another_join_is_another_block() -> None:
    before = one("pad same\n(3,8) [ (3,8) | (1,8) ]")
    after = one("pad same\n(3,8) { (3,8) | (1,8) }")
    assert [pair[0] for pair in paired(ctcdsl.diff(before, after))][:2] == ["removed", "added"]


def test_a_style_shows_in_the_layers_that_it_changes() -> None:
    table = changes(ctcdsl.diff("vgg16", "vgg16_bn"))
    assert table.titles == ("", "layer", "VGG-16", "VGG16-BN", "map", "Δ parameters")
    assert table.rows[0] == (
        *("~", "conv1.conv1 ×2", "(3,64,p1)", "(3,64,p1,bn)", "64x224x224", "+128"),
    )
    assert ctcdsl.diff("vgg16", "vgg16_bn").headers == {"style": ("conv-relu", "conv-bn-relu")}


def test_rows_that_repeat_are_shown_once() -> None:
    rows = changes(ctcdsl.diff("resnet50", "wide_resnet50_2")).rows
    names = [row[1] for row in rows]
    at = names.index("conv4_x.block2.conv1 → conv4.block2.conv1")
    assert names[at + 3 : at + 5] == ["… 1 equal layer", "… these 4 rows 4 more times"]
    every = changes(ctcdsl.diff("resnet50", "wide_resnet50_2"), every=True).rows
    assert not any("…" in row[1] for row in every) and len(every) > len(rows) + 30


def test_totals_have_ratios_where_there_are_any() -> None:
    metrics = [metric for metric in METRICS if metric.key in ("buffers", "receptive_field", "macs")]
    table = totals(ctcdsl.diff("A", "J'"), metrics)
    assert table.rows == (
        ("depth", "5", "11", "+6", ""),
        ("MACs", "854,954,688", "836,604,608", "-18,350,080", "0.9785"),
        ("buffers", "0", "0", "0", ""),
        ("receptive field", "317", "331", "", ""),
    )


def test_records_have_every_layer_of_both() -> None:
    table = records(ctcdsl.diff("A", "B"))
    at = {title: k for k, title in enumerate(table.titles)}
    for side, name in (("before", "A"), ("after", "B")):
        macs = sum(int(row[at[f"MACs {side}"]]) for row in table.rows)
        assert macs == ctcdsl.load(name).macs


def test_random_chains_are_aligned_as_well_as_by_hand() -> None:
    """Layers taken out of a chain are the only ones that have no counterpart."""
    choose = random.Random(7)
    for _ in range(20):
        widths = choose.sample(range(4, 200), 30)
        kept = sorted(choose.sample(range(30), 24))
        rows = [" ".join(f"(1,{w})" for w in some) for some in (widths, [widths[k] for k in kept])]
        before, after = (one(f"input 3x8x8\npad same\n{row}\nhead: none") for row in rows)
        removed = [
            int(n[1].rpartition("conv")[2]) for n in paired(ctcdsl.diff(before, after)) if not n[2]
        ]
        assert [k + 1 for k in range(30) if k not in kept] == removed
