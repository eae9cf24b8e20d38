"""What must hold before training begins: reported in seconds, not after the first epoch."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from ctcdsl.images.batch_plan import probe
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.sampling import Crop
from ctcdsl.recipe import Recipe
from ctcdsl.runs import log, store
from ctcdsl.runs.identity import ModelIdentity
from ctcdsl.text import InternalError, UserError, error, reason
from ctcdsl.text.plural import plural
from ctcdsl.text.shell import command

RUNTIME_FIELDS = frozenset({"accumulate", "compile", "max_corrupt", "workers"})
"""The fields of a recipe that say how it is computed: they may change between two sessions."""
_RESUMABLE_FIELDS = RUNTIME_FIELDS | {"epochs", "schedule"}
"""What a resumed run may change: how far or how fast, not what was trained so far."""


def check_model_fits_data(
    model: nn.Module, images: ImageSet, identity: ModelIdentity, crop: Crop, device: torch.device
) -> int:
    """Raise `UserError` CTC612 unless `model`, on `device`, maps crops to the images' classes.

    Returns how many images it needs at a time in training (see `batch_plan`).
    """
    if identity.classes != images.classes:
        raise InternalError("the identity's classes are not those of the training images")
    channels, height, width = identity.input
    if channels not in (1, 3) or (height, width) != crop:
        raise _mismatch(
            f"the network takes {channels}x{height}x{width}, the images give 3x{crop[0]}x{crop[1]},"
            f" or 1x{crop[0]}x{crop[1]} in grey",
            f"give `--input 3x{crop[0]}x{crop[1]}`, or 1x{crop[0]}x{crop[1]} for grey levels",
        )
    logits, min_images = probe(model, torch.zeros(1, channels, *crop, device=device))
    if logits.dim() != 2:
        raise _mismatch(
            f"the network leaves maps of {'x'.join(map(str, logits.shape[1:]))}, and training needs"
            " one score for each class",
            "end its head in `gap`, `gmp` or `fc`",
        )
    outputs = logits.shape[1]
    if outputs != len(images.classes):
        raise _mismatch(
            f"the network has {plural(outputs, 'output')},"
            f" the data {plural(len(images.classes), 'class')}",
            f"write `classes {len(images.classes)}` in the spec",
        )
    return min_images


def claim_folder(run: Path) -> None:
    """Make the folder `run` for a training that begins.

    Raises `UserError`: CTC608 where it cannot be made, CTC614 as `require_unused`.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise error(
            "CTC608",
            f"cannot make the run's folder: {reason(cause)}",
            path=run,
            hint="choose another folder, or give permission there",
        ) from None
    require_unused(run)


def require_unused(run: Path) -> None:
    """Raise `UserError` CTC614 where the folder `run` holds an earlier training."""
    if (trained := _trained(run)) is not None:
        resume = command("train", "--run", run, "--resume")
        raise error(
            "CTC614",
            f"the folder holds a run of {trained}",
            path=run,
            hint=(f"resume it: {resume}", "or choose another folder with --run"),
        )


def _trained(run: Path) -> str | None:
    """How far an earlier training in `run` is; None where it did nothing that could be lost."""
    if rows := log.read(run):
        return plural(len(rows), "epoch")
    for number in reversed(store.numbers(run)):
        with suppress(UserError):  # a damaged one holds nothing
            saved = store.read_manifest(store.folder_of(run, number))
            if (saved.epoch, saved.step) > (0, 0):
                return f"{plural(saved.epoch, 'epoch')} and {plural(saved.step, 'step')}"
    return None


def require_same_recipe(trained: Recipe, requested: Recipe, path: Path) -> None:
    """Raise `UserError` CTC613 where `requested` differs in more than length, rates and workers."""
    if changes := recipe_changes(trained, requested, _RESUMABLE_FIELDS):
        raise error(
            "CTC613",
            "the run was trained with another recipe",
            path=path,
            notes=changes,
            hint="give the same numbers, or choose another folder and train from the start",
        )


def recipe_changes(before: Recipe, now: Recipe, ignored: frozenset[str]) -> tuple[str, ...]:
    """A sentence for each field that differs, but for those `ignored`."""
    both = (before, now)
    then, requested = ({**recipe.as_dict(), "epochs": recipe.last_epoch} for recipe in both)
    return tuple(
        f"{name}: {then[name]} then, {requested[name]} now"
        for name in then
        if then[name] != requested[name] and name not in ignored
    )


def _mismatch(message: str, hint: str) -> UserError:
    return error("CTC612", message, hint=hint)
