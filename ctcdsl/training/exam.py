"""The centre-view test after an epoch, by all processes of a training together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ctcdsl.training.augment import Crop
from ctcdsl.training.colour import Statistics
from ctcdsl.training.data import ImageSet
from ctcdsl.training.distributed import AllStop, Ranks
from ctcdsl.training.interrupt import Stop
from ctcdsl.training.recipe import Recipe
from ctcdsl.training.report import Reporter, Silent
from ctcdsl.training.scores import Counts
from ctcdsl.training.ten_view import evaluate


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """A test of one view, counted over the shares of all processes: exact for any number."""

    images: ImageSet
    crop: Crop
    recipe: Recipe
    statistics: Statistics
    device: torch.device
    ranks: Ranks
    stop: Stop
    reporter: Reporter

    def of(self, model: nn.Module) -> Counts:
        """Test `model`, whose weights all processes have; its buffers are the leader's.

        Raises `AllStop` where a process was asked to stop meanwhile, on every process.
        """
        self.ranks.copy_buffers(model)
        try:
            found, left = self._counted(model), 0
        except _Left:
            found, left = torch.zeros(3 * len(self.images.classes) + 2, dtype=torch.int64), 1
        total = self.ranks.add_counts(torch.cat([found, torch.tensor([left])]))
        if total[-1]:
            raise AllStop
        return Counts.unpacked(total[:-1])

    def _counted(self, model: nn.Module) -> Tensor:
        return evaluate(
            model,
            self.images,
            crop=self.crop,
            views=1,
            recipe=self.recipe,
            statistics=self.statistics,
            reporter=_Watch(self) if self.ranks.several else self.reporter,
            device=self.device,
            share=self.ranks.share,
        ).counts.packed()


class _Left(Exception):
    """The test is given up by this process."""


class _Watch(Silent):
    """Hands on how far the test is, and leaves it where a process was asked to stop."""

    def __init__(self, exam: Exam) -> None:
        self._exam = exam

    def testing(self, done: int, total: int) -> None:
        exam = self._exam
        if exam.ranks.should_leave(exam.stop.asked):
            raise _Left
        images = len(exam.images)
        exam.reporter.testing(min(done * exam.ranks.share.world, images), images)
