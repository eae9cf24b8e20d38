"""Tensors between host and device, with nobody waiting for them.

A GPU computes what it was given while the host goes on. That ends wherever the host asks for a
number: it waits for all that was given before. So batches travel on a stream of their own, and
numbers are read when the step after theirs has been given. On a CPU all of this is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor, nn


class Movable(Protocol):
    """Tensors that go to a device together, like `Batch` and `Wholes`."""

    def to(self, device: torch.device) -> Self:
        """All of them on `device`; from page-locked memory without waiting."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of them."""


M = TypeVar("M", bound=Movable)


def move_module(module: nn.Module, device: torch.device) -> None:
    """Bring a module to `device`, in channels-last memory, which its kernels like best."""
    # torch's stubs know no overload with both.
    module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def prefetch_to_device(batches: Iterator[M], device: torch.device) -> Iterator[M]:
    """The batches on `device`; a GPU gets the next while it computes with the one before."""
    if device.type != "cuda":
        for batch in batches:
            yield batch.to(device)
        return
    side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch has no types there
    for batch in batches:
        with torch.cuda.stream(side):
            moved = batch.to(device)
        computing = torch.cuda.current_stream(device)
        computing.wait_stream(side)
        for tensor in moved.tensors:
            tensor.record_stream(computing)  # else its memory is reused too early
        yield moved


class AsyncRead:
    """The values of a small tensor, on their way to the host."""

    def __init__(self, values: Tensor) -> None:
        self._values = values
        self._arrived: torch.cuda.Event | None = None
        if values.device.type == "cuda":
            self._values = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # as above
            self._arrived.record(torch.cuda.current_stream(values.device))

    def tensor(self) -> Tensor:
        """The values, on the CPU; waits until they are there."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._values


def pipeline_depth(device: torch.device) -> int:
    """How many steps later numbers are read: a CPU has computed them when they are asked for."""
    return 1 if device.type == "cuda" else 0
