"""Ctrl-C and SIGTERM: one way out, with the run left whole."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_SAME_SECONDS = 1.0


class Interrupted(Exception):
    """Training was stopped from outside; `run` is whole and can be gone on with.

    `last_epoch` is the epoch of the last checkpoint (0: the initial weights), None where training
    had not begun.
    """

    def __init__(self, run: Path, last_epoch: int | None) -> None:
        self.run = run
        self.last_epoch = last_epoch
        if last_epoch is None:
            text = "interrupted before training began"
        else:
            text = (
                f"interrupted; the last whole checkpoint is of epoch {last_epoch}, in {run}: "
                "--resume goes on from there"
            )
        super().__init__(text)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within this, SIGTERM raises KeyboardInterrupt as Ctrl-C does (in the main thread).

    Of signals within a second the first one counts: a terminal and a supervisor such as
    ``timeout`` may both pass one Ctrl-C on, and the second must not break the way out.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    last = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > _SAME_SECONDS:
            raise KeyboardInterrupt

    handled = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored: nohup
        handled.append(signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
