"""Laws that are fitted to times: what they predict of operations that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from random import Random
from statistics import mean

import pytest

from ctcdsl.metrics.operation_time import Counts, counts_of, kind_of, proportions_of
from ctcdsl.ops.graph import OpNode
from ctcdsl.timing.fit import fit_laws
from ctcdsl.timing.operations import OperationTime
from ctcdsl.timing.random_operations import random_operations

BATCH = 4
_SPARSE: Counts = (2e-5, 1e-5, 0.0, 3e-4, 2e-4)


def timed(nodes: Sequence[OpNode], noise: float = 0.0) -> list[OperationTime]:
    """Times by a law that is known: odd channels take half as long again, cold ones twice as long.

    Large maps are slower than counts say, as where caches end.
    """
    random = Random(0)
    times = []
    for node in nodes:
        counts = counts_of(node, BATCH)
        hot = sum(a * b for a, b in zip(_SPARSE, counts, strict=True))
        channels = node.inputs[0].shape.channels
        hot *= 1.5 if channels % 2 else 1.0
        hot *= 1 + 0.5 / (1 + exp(1 - 2 * counts[3]))
        hot *= exp(random.gauss(0, noise))
        times.append(OperationTime(node, hot, 2 * hot + 1e-5))
    return times


def errors(known: Sequence[OperationTime], unseen: Sequence[OperationTime]) -> list[float]:
    laws = fit_laws(known, BATCH, lambda _: None)
    result = []
    for one in unseen:
        law = laws[kind_of(one.node)]
        predicted = law.seconds(counts_of(one.node, BATCH), proportions_of(one.node, BATCH))
        result += [abs(predicted[0] / one.hot - 1), abs(predicted[1] / one.cold - 1)]
    return result


def of_kind(kind: str, seed: int, share: float) -> list[OpNode]:
    return [node for node in random_operations(seed, share) if kind_of(node) == kind]


@pytest.mark.parametrize(("kind", "share"), [("convolution", 0.2), ("BatchNorm2d", 0.5)])
def test_a_law_predicts_what_it_has_not_seen(kind: str, share: float) -> None:
    known, unseen = of_kind(kind, 0, share), timed(of_kind(kind, 1, 0.2))
    assert mean(errors(timed(known), unseen)) < 0.07
    assert mean(errors(timed(known, 0.05), unseen)) < 0.1


def test_few_operations_have_a_linear_law_alone() -> None:
    known = timed(of_kind("Slice", 0, 1.0))
    law = fit_laws(known, BATCH, lambda _: None)["Slice"]
    assert law.points == () and law.hot_weights == ()
    assert min(law.hot) >= 0 and max(law.hot) > 0


def test_no_coefficient_is_negative() -> None:
    laws = fit_laws(timed(random_operations(share=0.02), 0.3), BATCH, lambda _: None)
    assert all(min(*law.hot, *law.cold) >= 0 for law in laws.values())
    assert all(max(law.hot) > 0 for law in laws.values())
