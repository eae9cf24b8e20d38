"""The steps of an epoch: batch by batch, counted, reported, and saved in between."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ctcdsl.distributed.processes import StopRequested
from ctcdsl.execution.events import StepEnded
from ctcdsl.execution.memory_errors import oom_as_error
from ctcdsl.execution.transfer import pipeline_depth, prefetch_to_device
from ctcdsl.images.batch_plan import num_batches
from ctcdsl.images.batches import Batch, training_batches
from ctcdsl.images.image_set import ImageSet
from ctcdsl.training import health
from ctcdsl.training.run import TrainingRun
from ctcdsl.training.stages import hold_frozen
from ctcdsl.training.step import PendingStep, StepResult
from ctcdsl.training.throughput import Throughput


class _InFlight(NamedTuple):
    """A step that was given to the device and whose numbers nobody has read."""

    number: int
    """In its epoch, from 1."""
    images: int
    """Of all processes together."""
    rate: float
    pending: PendingStep


@dataclass(slots=True, kw_only=True)
class EpochRunner:
    """Takes the steps of a run, and reads their results `pipeline_depth` steps later."""

    training: TrainingRun
    images: ImageSet
    test_images: int
    min_images: int = 1
    """Images that the network needs at a time."""
    throughput: Throughput = field(default_factory=Throughput)
    _in_flight: deque[_InFlight] = field(default_factory=deque)
    _read: list[tuple[_InFlight, StepResult]] = field(default_factory=list)
    """Steps that are not reported yet."""

    def __post_init__(self) -> None:
        self.training.flush = self._flush  # whoever saves wants all numbers

    @property
    def in_epoch(self) -> int:
        """Steps that an epoch has."""
        return num_batches(len(self.images), self.training.recipe.batch, self.min_images)

    def finish_epoch(self, until: int | None = None) -> None:
        """Take the steps that are left of the epoch, or those up to step `until`.

        Raises `UserError` as `loop.train`, `StopRequested` where a process wants all to stop.
        """
        training, progress = self.training, self.training.progress
        self.throughput.begin_epoch(progress.images, progress.seconds, progress.data_wait)
        training.model.train()
        hold_frozen(training.model, training.recipe)
        batches = training_batches(
            self.images,
            training.recipe,
            crop=training.crop,
            epoch=progress.epoch + 1,
            first_step=progress.step,
            shard=training.processes.shard,
            min_images=self.min_images,
            pin=training.device.type == "cuda",
            on_replaced=training.callback.on_image_replaced,
        )
        if until is not None:
            batches = islice(batches, until - progress.step)
        for batch in prefetch_to_device(batches, training.device):
            self.throughput.batch_ready()
            with training.stop.blocked():
                images = self._start_step(batch)
                self._flush(pipeline_depth(training.device))
                self.throughput.end_step(images)
                progress.seconds, progress.data_wait = (
                    self.throughput.epoch_seconds,
                    self.throughput.epoch_waited,
                )
                if progress.step < self.in_epoch:  # else the checkpoint after the test is near
                    training.save_if_due()
            self._report()
            self.throughput.batch_requested()
        with training.stop.blocked():
            self._flush()
        self._report()

    def _start_step(self, batch: Batch) -> int:
        """Give the device a step. Returns its images."""
        training, progress = self.training, self.training.progress
        last = progress.step + 1 == self.in_epoch
        images = len(self.images) - progress.images if last else training.recipe.batch
        seen = progress.epoch * len(self.images) + progress.images
        rate = training.recipe.schedule.rate_after(seen, len(self.images))
        training.train_step.set_rate(rate)
        training.processes.seed_step(training.recipe.seed, progress.epoch + 1, progress.step + 1)
        with oom_as_error(training.out_of_memory):
            pending = training.train_step.step(
                batch, training.statistics, batch_size=images, stop=lambda: training.stop.requested
            )
        progress.step += 1
        progress.images += images
        self._in_flight.append(_InFlight(progress.step, images, rate, pending))
        return images

    def _flush(self, keep: int = 0) -> None:
        """Read what all but the last `keep` steps found; `UserError` CTC609 for a loss gone bad."""
        progress = self.training.progress
        while len(self._in_flight) > keep:
            step = self._in_flight.popleft()
            result = step.pending.result()
            if not math.isfinite(result.loss):
                where = f"training, epoch {progress.epoch + 1}, step {step.number}"
                raise self.training.diverged(result.loss, where)
            progress.loss += result.loss * step.images
            progress.num_errors += result.num_errors
            self._read.append((step, result))

    def _report(self) -> None:
        """Tell of the steps that were read. Raises `StopRequested` where one of them says so."""
        read = self._read.copy()
        self._read.clear()
        for step, result in read:
            if result.stop:
                raise StopRequested
            self._report_step(step, result)

    def _report_step(self, step: _InFlight, result: StepResult) -> None:
        training = self.training
        epochs, epoch = training.recipe.last_epoch, training.progress.epoch + 1
        left = epochs - epoch
        done = (epoch - 1) * self.in_epoch + step.number
        if done == min(health.LEARNS_BY, epochs * self.in_epoch):
            warning = health.not_learning(result.loss, result.logits, training.recipe)
            if warning is not None:
                training.callback.on_warning(warning)
        training.callback.on_step(
            StepEnded(
                epoch=epoch,
                epochs=epochs,
                step=step.number,
                steps=self.in_epoch,
                learning_rate=step.rate,
                loss=result.loss,
                images_per_second=self.throughput.images_per_second,
                data_wait=self.throughput.data_wait,
                seconds_left=self.throughput.seconds_left(
                    left * self.in_epoch + self.in_epoch - step.number, left + 1, self.test_images
                ),
            )
        )
