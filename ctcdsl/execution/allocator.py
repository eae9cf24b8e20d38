"""A steady allocator: freed memory stays with the process, to be used again.

glibc maps every block above 32 MB afresh and gives it back when it is freed, so each forward pass
pays a page fault for every 4 KB of its large tensors. Here these blocks come from the heap, which
is never trimmed meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SETTINGS = ((-4, 0), (-1, -1))
"""M_MMAP_MAX: no block is mapped by itself. M_TRIM_THRESHOLD: the heap never shrinks (malloc.h)."""


@contextmanager
def steady_allocator(device: torch.device) -> Iterator[None]:
    """Work on `device`; on a CPU with glibc's allocator, large blocks are kept until its end.

    A user's own setting of the allocator stays as it is. glibc cannot take the setting back: after
    the end free memory returns to the system, but later blocks come from the heap, too.
    """
    glibc = _to_set(device)
    if glibc is None:
        yield
        return
    for option, value in _SETTINGS:
        glibc.mallopt(option, value)
    try:
        yield
    finally:
        glibc.malloc_trim(0)


def is_steady(device: torch.device) -> bool:
    """Whether `steady_allocator` has an effect on `device`."""
    return _to_set(device) is not None


def is_set_by_user(environment: Mapping[str, str]) -> bool:
    """Whether `environment` has a setting of an allocator (mallopt(3), ld.so(8))."""
    return "glibc.malloc." in environment.get("GLIBC_TUNABLES", "") or any(
        name == "LD_PRELOAD" or name.startswith("MALLOC_") for name in environment
    )


def _to_set(device: torch.device) -> ctypes.CDLL | None:
    return _glibc() if device.type == "cpu" and not is_set_by_user(os.environ) else None


def _glibc() -> ctypes.CDLL | None:
    """glibc, where its `malloc` is the process's; None with another C library or allocator."""
    if sys.platform != "linux":
        return None
    try:
        glibc = ctypes.CDLL("libc.so.6")
        used, own = (_object_of(library, library.malloc) for library in (ctypes.CDLL(None), glibc))
        # A program that is not position independent has an address of its own for malloc.
        replaced = used != own and ".so" in used
        return glibc if not replaced and glibc.mallopt and glibc.malloc_trim else None
    except (OSError, AttributeError):  # musl
        return None


class _Symbol(ctypes.Structure):
    """What `dladdr` tells of an address (dladdr(3))."""

    _fields_ = (
        ("path", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _object_of(library: ctypes.CDLL, function: object) -> str:
    """The file name of the program or library that has a function; empty where none is known."""
    symbol = _Symbol()
    address = ctypes.cast(function, ctypes.c_void_p)  # type: ignore[arg-type]
    found = library.dladdr(address, ctypes.byref(symbol))
    return os.path.basename(os.fsdecode(symbol.path)) if found and symbol.path else ""
