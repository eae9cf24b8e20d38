"""Tables of latencies: built here, tested on networks, refused on a machine that is too busy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import ctcdsl as package
from ctcdsl.loading import built_in_specs
from ctcdsl.metrics.latency_table import HeldOut, read_table
from ctcdsl.ops.graph import OpNode
from ctcdsl.text import UserError
from ctcdsl.timing import peaks
from ctcdsl.timing import table as table_module
from ctcdsl.timing.bench import BenchConfig, bench_networks
from ctcdsl.timing.held_out import NAMES, held_out_networks
from ctcdsl.timing.operations import OperationTime
from ctcdsl.timing.table import TableConfig, build_table, held_out_rows, write_table
from tests.support.latency import linear_table

# torch's own modules use what torch itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


def fake(*rounds: float) -> Callable[..., list[OperationTime]]:
    """Times of operations that nobody measured, so many times longer in each round."""
    factors = iter(rounds)

    def times(nodes: Sequence[OpNode], *_: Any) -> list[OperationTime]:
        factor = next(factors)
        return [OperationTime(one, factor * 1e-4, factor * 2e-4) for one in nodes]

    return times


@pytest.fixture(autouse=True)
def quick_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "_SIDE", 256)
    monkeypatch.setattr(peaks, "_COPIED", 1 << 18)


def test_a_table_is_built_and_tested_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "time_operations", fake(1.0, 1.05))
    shown: list[str] = []
    config = TableConfig(batch=2, held_out=("resnet20", "resnet32"), share=0.01)
    table = build_table(config, shown.append)
    assert (table.batch, table.threads, table.clock) == (2, 1, "processor time")
    assert table.repeat == pytest.approx(0.0488, abs=1e-4)
    assert [network.name for network in table.held_out] == ["ResNet20", "ResNet32"]
    assert all(network.measured > 0 and network.predicted > 0 for network in table.held_out)
    assert table.peaks.macs > 1e8 and table.peaks.bytes > 1e8
    assert shown[0] == "peaks of arithmetic and memory" and "laws: 0 of" in "".join(shown)
    rows = held_out_rows(table).rows
    assert rows[0][0] == "ResNet20" and rows[0][1].endswith(" ms") and rows[0][3].endswith("%")
    good = table._replace(held_out=(HeldOut("ResNet20", 1.0, 1.0),))
    write_table(good, tmp_path / "device.json")
    assert read_table(tmp_path / "device.json").laws.keys() == table.laws.keys()


def test_a_machine_that_is_too_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "time_operations", fake(1.0, 1.2))
    with pytest.raises(UserError) as caught:
        build_table(TableConfig(held_out=("resnet20",), share=0.01))
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.message) == (
        "CTC735",
        "this machine is too busy to be measured: the same operations took 18% more or less time a"
        " minute later",
    )


def test_held_out_networks_are_forty_of_the_built_in_ones() -> None:
    assert len(set(NAMES)) == 40 and set(NAMES) <= {spec.name for spec in built_in_specs()}


def test_no_file_of_the_current_folder_is_taken_for_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet20.ctc").write_text("(3,8) gap fc\n", encoding="utf-8")
    (network,) = held_out_networks(["resnet20"])
    assert network.name == "ResNet20" and len(network.layers) > 20


def test_forward_passes_are_predicted_beside() -> None:
    network = package.load("resnet20")
    config = BenchConfig(tasks=("forward", "train"), batches=(1, 2), runs=3, latency=linear_table())
    benchmark = bench_networks([network], config)
    predicted = [timing.predicted is not None for timing in benchmark.timings]
    assert predicted == [True, False, False, False]
    table = benchmark.table()
    assert table.titles[-2:] == ("predicted", "error")
    assert table.rows[0][-1].endswith("%") and table.rows[1][-2:] == ("", "")
    assert benchmark.as_json()["timings"][0]["predicted"] > 0


def test_times_of_something_else_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    table = linear_table(processor="Cortex-A76", torch="2.4.0", batch=8)
    config = BenchConfig(
        tasks=("train",), runs=3, threads=2, precision="bf16", compile="on", latency=table
    )
    with pytest.raises(UserError) as caught:
        bench_networks([package.load("resnet20")], config)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.message) == (
        "CTC737",
        "these times cannot be compared with the latency table",
    )
    own = linear_table()
    assert diagnostic.notes == (
        f"it is of Cortex-A76, and this is {own.processor}",
        f"it is of torch 2.4.0, and this is torch {own.torch}",
        "it is of 1 thread, and this is 2 threads",
        "it is of float32, and this is bf16",
        "it is of modules that are not compiled, and this is compiled modules",
        "it is of a batch of 8, and this is 1",
        "it is of forward passes, and there is none",
    )
