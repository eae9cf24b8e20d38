"""The centre-view test after an epoch, by all processes of a training together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import nn

from ctcdsl.distributed.processes import Processes, StopRequested
from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.evaluation.scores import Counts
from ctcdsl.execution.events import Callback, NullCallback
from ctcdsl.execution.interrupt import StopFlag
from ctcdsl.images.augment import Crop
from ctcdsl.images.colour import Statistics
from ctcdsl.images.image_set import ImageSet
from ctcdsl.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """A test of one view, counted over the shares of all processes: exact for any number."""

    images: ImageSet
    crop: Crop
    recipe: Recipe
    statistics: Statistics
    device: torch.device
    ranks: Processes
    stop: StopFlag
    reporter: Callback

    def of(self, model: nn.Module) -> Counts:
        """Test `model`, whose weights all processes have; its buffers are the leader's.

        Raises `StopRequested` where a process was asked to stop meanwhile, on every process.
        """
        self.ranks.broadcast_buffers(model)
        parts = self.ranks.gather(lambda: self._counted(model))
        return reduce(Counts.__add__, parts)

    def _counted(self, model: nn.Module) -> Counts:
        watch = StopWatcher(self.reporter, len(self.images), self.ranks, self.stop)
        return evaluate(
            model,
            self.images,
            crop=self.crop,
            views=1,
            recipe=replace(self.recipe, compile="off"),  # short, and of batches of its own
            statistics=self.statistics,
            reporter=watch if self.ranks.is_distributed else self.reporter,
            device=self.device,
            share=self.ranks.shard,
        ).counts


class StopWatcher(NullCallback):
    """Reports the progress of a test by all processes; raises `StopRequested` where one asks."""

    def __init__(self, reporter: Callback, images: int, ranks: Processes, stop: StopFlag) -> None:
        self._reporter, self._images, self._ranks, self._stop = reporter, images, ranks, stop

    def on_validation(self, done: int, total: int) -> None:
        """So many images of this process's share are done."""
        if self._ranks.stop_requested(self._stop.requested):
            raise StopRequested
        images = self._images
        self._reporter.on_validation(min(done * self._ranks.shard.world, images), images)
