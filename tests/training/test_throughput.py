import pytest

from ctcdsl.training.throughput import Throughput


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def step(pace: Throughput, clock: Clock, wait: float, work: float, images: int = 10) -> None:
    clock.now += wait
    pace.batch_ready()
    clock.now += work
    pace.end_step(images)


def test_speed_and_waiting_are_over_the_last_steps() -> None:
    clock = Clock()
    pace = Throughput(clock)
    assert (pace.images_per_second, pace.data_wait, pace.seconds_left(5, 1, 10)) == (0, 0, 0)
    for _ in range(100):
        step(pace, clock, 3.0, 1.0)
    for _ in range(20):
        step(pace, clock, 0.5, 1.5)
    assert pace.images_per_second == pytest.approx(5)
    assert pace.data_wait == pytest.approx(0.25)
    assert pace.epoch_images_per_second == pytest.approx(1200 / 440)
    assert pace.epoch_data_wait == pytest.approx(310 / 440)


def test_an_epoch_is_counted_by_itself() -> None:
    clock = Clock()
    pace = Throughput(clock)
    step(pace, clock, 1.0, 1.0)
    clock.now += 7
    assert pace.end_test() == pytest.approx(9)
    clock.now += 50  # saving
    pace.begin_epoch()
    step(pace, clock, 0.0, 4.0)
    assert pace.epoch_images_per_second == pytest.approx(2.5)
    assert pace.epoch_data_wait == 0


def test_saving_between_steps_is_no_waiting_for_images() -> None:
    clock = Clock()
    pace = Throughput(clock)
    step(pace, clock, 1.0, 1.0)
    clock.now += 5  # saving
    pace.batch_requested()
    step(pace, clock, 1.0, 2.0)
    assert pace.epoch_waited == pytest.approx(2)
    assert pace.epoch_seconds == pytest.approx(10)


def test_the_time_left_counts_steps_and_tests() -> None:
    clock = Clock()
    pace = Throughput(clock)
    step(pace, clock, 0.5, 1.5)
    assert pace.seconds_left(6, 2, 30) == pytest.approx(6 * 2 + 2 * 30 / (3 * 5))
    clock.now += 7
    pace.end_test()
    assert pace.seconds_left(6, 2, 30) == pytest.approx(6 * 2 + 2 * 7)
