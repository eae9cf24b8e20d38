"""Ctrl-C, SIGTERM and SIGHUP: one way out, with the run left complete."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ctcdsl.distributed.processes import Processes, StopRequested
from ctcdsl.execution.events import Callback
from ctcdsl.text.shell import command

_SAME_SECONDS = 1.0


class Interrupted(KeyboardInterrupt):
    """Training was interrupted; `run` is intact and can be resumed.

    `saved` is where the last checkpoint was written, "epoch 3, step 20"; None if training had
    not started. `str()` says how to resume.
    """

    def __init__(self, run: Path, saved: str | None, text: str | None = None) -> None:
        self.run = run
        self.saved = saved
        if text is None and saved is None:
            text = "interrupted before the first step; nothing was changed"
        elif text is None:
            again = command("train", "--run", run, "--resume")
            text = f"interrupted; saved at {saved}; to resume: {again}"
        super().__init__(text)


class StopFlag:
    """Turns these signals into one `KeyboardInterrupt` at a place where that does no harm.

    While images are waited for or tested, that is at once. What is within `blocked`, a step and
    its counting, is finished first: weights half updated could not be saved. A second signal gets
    out at once, without what was not saved.
    """

    def __init__(self) -> None:
        self.aborted = False
        """A `blocked` part was left early: the state is between steps, and must not be saved."""
        self.deferred = False
        """A first signal only sets `requested`: several processes agree when to stop."""
        self._blocked = 0
        self._came = self._pending = False
        self._last = -math.inf

    @property
    def requested(self) -> bool:
        """Whether a signal waits to be obeyed."""
        return self._pending

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """Within this, a first signal waits for the end."""
        self._blocked += 1
        try:
            yield
        except BaseException:
            self.aborted = True
            raise
        finally:
            self._blocked -= 1
        if self._pending and not self.deferred:
            self._pending = False
            raise KeyboardInterrupt

    def signalled(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal.

        Of signals within a second the first one counts: a terminal and a supervisor such as
        ``timeout`` may both pass one Ctrl-C on, and the second must not break the way out.
        """
        before, self._last = self._last, time.monotonic()
        if self._last - before <= _SAME_SECONDS:
            return
        first, self._came = not self._came, True
        if (self._blocked or self.deferred) and first:
            self._pending = True
            return
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[StopFlag]:
    """Within this, signals stop training as `StopFlag` says (in the main thread)."""
    stop = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may set handlers
        return
    handled = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        handled.append(signal.SIGINT)
    # A terminal that is closed, a lost ssh; nohup ignores it. Windows has none.
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        handled.append(hangup)
    before = {number: signal.signal(number, stop.signalled) for number in handled}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopWatcher(Callback):
    """Reports how far a test by all processes is; raises `StopRequested` where one must stop."""

    def __init__(
        self, callback: Callback, images: int, processes: Processes, stop: StopFlag
    ) -> None:
        self._callback, self._images, self._processes, self._stop = (
            callback,
            images,
            processes,
            stop,
        )

    @classmethod
    def of(cls, callback: Callback, images: int, processes: Processes, stop: StopFlag) -> Callback:
        """One for several processes; for a single one, which a signal stops, `callback` itself."""
        return cls(callback, images, processes, stop) if processes.is_distributed else callback

    def on_validation(self, done: int, total: int) -> None:
        """So many images of this process's shard are done."""
        if self._processes.stop_requested(self._stop.requested):
            raise StopRequested
        images = self._images
        self._callback.on_validation(min(done * self._processes.shard.world, images), images)
