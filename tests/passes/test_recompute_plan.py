"""The plan of parts to recompute: against every choice there is, and against the exact model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.ir import replace
from ctcdsl.ir.recompute import part_at
from ctcdsl.metrics.chain_memory import ChainMemory, chain_memory
from ctcdsl.metrics.memory import network_memory
from ctcdsl.passes.recompute_plan import Planner
from tests.conftest import one

BATCH = 4
NETWORKS = {
    "series": "style conv-relu\ninput 3x32x32\nclasses 5\n(3,8)x2 2/2 (3,16)x2\nhead: gap fc\n",
    "norms": "style conv-bn-relu\ninput 3x24x24\nclasses 5\n(3,16)x3 2/2 (3,16)x2\nhead: gap fc\n",
    "blocks": "style conv-bn-relu\ninput 3x32x32\nclasses 5\n"
    "(3,8) [ (1,4) (3,8) ]x2 2/2 { (1,8) | (3,8) }x2\nhead: gap fc\n",
    "before": "style bn-relu-conv\ninput 3x16x16\nclasses 5\n(3,8,bare) { id | (1,16) (3,8) }x3\n"
    "head: bn relu gap fc\n",
}


def planned(network: Network) -> tuple[ChainMemory, Planner]:
    chain = chain_memory(network, BATCH, precision="float32", optimizer="sgd")
    return chain, Planner(network, chain)


def recomputing(network: Network, parts: tuple[range, ...]) -> Network:
    lengths = [len(chain) for chain in network.architecture.chains]
    found = tuple(part_at(run, lengths) for run in parts)
    return Network(replace(network.architecture, recompute=found), network.nodes)


def peak(network: Network, parts: tuple[range, ...]) -> int:
    training = network_memory(recomputing(network, parts), BATCH).training
    return training.peak + training.kernels


def every(lengths: list[int], start: int = 0) -> Iterator[tuple[range, ...]]:
    """Every choice of parts, stage by stage."""
    if not lengths:
        yield ()
        return
    for here in _of_stage(start, start + lengths[0]):
        for others in every(lengths[1:], start + lengths[0]):
            yield (*here, *others)


def _of_stage(start: int, end: int) -> Iterator[tuple[range, ...]]:
    if start == end:
        yield ()
        return
    for others in _of_stage(start + 1, end):
        yield others
    for stop in range(start + 1, end + 1):
        for others in _of_stage(stop, end):
            yield (range(start, stop), *others)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_other_choice_computes_less_for_a_memory(name: str) -> None:
    network = one(NETWORKS[name])
    chain, planner = planned(network)
    lengths = [len(elements) for elements in network.architecture.chains]

    def extra(parts: tuple[range, ...]) -> int:
        return sum(chain.again(part.start, part.stop - 1) or 0 for part in parts)

    choices = [(extra(parts), planner._peak(parts), parts) for parts in every(lengths) if all(
        chain.again(part.start, part.stop - 1) is not None for part in parts)]  # fmt: skip
    peaks = sorted({found for _, found, _ in choices})
    least = planner.least()
    assert least.peak == peaks[0]
    assert planner.within(peaks[0] - 1) is None
    for memory in peaks[:: max(1, len(peaks) // 25)]:
        plan = planner.within(memory)
        assert plan is not None
        assert plan.macs == min(macs for macs, found, _ in choices if found <= memory)
        assert plan.macs == extra(plan.parts) and plan.peak == planner._peak(plan.parts) <= memory


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "before"])
def test_the_model_of_links_is_that_of_kernels(name: str) -> None:
    """But for the state of random numbers; not where parts begin with what works in place."""
    network = one(NETWORKS[name])
    _, planner = planned(network)
    lengths = [len(elements) for elements in network.architecture.chains]
    for parts in list(every(lengths))[::7]:
        if all(planner._chain.again(part.start, part.stop - 1) is not None for part in parts):
            exact, modelled = peak(network, parts), planner._peak(parts)
            assert abs(exact - modelled) <= 0.02 * modelled + 2 * 5056


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "googlenet"])
def test_the_trade_off_goes_down(name: str) -> None:
    network = ctcdsl.load(name)
    _, planner = planned(network)
    plans = planner.all(steps=8)
    assert len(plans) >= 4 and plans[0].macs == 0
    for before, plan in pairwise(plans):
        assert plan.peak < before.peak and plan.macs >= before.macs
        assert abs(peak(network, plan.parts) - plan.peak) <= 2 * 5056


def test_the_figures_of_known_networks() -> None:
    """At batch 8, as shares of what autograd keeps otherwise and of a forward pass."""
    for name, saved, extra in (("resnet50", 0.5, 0.35), ("densenet121", 0.5, 0.45)):
        network = ctcdsl.load(name)
        chain = chain_memory(network, 8, precision="float32", optimizer="sgd")
        plans = Planner(network, chain).all()
        plain = network_memory(network, 8).training.saved
        shares = [
            (network_memory(recomputing(network, plan.parts), 8).training.saved / plain, plan)
            for plan in plans
        ]
        half = next(plan for share, plan in shares if share <= saved)
        assert half.macs / chain.macs <= extra
