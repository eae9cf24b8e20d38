"""Predicted times of networks: the sum of operations, what it depends on, and what it cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ctcdsl as package
from ctcdsl.lowering import lower
from ctcdsl.metrics import latency, network_cost
from ctcdsl.metrics.latency import doubts, predict
from ctcdsl.metrics.operation_time import counts_of, kind_of, parameters_of
from ctcdsl.text import UserError
from tests.support.latency import COLD, HOT, linear_table

ROW = "net Small\ninput 3x32x32\nclasses 10\n(3,16) (3,16) (3,16)\nhead: gap fc\n"


def sums(spec: str, batch: int = 1) -> tuple[float, float, int]:
    """The times all hot and all cold, and the number of operations, by the laws of the table."""
    nodes = lower(package.loads(spec)).nodes
    counts = [counts_of(node, batch) for node in nodes]
    hot = sum(a * b for count in counts for a, b in zip(HOT, count, strict=True))
    cold = sum(a * b for count in counts for a, b in zip(COLD, count, strict=True))
    return hot, cold, len(nodes)


def test_a_small_network_takes_the_times_of_caches() -> None:
    predicted = predict(package.loads(ROW), linear_table())
    hot, cold, count = sums(ROW)
    assert predicted.seconds == pytest.approx(hot + 2e-6 * count)
    assert predicted.low == pytest.approx(0.95 * hot)
    assert predicted.high == pytest.approx(1.1 * (cold + 2e-6 * count))
    assert [op.node.layer for op in predicted.ops][:2] == ["stage1.conv1"] * 2


def test_a_large_network_takes_the_times_of_memory_but_for_code_that_it_used_before() -> None:
    """Its cache is a 16th of what it needs, or less: all of cold - hot counts."""
    network = package.loads(ROW)
    table = linear_table(cache=1)
    predicted = predict(network, table)
    seen: set[object] = set()
    for op in predicted.ops:
        shape = (op.node.op, op.node.inputs[0].shape)
        code: object = shape if "conv" in kind_of(op.node) else kind_of(op.node)
        data = min(op.cold - op.hot, 4 * parameters_of(op.node) / table.peaks.bytes)
        rest = (op.cold - op.hot - data) * (0.5 if code in seen else 1)
        seen.add(code)
        assert op.seconds == pytest.approx(op.hot + data + rest + 2e-6)
    again = [op for op in predicted.ops if kind_of(op.node) == "convolution"]
    assert again[2].seconds < again[1].seconds  # the second of two equal ones


def test_what_a_network_needs_decides_between_caches_and_memory() -> None:
    network = package.load("A")
    seconds = [predict(network, linear_table(cache=size)).seconds for size in (1, 10**8, 10**10)]
    assert seconds[0] > seconds[1] > seconds[2]


def test_the_times_of_layers_add_up_and_are_a_metric() -> None:
    network = package.load("resnet18")
    cost = network_cost(network, latencies=linear_table())
    predicted = cost.workload.latency
    assert cost.latency == pytest.approx(predicted.seconds)
    assert cost.latency_range == pytest.approx((predicted.low, predicted.high))
    assert sum(layer.latency for layer in cost.layers) == pytest.approx(cost.latency)
    assert list(predicted.by_layer) == [node.name for node in network.layers]
    low, high = cost.latency_range
    assert low < cost.latency < high


def failure(call: Any) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    with pytest.raises(UserError) as caught:
        call()
    (diagnostic,) = caught.value.diagnostics
    return diagnostic.code, diagnostic.message, diagnostic.notes, diagnostic.hints


def test_an_operation_that_the_table_does_not_have() -> None:
    laws = {kind: law for kind, law in linear_table().laws.items() if kind != "Linear"}
    network = package.loads(ROW)
    code, message, notes, hints = failure(lambda: predict(network, linear_table(laws=laws)))
    assert (code, message) == (
        "CTC734",
        "the latency table has no times of Linear, which head.fc computes",
    )
    assert notes == (f"it has those of {len(laws)} kinds of operations",)
    assert hints == ("measure the network itself: ctcdsl bench",)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            {},
            "the time of a network is predicted from a table of its device, and there is none",
            "--latency device.json, which ctcdsl bench --table -o device.json makes",
        ),
        (
            {"latencies": linear_table(), "batch": 8},
            "the latency table is of 1 image at a time, not of 8",
            "ctcdsl bench --table --batch 8 -o FILE makes one for 8",
        ),
        (
            {"latencies": linear_table(), "precision": "bf16"},
            "the latency table is of float32, not of bf16",
            "ctcdsl bench --precision bf16 measures the network itself",
        ),
    ],
)
def test_a_table_of_something_else(options: Any, message: str, hint: str) -> None:
    network = package.loads(ROW)
    code, text, _, hints = failure(lambda: network_cost(network, **options).latency)
    assert (code, text, hints[0]) == ("CTC732", message, hint)


def test_operations_unlike_those_that_were_measured_are_a_warning() -> None:
    table = linear_table()
    law = table.laws["convolution"]
    narrow = law._replace(highest=(*law.highest[:3], 3.0, *law.highest[4:]))
    network = package.loads(ROW)
    (warning,) = predict(
        network, table._replace(laws={**table.laws, "convolution": narrow})
    ).warnings
    assert warning.code == "CTC933"
    assert warning.message.endswith(
        "% of the time predicted for Small is that of 3 operations unlike those that were measured"
    )
    assert warning.notes == (
        "the largest is the convolution of stage1.conv2, from 16x32x32 to 16x32x32",
    )
    assert predict(network, table).warnings == ()


def test_a_table_of_another_machine_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    network = package.loads(ROW)
    assert doubts([predict(network, linear_table())]) == []
    other = linear_table(processor="Cortex-A76", torch="2.4.0")
    monkeypatch.setattr(latency, "processor_name", lambda: "AMD EPYC")
    monkeypatch.setattr(latency, "torch_version", lambda: "2.13.0")
    notes = doubts([predict(network, other), predict(network, other)])
    assert [note.code for note in notes] == ["CTC934"]
    assert notes[0].notes == (
        "it was made on Cortex-A76, and this is AMD EPYC",
        "it was made with torch 2.4.0, and this is torch 2.13.0",
    )
    monkeypatch.setattr(latency, "torch_version", lambda: None)
    assert len(doubts([predict(network, other)])[0].notes) == 1


def test_the_function_takes_a_path(tmp_path: Path) -> None:
    from ctcdsl.timing.table import write_table

    path = tmp_path / "device.json"
    write_table(linear_table(batch=4), path)
    cost = package.cost(package.loads(ROW), latency=path)
    assert cost.batch == 4 and cost.latency > 0
    assert package.cost(package.loads(ROW), latency=linear_table(batch=4)).latency == pytest.approx(
        cost.latency, rel=1e-4
    )
    with pytest.raises(TypeError, match="latency is the path"):
        package.cost("A", latency=3)  # type: ignore[arg-type]
