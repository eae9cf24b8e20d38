"""Under which roof a layer is, and how much of it is reached."""

from __future__ import annotations

import pytest

import ctcdsl as package
from ctcdsl.metrics import network_cost
from ctcdsl.metrics.catalog import TRAFFIC
from ctcdsl.metrics.latency_metrics import ROOF
from ctcdsl.metrics.latency_table import Peaks
from ctcdsl.metrics.metric import plain
from ctcdsl.metrics.roofline import roof, roof_text, together
from tests.support.latency import linear_table

PEAKS = Peaks(macs=100.0, bytes=10.0)


def test_what_takes_longer_at_its_peak_binds() -> None:
    much = roof(macs=200, bytes=10, seconds=4.0, peaks=PEAKS)
    assert (much.bound, much.share) == ("arithmetic", 0.5)
    few = roof(macs=50, bytes=10, seconds=4.0, peaks=PEAKS)
    assert (few.bound, few.share) == ("memory", 0.25)
    assert roof_text(few) == "memory 25%"
    both = together([much, few])
    assert both.bound == "arithmetic" and both.share == pytest.approx(2.5 / 8)
    nothing = roof(0, 0, 0.0, PEAKS)
    assert not nothing and nothing.share == 0.0


def test_the_roof_of_a_network_is_of_its_macs_its_traffic_and_its_time() -> None:
    table = linear_table()
    cost = network_cost(package.load("A"), latencies=table)
    value = cost.value(ROOF)
    assert value.arithmetic == pytest.approx((cost.macs + cost.macs_fc) / table.peaks.macs)
    assert value.memory == pytest.approx(cost.value(TRAFFIC) / table.peaks.bytes)
    assert value.seconds == pytest.approx(cost.latency)
    assert plain(value) == value.share
