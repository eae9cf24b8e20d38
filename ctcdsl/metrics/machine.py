"""The machine that this runs on, without torch: predictions are compared with it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_MODEL_NAMES = ("model name", "Model", "Hardware", "cpu")
"""What systems call a processor's name in /proc/cpuinfo, the most telling first."""


def processor_name() -> str:
    """The processor's name, such as `AMD EPYC 9534`, else its architecture."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        values.setdefault(name.strip(), " ".join(value.split()))
    return next((values[name] for name in _MODEL_NAMES if values.get(name)), platform.machine())


def torch_version() -> str | None:
    """The version of PyTorch that is installed; None without one."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return None
