"""Work ahead: in order, and no thread stays, whatever ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from ctcdsl.images.threads import NAME, prefetch, prefetch_each

Work = tuple[int, list[Callable[[], int]]]


def squares(number: int, *, fails: int = -1, seconds: float = 0.0) -> Work:
    """A number, and tasks that square others."""

    def square(at: int) -> int:
        time.sleep(seconds)
        if at == fails:
            raise ValueError(f"{number} at {at}")
        return at * at

    return number, [partial(square, at) for at in range(20)]


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(NAME)]


@pytest.mark.parametrize("threads", [0, 1, 5])
@pytest.mark.parametrize("depth", [1, 3])
def test_works_and_their_results_come_in_order(threads: int, depth: int) -> None:
    results = list(prefetch(map(squares, range(9)), threads=threads, depth=depth))
    assert results == [(number, [at * at for at in range(20)]) for number in range(9)]
    assert not ours()
    nothing: list[Work] = []
    assert not list(prefetch(nothing, threads=threads, depth=depth))


@pytest.mark.parametrize("threads", [0, 2])
def test_items_come_in_order_with_their_results_and_progress(threads: int) -> None:
    progress: list[tuple[int, int]] = []
    results = prefetch_each(
        lambda number: -number,
        range(150),
        threads=threads,
        progress=lambda done, total: progress.append((done, total)),
        done=10,
    )
    assert list(results) == [(number, -number) for number in range(150)]
    assert progress == [(74, 160), (138, 160), (160, 160)]


@pytest.mark.parametrize("threads", [0, 1, 5])
def test_the_first_exception_in_order_is_raised(threads: int) -> None:
    works = (squares(number, fails=7 if number in (2, 3) else -1) for number in range(9))
    seen = []
    with pytest.raises(ValueError, match="2 at 7"):
        for number, _ in prefetch(works, threads=threads, depth=4):
            seen.append(number)
    assert seen == [0, 1]
    assert not ours()


def test_no_more_than_the_depth_is_begun() -> None:
    begun = []

    def works() -> Iterator[Work]:
        for number in range(9):
            begun.append(number)
            yield squares(number)

    ahead = prefetch(works(), threads=2, depth=3)
    assert next(ahead)[0] == 0
    assert begun == [0, 1, 2, 3]
    assert next(ahead)[0] == 1
    assert len(begun) == 5
    ahead.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["close", "forget", "raise"])
def test_an_early_end_leaves_no_thread_and_does_not_wait_for_the_rest(way: str) -> None:
    began = time.monotonic()
    ahead = prefetch((squares(n, seconds=0.01) for n in range(900)), threads=2, depth=50)
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
slow = (None, [lambda: time.sleep(0.3)] * 100)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    list(prefetch([slow] * 100, threads=2, depth=4))
except KeyboardInterrupt:
    print("left", threading.active_count())
"""
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert result.stdout == "left 1\n", result.stderr
    assert time.monotonic() - began < 30
