"""Work ahead: in order, and no thread stays, whatever ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ctcdsl.images.threads import NAME, prefetch


class Squares:
    """Some numbers, squared when its tasks are done."""

    def __init__(self, number: int, *, fails: int = -1, seconds: float = 0.0) -> None:
        self.number, self._fails, self._seconds = number, fails, seconds
        self.done: dict[int, int] = {}

    @property
    def tasks(self) -> list[Callable[[], object]]:
        return [lambda at=at: self._square(at) for at in range(20)]  # type: ignore[misc]

    def _square(self, at: int) -> None:
        time.sleep(self._seconds)
        if at == self._fails:
            raise ValueError(f"{self.number} at {at}")
        self.done[at] = at * at


def ours() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(NAME)]


@pytest.mark.parametrize("threads", [0, 1, 5])
@pytest.mark.parametrize("depth", [1, 3])
def test_works_come_in_their_order_and_done(threads: int, depth: int) -> None:
    works = (Squares(number) for number in range(9))
    found = list(prefetch(works, threads=threads, depth=depth))
    assert [work.number for work in found] == list(range(9))
    assert all(work.done == {at: at * at for at in range(20)} for work in found)
    assert not ours()
    assert not list(prefetch(iter(()), threads=threads, depth=depth))


@pytest.mark.parametrize("threads", [0, 1, 5])
def test_the_first_exception_in_order_is_raised(threads: int) -> None:
    works = (Squares(number, fails=7 if number in (2, 3) else -1) for number in range(9))
    seen = []
    with pytest.raises(ValueError, match="2 at 7"):
        for work in prefetch(works, threads=threads, depth=4):
            seen += [work.number]
    assert seen == [0, 1]
    assert not ours()


def test_no_more_than_the_depth_is_begun() -> None:
    begun = []

    def works() -> Iterator[Squares]:
        for number in range(9):
            begun.append(number)
            yield Squares(number)

    ahead = prefetch(works(), threads=2, depth=3)
    assert next(ahead).number == 0
    assert begun == [0, 1, 2, 3]
    assert next(ahead).number == 1
    assert len(begun) == 5
    ahead.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["close", "forget", "raise"])
def test_an_early_end_leaves_no_thread_and_does_not_wait_for_the_rest(way: str) -> None:
    began = time.monotonic()
    ahead = prefetch((Squares(n, seconds=0.01) for n in range(900)), threads=2, depth=50)
    next(ahead)
    assert ours()
    if way == "close":
        ahead.close()  # type: ignore[attr-defined]
    elif way == "raise":
        with pytest.raises(KeyboardInterrupt):
            ahead.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    del ahead
    assert not ours()
    assert time.monotonic() - began < 3, "50 works of 0.2 s were begun"


def test_ctrl_c_ends_a_process_that_waits_for_its_images() -> None:
    """A real SIGINT, while the main thread waits for a slow image."""
    program = """
import os, signal, sys, threading, time
from ctcdsl.images.threads import prefetch
class Slow:
    tasks = [lambda: time.sleep(0.3)] * 100
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    list(prefetch((Slow() for _ in range(100)), threads=2, depth=4))
except KeyboardInterrupt:
    print("left", threading.active_count())
"""
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert result.stdout == "left 1\n", result.stderr
    assert time.monotonic() - began < 30
