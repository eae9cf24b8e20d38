"""Work that threads do ahead of its use: in order, in bounded memory, gone when no longer wanted.

Threads and not processes, because reading, decoding and scaling an image release the GIL: pixels
go straight to where they are used, nothing is pickled or passed through shared memory, and no
child is left behind by whatever ends the run.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Event
from typing import Protocol, TypeVar

_CHUNK = 8  # parts at most that a thread takes at once: handing over one costs some 20 µs
NAME = "ctcdsl-read"
"""What the names of the threads begin with."""

_MAX_THREADS = 16  # they read some 7,000 images a second from JPEG packs


class Work(Protocol):
    """Something that is done when all its parts are."""

    @property
    def tasks(self) -> Sequence[Callable[[], object]]:
        """Calls in any order, from any thread."""


WorkT = TypeVar("WorkT", bound=Work)


def prefetch(works: Iterator[WorkT], *, threads: int, depth: int) -> Iterator[WorkT]:
    """Yield `works` in their order, each with all its parts done.

    `threads` of them work on up to `depth` works ahead, which is what bounds the memory; with
    none the caller's thread does each work when it is asked for. An exception of a part is
    raised here, of several the first in order. However the iteration ends (at its end, by an
    exception, by Ctrl-C, or because nobody wants more and the generator is closed), no thread
    is left: at most the parts that are being done are finished.
    """
    if threads == 0:
        for work in works:
            for part in work.tasks:
                part()
            yield work
        return
    stop = Event()

    def do(parts: Sequence[Callable[[], object]]) -> None:
        for part in parts:
            if stop.is_set():
                return
            part()

    def begin(work: WorkT) -> tuple[WorkT, list[Future[None]]]:
        parts = work.tasks
        size = min(_CHUNK, -(-len(parts) // threads) or 1)
        chunks = (parts[start : start + size] for start in range(0, len(parts), size))
        return work, [pool.submit(do, chunk) for chunk in chunks]

    pool = ThreadPoolExecutor(threads, thread_name_prefix=NAME)
    try:
        begun = deque(begin(work) for work in islice(works, depth))
        while begun:
            work, futures = begun.popleft()
            for future in futures:
                future.result()
            begun.extend(begin(work) for work in islice(works, 1))
            yield work
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def reading_threads(asked: int | None, *, for_gpu: bool) -> int:
    """How many threads read images where `asked` leaves it open.

    A GPU leaves the machine's cores to them, shared by the processes that torchrun has started
    there. A network that is computed on these cores itself is not to be disturbed: none.
    """
    if asked is not None:
        return asked
    if not for_gpu:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(_MAX_THREADS, (cores or 1) // here))
