"""The centre-view test after an epoch, by all processes of a training together."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import torch
from torch import nn

from ctcdsl.distributed.processes import Processes
from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.evaluation.scores import Counts
from ctcdsl.execution.events import Callback
from ctcdsl.execution.interrupt import StopFlag, StopWatcher
from ctcdsl.images.colour import Statistics
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.sampling import Crop
from ctcdsl.recipe import Recipe


def validate(
    model: nn.Module,
    images: ImageSet,
    *,
    crop: Crop,
    recipe: Recipe,
    statistics: Statistics,
    device: torch.device,
    processes: Processes,
    stop: StopFlag,
    callback: Callback,
) -> Counts:
    """Test `model`, whose weights all processes have; its buffers are the main process's.

    The counts are summed over the shards of all processes: exact for any number of them.

    Raises `StopRequested` where a process was asked to stop meanwhile, on every process.
    """
    processes.broadcast_buffers(model)

    def counts() -> Counts:
        return evaluate(
            model,
            images,
            crop=crop,
            views=1,
            recipe=replace(recipe, compile="off"),  # short, and of batches of its own
            statistics=statistics,
            callback=StopWatcher.of(callback, len(images), processes, stop),
            device=device,
            shard=processes.shard,
        ).counts

    return reduce(Counts.__add__, processes.gather(counts))
