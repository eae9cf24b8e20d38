"""The device that something was measured on, as tables and reports name it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ctcdsl.metrics.machine import processor_name


class Device(NamedTuple):
    """What times depend on beside the network."""

    processor: str
    """The name of the CPU or the GPU."""
    threads: int
    """Threads that compute; 1 where a GPU does."""
    torch: str
    """The version of PyTorch."""
    precision: str
    compiled: bool

    @property
    def summary(self) -> str:
        """All of it in a line."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        compiled = ", compiled" if self.compiled else ""
        return f"{self.processor}, {threads}, torch {self.torch}, {self.precision}{compiled}"

    def as_json(self) -> dict[str, Any]:
        """The device as plain data."""
        return self._asdict()


def this_device(device: torch.device, threads: int, precision: str, compile: str) -> Device:
    """What computes here on `device`."""
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else processor_name()
    return Device(name, 1 if on_gpu else threads, torch.__version__, precision, compile != "off")
