"""The centre-view test after an epoch, by all processes of a training together."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce

from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.evaluation.scores import Counts
from ctcdsl.execution.interrupt import StopWatcher
from ctcdsl.execution.memory_errors import oom_as_error
from ctcdsl.images.image_set import ImageSet
from ctcdsl.training.run import TrainingRun


def validate(training: TrainingRun, images: ImageSet) -> Counts:
    """Test the model, whose weights all processes have; its buffers are the main process's.

    The counts are summed over the shards of all processes: exact for any number of them.
    Interrupted, the test is done again from its start.

    Raises `StopRequested` where a process was asked to stop meanwhile, on every process;
    `UserError` CTC609 where the loss is not finite, CTC622 for a lack of memory.
    """
    processes = training.processes
    processes.broadcast_buffers(training.model)

    def counts() -> Counts:
        return evaluate(
            training.model,
            images,
            crop=training.crop,
            views=1,
            recipe=replace(training.recipe, compile="off"),  # short, and of batches of its own
            statistics=training.statistics,
            callback=StopWatcher.of(training.callback, len(images), processes, training.stop),
            device=training.device,
            shard=processes.shard,
        ).counts

    with oom_as_error(training.out_of_memory):
        total = reduce(Counts.__add__, processes.gather(counts))
    if not math.isfinite(total.loss):  # the last step broke the weights: do not save them
        raise training.diverged(total.loss, f"the test after epoch {training.progress.epoch + 1}")
    return total
