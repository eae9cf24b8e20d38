"""What can go wrong with the numbers, said with what to try."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ctcdsl.metrics.memory import MemoryEstimate, format_bytes
from ctcdsl.recipe import Recipe
from ctcdsl.text.diagnostic import Diagnostic, Severity, UserError
from ctcdsl.text.plural import plural

LEARNS_BY = 100
"""Steps after which a network that learns tells some images apart, even where its loss is slow to
show it."""
_LOSS_SHARE = 0.9
"""Of ln(classes): above it nothing was learned but perhaps how frequent the classes are."""
_TOO_LARGE = 2.0
"""Of ln(classes), and one nat for the chance of a small batch: no learning network is so wrong."""
_SAME_LOGITS = 0.01
"""Deviation of a class's logits over the images, below which the images make no difference.
With gaussian weights model E begins at 5e-8; with He's every model of the paper does above 6."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The last checkpoint of a run."""

    where: str
    """As in "epoch 3, step 20"."""
    path: Path

    def __str__(self) -> str:
        return f"the last checkpoint is of {self.where}: {self.path}"


def diverged(what: str, recipe: Recipe, saved: Saved) -> UserError:
    """CTC609: `what` says what is not finite, and where."""
    return UserError(
        Diagnostic(
            code="CTC609",
            message=what,
            path=str(saved.path.parent.parent),
            notes=(str(saved),),
            hints=(
                "lower the learning rate (a tenth, say) and go on with --resume --schedule …,"
                " or train a first epoch at a low one",
                *("use precision float32",) * (recipe.precision != "float32"),
                *("use initialisation he",) * (recipe.initialisation != "he"),
            ),
        )
    )


def all_finite(model: nn.Module) -> bool:
    """Whether every weight of `model` is a number."""
    finite = [each.isfinite().all() for each in model.state_dict().values()]
    return bool(torch.stack(finite).all().item()) if finite else True


def not_learning(loss: float, logits: Tensor, recipe: Recipe) -> Diagnostic | None:
    """CTC912 where, after `LEARNS_BY` steps, the network still tells no images apart.

    Also where it has a loss far above that of guessing: then its steps are too large.

    This is what became of deep plain networks under gaussian weights of one small deviation: the
    signal shrinks from layer to layer until the logits are the same for every image, and with
    them the gradients vanish.
    """
    classes = logits.shape[1]
    too_large = loss > _TOO_LARGE * math.log(classes) + 1
    if len(logits) < 2 or loss < _LOSS_SHARE * math.log(classes):
        return None
    deviation = logits.float().std(dim=0).mean().item()
    if deviation >= _SAME_LOGITS and not too_large:
        return None
    if too_large:
        hint = "lower the learning rate (a tenth, say), and train anew"
        if recipe.initialisation != "he":
            hint += ", with --initialisation he"
    elif recipe.initialisation == "gaussian":
        hint = "train anew with --initialisation he, which keeps the signal's size in every layer"
    else:
        hint = "add norms, or fewer layers between them; raise the learning rate at last"
    return Diagnostic(
        code="CTC912",
        message=f"the network does not start to learn: a loss of {loss:.4f} where guessing has"
        f" {math.log(classes):.4f}",
        notes=(
            *("the loss is far above that of guessing: its steps are too large",) * too_large,
            *(f"its logits are the same for all images: they deviate by {deviation:.1e}",)
            * (deviation < _SAME_LOGITS),
        ),
        hints=(hint,),
        severity=Severity.WARNING,
    )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch found no memory, on a GPU or on the CPU."""
    words = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(
        each in str(error).lower() for each in words
    )


@contextmanager
def oom_as_error(explain: Callable[[], UserError]) -> Iterator[None]:
    """Turns torch's lack of memory into what `explain` returns."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise explain() from error


def may_not_fit(
    recipe: Recipe, memory: MemoryEstimate | None, device: torch.device, world: int = 1
) -> Diagnostic | None:
    """CTC622 as a warning where the CPU has too little memory by the cost model.

    Of `world` processes each takes its share of a batch; one alone is looked at here.

    Linux grants memory it does not have and kills the process later, without a word. A GPU says
    at once what it lacks.
    """
    part = _part(recipe, world)
    if memory is None or device.type != "cpu":
        return None
    available, needed = memory_of(device), memory.training(part)
    if needed <= available:
        return None
    largest = max(1, memory.largest_batch(available))
    return Diagnostic(
        code="CTC622",
        message=f"a batch of {part} takes about {format_bytes(needed)}, and the memory has"
        f" {format_bytes(available)}: the system may end training without a word",
        hints=(f"--accumulate {-(-recipe.batch // (world * largest))} computes it in parts",),
        severity=Severity.WARNING,
    )


def out_of_memory(
    recipe: Recipe,
    memory: MemoryEstimate | None,
    device: torch.device,
    saved: Saved,
    world: int = 1,
) -> UserError:
    """CTC622, with the largest batch that fits by the cost model, in one of `world` processes."""
    part = _part(recipe, world)
    notes, hints = [str(saved)], []
    available = memory_of(device)
    if memory is not None:
        notes.append(
            f"by the cost model a batch of {part} takes {format_bytes(memory.training(part))}, and"
            f" {device} has {format_bytes(available)}"
        )
        largest = memory.largest_batch(available)
        if largest >= part:  # others use the memory, or it is in pieces
            notes.append("so other programs use it, or the pieces that are free are too small")
            largest = part // 2
    else:
        largest = part // 2
    if largest >= 1:
        parts = -(-recipe.batch // (world * largest))
        if memory is not None:
            notes.append(f"the largest batch that fits is {largest}")
        hints.append(
            f"--resume --accumulate {parts} goes on with the same batch of {recipe.batch}, in"
            f" parts of {-(-recipe.batch // (world * parts))}"
        )
        hints.append(f"or train anew with --batch {world * largest}")
    else:
        hints.append("a single image does not fit: take a smaller input, or another device")
    return UserError(
        Diagnostic(
            code="CTC622",
            message=f"out of memory with a batch of {plural(part, 'image')} on {device}",
            path=str(saved.path.parent.parent),
            notes=tuple(notes),
            hints=tuple(hints),
        )
    )


def out_of_memory_in_test(views: int, device: torch.device, *hints: str) -> UserError:
    """CTC622 for a test of so many `views` at once."""
    return UserError(
        Diagnostic(
            code="CTC622",
            message=f"out of memory in the test, with {plural(views, 'view')} at once on {device}",
            notes=(f"{device} has {format_bytes(memory_of(device))}",),
            hints=hints,
        )
    )


def _part(recipe: Recipe, world: int) -> int:
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
