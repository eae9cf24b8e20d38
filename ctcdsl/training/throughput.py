"""How fast training goes and how long the rest takes, from the times of the steps."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_WINDOW = 20  # steps: long enough to be steady, short enough to show a change


class Throughput:
    """Measures steps; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._recent: deque[tuple[int, float, float]] = deque(maxlen=_WINDOW)
        self._steps, self._seconds = 0, 0.0
        self._test_seconds: float | None = None
        self.begin_epoch()

    def begin_epoch(self, images: int = 0, seconds: float = 0.0, waited: float = 0.0) -> None:
        """Start the clock of an epoch and of its next step; what was done before it is given."""
        self._epoch_images, self._epoch_seconds, self._epoch_wait = images, seconds, waited
        self._began = self._asked = self._clock()
        self._epoch_began = self._began - seconds
        self._waited = 0.0

    def batch_requested(self) -> None:
        """The next step's images are asked for."""
        self._asked = self._clock()

    def batch_ready(self) -> None:
        """The step's images are here: what passed since they were asked for was waiting."""
        self._waited = self._clock() - self._asked

    def end_step(self, images: int) -> None:
        """The step is done, on so many images."""
        now = self._clock()
        seconds = now - self._began
        self._recent.append((images, seconds, self._waited))
        self._steps += 1
        self._seconds += seconds
        self._epoch_images += images
        self._epoch_seconds += seconds
        self._epoch_wait += self._waited
        self._began = self._asked = now

    def end_test(self) -> float:
        """The test after the epoch is done. Returns the seconds of epoch and test."""
        now = self._clock()
        self._test_seconds = now - self._began
        return now - self._epoch_began

    @property
    def epoch_seconds(self) -> float:
        """How long the training steps of this epoch took."""
        return self._epoch_seconds

    @property
    def epoch_waited(self) -> float:
        """How much of that was waiting for images."""
        return self._epoch_wait

    @property
    def _recent_seconds(self) -> float:
        return sum(seconds for _, seconds, _ in self._recent)

    @property
    def images_per_second(self) -> float:
        """Over the last steps."""
        return _ratio(sum(images for images, _, _ in self._recent), self._recent_seconds)

    @property
    def data_wait(self) -> float:
        """Share of time waiting for images, over the last steps."""
        return _ratio(sum(wait for _, _, wait in self._recent), self._recent_seconds)

    @property
    def epoch_images_per_second(self) -> float:
        """Over the training steps of this epoch."""
        return _ratio(self._epoch_images, self._epoch_seconds)

    @property
    def epoch_data_wait(self) -> float:
        """Share of time waiting for images, over the training steps of this epoch."""
        return _ratio(self._epoch_wait, self._epoch_seconds)

    def seconds_left(self, steps: int, tests: int, test_images: int) -> float:
        """Estimate for so many more steps and tests of so many images each.

        Until a test was timed, testing counts a third of training (the paper's Section 3.2).
        """
        test = self._test_seconds
        if test is None:
            test = _ratio(test_images, 3 * self.images_per_second)
        return steps * _ratio(self._seconds, self._steps) + tests * test


def _ratio(amount: float, total: float) -> float:
    return amount / total if total > 0 else 0.0
