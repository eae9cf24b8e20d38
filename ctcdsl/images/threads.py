"""Work that threads do ahead of its use: in order, in bounded memory, gone when no longer needed.

Threads and not processes, because reading, decoding and resizing an image release the GIL: pixels
go straight to where they are used, nothing is pickled or passed through shared memory, and no
child is left behind by whatever ends the run.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from threading import Event
from typing import TypeVar

NAME = "ctcdsl-read"
"""What the names of the threads begin with."""

_CHUNK = 8  # tasks at most that a thread takes at once: handing over one costs some 20 µs
_GROUP, _AHEAD = 64, 4  # items that `prefetch_each` hands over together, and groups in memory
_MAX_THREADS = 16  # they read some 7,000 images a second from JPEG packs

T = TypeVar("T")
KeyT = TypeVar("KeyT")
ResultT = TypeVar("ResultT")


def prefetch(
    works: Iterable[tuple[KeyT, Sequence[Callable[[], ResultT]]]], *, threads: int, depth: int
) -> Iterator[tuple[KeyT, list[ResultT]]]:
    """Yield the key of each work and the results of its tasks, works and results in order.

    `threads` threads do the tasks, in any order, of up to `depth` works ahead, which bounds the
    memory; with 0 threads the caller's thread does a work when it is requested. An exception of a
    task is raised here, of several the first in order. However the iteration ends (at its end, by
    an exception, by Ctrl-C, or because the generator is closed), no thread is left: only tasks
    already begun are finished.
    """
    if threads == 0:
        for key, tasks in works:
            yield key, [task() for task in tasks]
        return
    pending = iter(works)
    stop = Event()

    def run(tasks: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
        return [task() for task in tasks if not stop.is_set()]

    def begin(
        key: KeyT, tasks: Sequence[Callable[[], ResultT]]
    ) -> tuple[KeyT, list[Future[list[ResultT]]]]:
        size = min(_CHUNK, -(-len(tasks) // threads) or 1)
        chunks = (tasks[start : start + size] for start in range(0, len(tasks), size))
        return key, [pool.submit(run, chunk) for chunk in chunks]

    pool = ThreadPoolExecutor(threads, thread_name_prefix=NAME)
    try:
        begun = deque(begin(*work) for work in islice(pending, depth))
        while begun:
            key, futures = begun.popleft()
            results = [result for future in futures for result in future.result()]
            begun.extend(begin(*work) for work in islice(pending, 1))
            yield key, results
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def prefetch_each(
    function: Callable[[T], ResultT],
    items: Sequence[T],
    *,
    threads: int,
    progress: Callable[[int, int], object],
    done: int = 0,
) -> Iterator[tuple[T, ResultT]]:
    """Yield each item with the `function` of it, in order, computed ahead as by `prefetch`.

    `progress` gets the items done and the items in all, `done` of which were done before.
    """
    total = done + len(items)
    groups = (items[start : start + _GROUP] for start in range(0, len(items), _GROUP))
    works = ((group, [partial(function, item) for item in group]) for group in groups)
    for group, results in prefetch(works, threads=threads, depth=_AHEAD):
        yield from zip(group, results, strict=True)
        done += len(group)
        progress(done, total)


def reading_threads(requested: int | None, *, for_gpu: bool) -> int:
    """How many threads read images where `requested` does not say.

    With a GPU the machine's cores read, shared by the processes that torchrun has started
    there. A network that is computed on these cores itself is not to be disturbed: none.
    """
    if requested is not None:
        return requested
    if not for_gpu:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(_MAX_THREADS, (cores or 1) // processes))
