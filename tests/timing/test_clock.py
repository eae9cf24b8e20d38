"""The clocks of measurements, and what is made of repeated ones."""

from __future__ import annotations

import time

import pytest
import torch

from ctcdsl.timing.clock import Sample, clock_for

CPU = torch.device("cpu")


def test_one_thread_is_timed_by_its_processor_time() -> None:
    """A thread that sleeps has no processor, as one that others keep waiting."""
    clock = clock_for(CPU, 1)
    assert clock.title == "processor time"
    seconds, elapsed = clock.time(lambda: time.sleep(0.05))
    assert elapsed >= 0.05 and seconds < 0.5 * elapsed


def test_several_threads_are_timed_by_the_time_that_passes() -> None:
    clock = clock_for(CPU, 2)
    assert clock.title == "elapsed time"
    seconds, elapsed = clock.time(lambda: time.sleep(0.05))
    assert seconds >= 0.05 and elapsed >= seconds


def test_a_sample_has_its_median_and_the_range_of_its_middle_half() -> None:
    times = (1.0, 2.0, 3.0, 4.0, 100.0)
    sample = Sample(times, times)
    assert sample.median == 3.0
    assert sample.quartiles == (2.0, 4.0)
    assert sample.spread == pytest.approx(2 / 3)
    assert Sample((2.0,), (2.0,)).spread == 0.0
