"""Where a network is computed, and who reads images meanwhile."""

from __future__ import annotations

import os

import torch

_MOST_THREADS = 16  # they read some 7,000 images a second from JPEG packs


def default_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


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
    return max(1, min(_MOST_THREADS, (cores or 1) // here))
