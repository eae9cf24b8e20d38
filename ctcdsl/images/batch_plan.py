"""How an epoch is divided: into batches, over processes, into the micro-batches of a step.

A batch norm of a 1x1 map has one value an image and channel, and no variance of a single value.
A network with such a norm trains on at least two images at a time. A rest of one joins its
neighbour, and where shares would be that small, fewer processes or fewer micro-batches get more
each. All of it depends on numbers of images alone, so a resumed run divides alike, and the batches
are the same for any number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ctcdsl.recipe import Recipe
from ctcdsl.text.diagnostic import Diagnostic, Severity, UserError
from ctcdsl.text.plural import plural


def probe(model: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Logits of `image`, (1, channels, height, width), and the images that training needs at once.

    These are 2 with a batch norm of a 1x1 map, else 1, by the shapes that reach the norms.
    """
    shapes: list[torch.Size] = []
    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs: shapes.append(inputs[0].shape))
        for layer in model.modules()
        if isinstance(layer, _BatchNorm)
    ]
    training = model.training
    try:
        with torch.inference_mode():
            logits: torch.Tensor = model.eval()(image)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return logits, 2 if any(shape.numel() == shape[1] for shape in shapes) else 1


def split_batches(indices: Sequence[int], batch_size: int, min_images: int = 1) -> list[list[int]]:
    """`indices` in batches; a rest of fewer than `fewest` joins the batch before it."""
    groups = [
        list(indices[start : start + batch_size]) for start in range(0, len(indices), batch_size)
    ]
    if len(groups) > 1 and len(groups[-1]) < min_images:
        rest = groups.pop()
        groups[-1] += rest
    return groups


def num_batches(images: int, batch_size: int, min_images: int = 1) -> int:
    """How many batches `split_batches` makes."""
    rest = images % batch_size
    joined = images > batch_size and 0 < rest < min_images
    return -(-images // batch_size) - joined


def micro_batch_sizes(images: int, accumulate: int, min_images: int = 1) -> list[int]:
    """Sizes of the parts, at most `accumulate`, in which a step takes so many images.

    They differ by one at most, the larger first, and have `fewest` images each.
    """
    if not images:
        return []
    parts = max(1, min(accumulate, images // min_images))
    return [images // parts + (number < images % parts) for number in range(parts)]


def require_batches(recipe: Recipe, images: int, min_images: int) -> None:
    """Raise `UserError` CTC618 where no batch has the `fewest` images that the network needs."""
    if min(recipe.batch, images) >= min_images:
        return
    few_images = images < min_images
    raise UserError(
        Diagnostic(
            code="CTC618",
            message=f"a batch of {min(recipe.batch, images)}, and the network trains on"
            f" {min_images} images at a time at least",
            notes=(
                "a batch norm of a 1x1 map has one value an image, and no variance of one value",
                *(f"the training set has {plural(images, 'image')}",) * few_images,
            ),
            hints=(
                "add training images" if few_images else f"--batch {min_images} is the smallest",
                "or leave out the batch norm behind `gap` or fc",
            ),
        )
    )


def batch_size_note(recipe: Recipe, images: int, world: int, min_images: int) -> Diagnostic | None:
    """CTC914 where the batches of so many training images are not quite what was asked for."""
    batch, notes = recipe.batch, []
    if batch > images:
        notes.append(
            f"the batch is {batch} and the training set has {plural(images, 'image')}: an epoch is"
            " one step of all of them"
        )
    if images > batch and 0 < images % batch < min_images:
        notes.append(f"the last step of an epoch takes {batch + 1} images, not {batch} and 1")
    sizes = {min(batch, images), images % batch} - {0, 1}
    for size in sorted(sizes, reverse=True):
        asked = min(world, size)
        used = max(1, min(world, size // min_images))
        share = -(-size // used)
        if used < asked:
            notes.append(f"a batch of {size} goes to {used} of {world} processes")
        parts = len(micro_batch_sizes(share, recipe.accumulate, min_images))
        if min_images > 1 and parts < min(recipe.accumulate, share):
            notes.append(
                f"{plural(share, 'image')} of a step {'go' if share > 1 else 'goes'} through the"
                f" network in {plural(parts, 'part')}, not {recipe.accumulate}"
            )
    if not notes:
        return None
    if notes[batch > images :]:
        notes.append(
            "the network trains on 2 images at a time at least: a batch norm of a 1x1 map has one"
            " value an image"
        )
    return Diagnostic(
        code="CTC914",
        message="the batches are not all of the size that was asked for",
        notes=tuple(notes),
        hints=(f"--batch {max(1, images // 8)} would give more steps",) * (batch > images),
        severity=Severity.NOTE,
    )
