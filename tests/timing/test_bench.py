"""Times of whole networks: what is timed, what is reported, what cannot be timed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import ctcdsl as package
from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.metrics.counts import values_moved
from ctcdsl.text import Diagnostic, UserError
from ctcdsl.timing import bench
from ctcdsl.timing.bench import BenchConfig, bench_networks
from ctcdsl.timing.clock import Sample
from ctcdsl.timing.results import Benchmark, Timing
from ctcdsl.timing.tasks import Execution, prepare

# torch's own modules use what torch itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

SMALL = "net Small\ninput 3x24x24\nclasses 3\n(3,8)/2 [ (3,8) (3,8) ] 2/2\nhead: gap fc\n"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def small() -> Network:
    return package.loads(SMALL)


def reason(error: UserError) -> tuple[str, str]:
    (diagnostic,) = error.diagnostics
    return diagnostic.code, diagnostic.message


def test_every_task_and_batch_of_every_network_has_its_runs(small: Network) -> None:
    other = package.loads(SMALL.replace("Small", "Other"))
    shown: list[str] = []
    config = BenchConfig(batches=(1, 2), runs=3)
    benchmark = bench_networks([small, other], config, shown.append)
    keys = [(each.network.name, each.batch, each.task) for each in benchmark.timings]
    assert keys == [
        (name, batch, task)
        for name in ("Small", "Other")
        for batch in (1, 2)
        for task in ("forward", "train", "views")
    ]
    assert all(len(each.sample.times) == 3 for each in benchmark.timings)
    assert all(seconds > 0 for each in benchmark.timings for seconds in each.sample.times)
    assert shown[0] == "Small: forward pass of 1 image" and shown[-1] == "run 3 of 3"


def test_networks_take_turns(small: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a bad moment of the machine hits all alike."""
    order: list[str] = []

    def fake(task: str, network: Network, batch: int, execution: Execution) -> Any:
        prepared = prepare("forward", network, batch, execution)
        return prepared._replace(run=lambda: order.append(f"{network.name}.{task}"))

    monkeypatch.setattr(bench, "prepare", fake)
    other = package.loads(SMALL.replace("Small", "Other"))
    bench_networks([small, other], BenchConfig(tasks=("forward", "train"), runs=3))
    turn = ["Small.forward", "Small.train", "Other.forward", "Other.train"]
    assert order == [name for name in turn for _ in range(2)] + turn * 3


def test_threads_are_pinned_and_put_back(small: Network) -> None:
    before = torch.get_num_threads()
    seen: list[int] = []
    bench_networks(
        [small],
        BenchConfig(tasks=("forward",), runs=3, threads=before + 1),
        lambda _: seen.append(torch.get_num_threads()),
    )
    assert set(seen) == {before + 1} and torch.get_num_threads() == before


def test_the_layers_of_a_pass_add_up_to_it(small: Network) -> None:
    config = BenchConfig(tasks=("forward",), runs=5, layers=True)
    (timing,) = bench_networks([small], config).timings
    names = [layer.name for layer in timing.layers]
    assert names == [
        *("stage1.conv", "stage1.block.conv1", "stage1.block.conv2", "stage1.block"),
        *("stage1.pool", "head.gap", "head.fc", "between layers"),
    ]
    whole = [sum(layer.sample.times[run] for layer in timing.layers) for run in range(5)]
    assert min(whole) > 0.5 * min(timing.sample.times)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "convnextv2_nano"])
def test_every_layer_of_known_networks_is_timed(name: str) -> None:
    """Gates, splits, concatenations and sums are code between submodules."""
    network = package.load(name, input=64)
    config = BenchConfig(tasks=("forward",), runs=3, layers=True)
    (timing,) = bench_networks([network], config).timings
    timed = {layer.name for layer in timing.layers}
    working = {op.layer for op in lower(network).nodes if values_moved(op)}
    assert working <= timed


def test_compiled_layers_cannot_be_told_apart(small: Network) -> None:
    with pytest.raises(UserError) as caught:
        bench_networks([small], BenchConfig(layers=True, compile="on"))
    assert reason(caught.value) == (
        "CTC736",
        "layers are timed in a forward pass that is not compiled: compiling joins them",
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "net X\ninput 4x24x24\n(3,8)\nhead: gap fc\n",
            "X takes images of 4 channels, not of 3 or 1, so it has no training step",
        ),
        ("net X\n(3,8)\nhead: none\n", "X gives a map, not the scores of classes, so it has no"),
        (
            "net X\ninput 3x24x24\n(3,8)\nhead: gap bn fc\n",
            "X trains on at least 2 images at a time",
        ),
    ],
)
def test_a_task_that_a_network_does_not_have(spec: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        bench_networks([package.loads(spec)], BenchConfig(tasks=("train",)))
    code, text = reason(caught.value)
    assert code == "CTC736" and text.startswith(message)


def test_grey_images_are_timed_in_every_task() -> None:
    grey = package.loads(SMALL.replace("3x24x24", "1x24x24"))
    assert len(bench_networks([grey], BenchConfig(runs=3)).timings) == 3


def doubts(network: Network, *runs: tuple[float, float]) -> list[Diagnostic]:
    sample = Sample(tuple(t for t, _ in runs), tuple(e for _, e in runs))
    return list(bench._doubts([Timing(network, "forward", 1, sample)]))


def test_medians_of_runs_that_differ_are_doubtful(small: Network) -> None:
    assert doubts(small, (1.0, 1.0), (1.01, 1.01), (1.02, 1.02)) == []
    (warning,) = doubts(small, (1.0, 1.0), (1.2, 1.2), (1.4, 1.4))
    assert warning.code == "CTC931"
    assert warning.message == "1 median of 1 is doubtful: runs differ by more than 10%"
    (warning,) = doubts(small, (1.0, 1.5), (1.0, 2.0), (1.0, 2.5))
    assert warning.code == "CTC932"
    assert warning.message == "other programs had the processor for 50% of the time"


def test_the_function_takes_a_network_or_several(small: Network) -> None:
    benchmark = package.bench(small, tasks=("forward",), batch=[1, 2], runs=3)
    assert isinstance(benchmark, Benchmark)
    assert repr(benchmark) == f"<Benchmark of Small on {benchmark.device.processor}>"
    assert [timing.batch for timing in benchmark.timings] == [1, 2]
    assert "<table>" in benchmark._repr_html_()
    with pytest.raises(UserError, match="there is no task 'test'"):
        package.bench(small, tasks=["test"])  # type: ignore[list-item]
    with pytest.raises(UserError, match="batch is 0"):
        package.bench(small, batch=0)
