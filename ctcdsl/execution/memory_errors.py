"""Out of memory: recognised, and reported with the largest batch that fits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from ctcdsl.execution.allocator import is_steady
from ctcdsl.metrics.memory import format_bytes
from ctcdsl.metrics.peaks import TrainingPeaks
from ctcdsl.recipe import Recipe
from ctcdsl.runs.store import Saved
from ctcdsl.text import Diagnostic, Severity, UserError, error
from ctcdsl.text.plural import plural
from ctcdsl.text.shell import command

_HEADROOM = 0.1
"""Of the memory: for the work space of libraries, and what the allocator cannot use."""
_KEPT = 0.55
"""Of what a step takes: the most that a process was seen to hold besides, work space included,
where the steady allocator keeps what is freed."""


def is_out_of_memory(cause: RuntimeError) -> bool:
    """Whether torch found no memory, on a GPU or on the CPU."""
    words = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(cause, torch.cuda.OutOfMemoryError) or any(
        word in str(cause).lower() for word in words
    )


@contextmanager
def oom_as_error(explain: Callable[[], UserError]) -> Iterator[None]:
    """Turns torch's lack of memory into what `explain` returns."""
    try:
        yield
    except RuntimeError as cause:
        if not is_out_of_memory(cause):
            raise
        raise explain() from cause


def may_not_fit(
    recipe: Recipe, memory: TrainingPeaks | None, device: torch.device, world: int = 1
) -> Diagnostic | None:
    """CTC622 as a warning where the CPU has too little memory by the cost model.

    Of `world` processes each takes its share of a batch; one alone is looked at here.

    Linux grants memory it does not have and kills the process later, without a word. A GPU says
    at once what it lacks.
    """
    part = _micro_batch(recipe, world)
    if memory is None or device.type != "cpu":
        return None
    available, needed = memory_of(device), _needed(recipe, memory, device, part)
    if needed <= available:
        return None
    largest = max(1, _largest_part(memory, available, device))
    return Diagnostic(
        code="CTC622",
        message=f"a batch of {part} takes {_about(device)} {format_bytes(needed)}, and the memory"
        f" has {format_bytes(available)}: the system may end training without a word",
        hints=(f"--accumulate {-(-recipe.batch // (world * largest))} computes it in parts",),
        severity=Severity.WARNING,
    )


def out_of_memory(
    recipe: Recipe,
    memory: TrainingPeaks | None,
    device: torch.device,
    saved: Saved,
    world: int = 1,
) -> UserError:
    """CTC622, with the largest batch that fits by the cost model, in one of `world` processes."""
    part = _micro_batch(recipe, world)
    notes, hints = [str(saved)], []
    available = memory_of(device)
    largest = part // 2
    if memory is not None:
        notes.append(
            f"by the cost model a batch of {part} takes {_about(device)}"
            f" {format_bytes(_needed(recipe, memory, device, part))}, and"
            f" {device} has {format_bytes(available)}"
        )
        if _largest_part(memory, available, device) < part:
            largest = _largest_part(memory, available, device)
        else:
            notes.append("so other programs use it, or the pieces that are free are too small")
    if largest >= 1:
        parts = -(-recipe.batch // (world * largest))
        if memory is not None:
            notes.append(f"the largest batch that fits is {largest}")
        resume = command("train", "--run", saved.run, "--resume", "--accumulate", str(parts))
        hints.append(
            f"resume with the same batch of {recipe.batch}, in parts of"
            f" {-(-recipe.batch // (world * parts))}: {resume}"
        )
        hints.append(f"or start again with --batch {world * largest}")
    else:
        hints.append("a single image does not fit: take a smaller input, or another device")
    return error(
        "CTC622",
        f"out of memory with a batch of {plural(part, 'image')} on {device}",
        path=saved.run,
        notes=notes,
        hint=hints,
    )


def out_of_memory_in_test(views: int, device: torch.device, hint: str) -> UserError:
    """CTC622 for a test of so many `views` at once."""
    return error(
        "CTC622",
        f"out of memory in the test, with {plural(views, 'view')} at once on {device}",
        notes=(f"{device} has {format_bytes(memory_of(device))}",),
        hint=hint,
    )


def _needed(recipe: Recipe, memory: TrainingPeaks, device: torch.device, part: int) -> int:
    """The bytes that a step takes where so many images go through the network together."""
    peaks = memory.step if recipe.accumulate == 1 else memory.part
    kept = _KEPT if is_steady(device) else 0.0
    return int(peaks.at(part) * (1 + kept))


def _about(device: torch.device) -> str:
    return "up to" if is_steady(device) else "about"


def _largest_part(memory: TrainingPeaks, available: int, device: torch.device) -> int:
    """The most images whose gradients can be added to others in `available` bytes."""
    room = available / (1 + _KEPT) if is_steady(device) else available * (1 - _HEADROOM)
    return memory.part.largest_batch(int(room))


def _micro_batch(recipe: Recipe, world: int) -> int:
    """Images that go through the network of a process together."""
    return -(-recipe.batch // (recipe.accumulate * world))


def memory_of(device: torch.device) -> int:
    """Bytes that `device` has; of the CPU what is there and no limit of a container forbids."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdecimal() else whole
