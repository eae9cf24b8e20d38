"""How an epoch is divided: into batches, over processes, into the micro-batches of a step.

A batch norm of a 1x1 map has one value per image and channel, and a single value has no variance.
A network with such a norm trains on at least two images at a time. A rest of one joins its
neighbour, and where shards would be that small, fewer processes or fewer micro-batches get more
each. All of it depends on numbers of images alone, so a resumed run divides in the same way, and
the batches are the same for any number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ctcdsl.recipe import Recipe
from ctcdsl.text import Diagnostic, Severity, error
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
    """`indices` in batches; a rest of fewer than `min_images` joins the batch before it."""
    starts = range(0, len(indices), batch_size)
    batches = [list(indices[start : start + batch_size]) for start in starts]
    if len(batches) > 1 and len(batches[-1]) < min_images:
        rest = batches.pop()
        batches[-1] += rest
    return batches


def num_batches(images: int, batch_size: int, min_images: int = 1) -> int:
    """How many batches `split_batches` makes."""
    rest = images % batch_size
    joined = images > batch_size and 0 < rest < min_images
    return -(-images // batch_size) - joined


def micro_batch_sizes(images: int, accumulate: int, min_images: int = 1) -> list[int]:
    """Sizes of the micro-batches, at most `accumulate`, of a step of so many images.

    They differ by one at most, the larger first, and have `min_images` images each.
    """
    if not images:
        return []
    count = max(1, min(accumulate, images // min_images))
    return [images // count + (number < images % count) for number in range(count)]


def require_batches(recipe: Recipe, images: int, min_images: int) -> None:
    """Raise `UserError` CTC618 where no batch has the `min_images` that the network needs."""
    if min(recipe.batch, images) >= min_images:
        return
    few_images = images < min_images
    raise error(
        "CTC618",
        f"a batch of {min(recipe.batch, images)} is too small: the network trains on at least"
        f" {min_images} images at a time",
        notes=(
            "a batch norm of a 1x1 map has one value per image, and one value has no variance",
            f"the training set has {plural(images, 'image')}" if few_images else "",
        ),
        hint=(
            "add training images" if few_images else f"--batch {min_images} is the smallest",
            "or leave out the batch norm after `gap` or fc",
        ),
    )


def batch_size_note(recipe: Recipe, images: int, world: int, min_images: int) -> Diagnostic | None:
    """CTC914 where the batches of so many training images are not quite what was requested."""
    batch = recipe.batch
    too_large = batch > images
    notes = []
    if images > batch and 0 < images % batch < min_images:
        notes.append(f"the last step of an epoch takes {batch + 1} images, not {batch} and 1")
    sizes = {min(batch, images), images % batch} - {0, 1}
    for size in sorted(sizes, reverse=True):
        possible = min(world, size)
        used = max(1, min(world, size // min_images))
        if used < possible:
            notes.append(f"a batch of {size} goes to {used} of {world} processes")
        shard = -(-size // used)
        count = len(micro_batch_sizes(shard, recipe.accumulate, min_images))
        if min_images > 1 and count < min(recipe.accumulate, shard):
            notes.append(
                f"{plural(shard, 'image')} of a step {'go' if shard > 1 else 'goes'} through the"
                f" network in {plural(count, 'micro-batch')}, not {recipe.accumulate}"
            )
    if notes:
        notes.append(
            "the network trains on at least 2 images at a time: a batch norm of a 1x1 map has one"
            " value per image"
        )
    if too_large:
        notes.insert(
            0,
            f"the batch is {batch} and the training set has {plural(images, 'image')}: an epoch is"
            " one step of all of them",
        )
    if not notes:
        return None
    return Diagnostic(
        code="CTC914",
        message="the batches are not all of the requested size",
        notes=tuple(notes),
        hints=(f"--batch {max(1, images // 8)} would give more steps",) if too_large else (),
        severity=Severity.NOTE,
    )
