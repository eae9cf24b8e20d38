"""The training loop: epochs of steps, a test after each, checkpoints in between."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ctcdsl.distributed.processes import SINGLE_PROCESS, PeerLost, Processes, StopRequested
from ctcdsl.evaluation.scores import Counts
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.events import Callback, TrainingStarted
from ctcdsl.execution.interrupt import Interrupted, interruptible
from ctcdsl.execution.memory_errors import may_not_fit
from ctcdsl.execution.strided import prepare_for_training, strided_note
from ctcdsl.images import batch_plan
from ctcdsl.images.colour import Statistics
from ctcdsl.images.image_set import ImageSet, require_same_classes
from ctcdsl.images.resize import CachedImages
from ctcdsl.images.sampling import Crop
from ctcdsl.metrics.peaks import TrainingPeaks
from ctcdsl.recipe import Recipe
from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import Progress
from ctcdsl.runs.identity import ModelIdentity
from ctcdsl.training import checks
from ctcdsl.training.epoch import EpochRunner
from ctcdsl.training.initialise import set_dropout
from ctcdsl.training.run import CheckpointPolicy, TrainingRun
from ctcdsl.training.stages import freeze
from ctcdsl.training.step import TrainStep
from ctcdsl.training.validation import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """A finished training."""

    run: Path
    checkpoint: Path
    """The folder of the last one."""
    rows: tuple[log.Row, ...]
    """The log from the first epoch on."""
    statistics: Statistics
    """What `evaluate` needs beside the recipe."""


def train(
    model: nn.Module,
    train_set: ImageSet,
    test_set: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    run: Path,
    identity: ModelIdentity,
    callback: Callback,
    resume: bool = False,
    device: torch.device,
    statistics: Statistics | None = None,
    initial: Mapping[str, Tensor] | None = None,
    policy: CheckpointPolicy | None = None,
    memory: TrainingPeaks | None = None,
    processes: Processes = SINGLE_PROCESS,
    tested_on: str = "test",
    until: tuple[int, int] | None = None,
) -> TrainingResult:
    """Train `model` by `recipe` on (height, width) crops; log and checkpoints go to `run`.

    `model` maps float32 (N, 3, h, w) to logits (N, classes). It ends up on `device`,
    channels last, with new initial weights, but for those that `initial` has by their names in
    the state dict. `statistics` are measured on the training set unless given. The initial
    weights are saved before the first step, so that a folder which cannot be written shows at
    once. With `resume` everything comes from the run's newest intact checkpoint, and the run ends
    as if it had never stopped. `until` ends it earlier, where it is saved: epochs done and steps
    of the next one. `memory` lets a lack of memory name the batch that would fit; `tested_on` is
    the name of the split `test_set`.

    Each of several processes calls this with the same arguments and with its own `processes` and
    `device`; the main one writes. The sequence of batches is the same for any number of them.

    Raises `UserError`: CTC604, CTC631 images cannot be read; CTC605 the recipe does not fit the
    crop; CTC606, CTC607, CTC610 the run's checkpoint does not fit (see `checkpoint`); CTC608 `run`
    cannot be written; CTC609 a loss is not finite; CTC611 the sets differ in their classes;
    CTC612 the network does not fit the data; CTC613 resumed with another recipe; CTC614 `run`
    holds an earlier training; CTC618 a batch is too small for its batch norms; CTC621
    another process trains it; CTC622 out of memory; CTC662 another process is gone;
    CTC663 it was started otherwise.
    Raises `Interrupted` on Ctrl-C, SIGTERM and SIGHUP, when the run is saved.
    """
    train_set = CachedImages(train_set, recipe.resize_for(crop))
    require_same_classes(train_set, test_set)
    copying = prepare_for_training(model, device)
    min_images = checks.check_model_fits_data(model, train_set, identity, crop, device)
    batch_plan.require_batches(recipe, len(train_set), min_images)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # all batches have one shape: worth one search
    freeze(model, recipe)
    if recipe.dropout is not None:
        set_dropout(model, recipe.dropout)
    if copying:
        callback.on_warning(strided_note(copying))
    note = batch_plan.batch_size_note(recipe, len(train_set), processes.shard.world, min_images)
    if note is not None:
        callback.on_warning(note)
    processes.require_same(
        f"{recipe} {crop} {len(train_set)} {len(test_set)} {train_set.classes} {resume} {identity}"
    )
    with interruptible() as stop, steady_allocator(device):
        training = TrainingRun(
            model=model,
            train_step=TrainStep(model, recipe, device, processes, min_images),
            recipe=recipe,
            run=run,
            identity=identity,
            crop=crop,
            device=device,
            memory=memory,
            callback=callback,
            policy=policy or CheckpointPolicy(),
            initial=initial or {},
            stop=stop,
            processes=processes,
        )
        runner = EpochRunner(
            training=training,
            images=train_set,
            test_images=len(test_set),
            min_images=min_images,
        )
        loop = _Loop(training, runner, test_set, tested_on)
        with training:
            try:
                training.start_or_resume(train_set, statistics, resume)
                return loop.finish(until)
            except PeerLost:
                if not stop.requested:  # else all were asked, and one was faster
                    raise
                where = training.saved.where if training.saved else None
                raise Interrupted(run, where) from None
            except KeyboardInterrupt as caught:
                traceback.clear_frames(caught.__traceback__)  # ends workers before saving
                training.save_and_leave()
                if isinstance(caught, StopRequested):
                    processes.barrier()  # whoever left before the leader has saved might end it
                where = training.saved.where if training.saved else None
                raise Interrupted(run, where) from None


@dataclass(slots=True)
class _Loop:
    """Epochs of steps, each with its test, its row of the log and its checkpoint."""

    training: TrainingRun
    runner: EpochRunner
    test_set: ImageSet
    tested_on: str

    def finish(self, until: tuple[int, int] | None = None) -> TrainingResult:
        """Train, test, log and save all that is left, or what is left up to `until`."""
        training, recipe = self.training, self.training.recipe
        training.callback.on_training_started(
            TrainingStarted(
                epochs=recipe.last_epoch,
                first_epoch=training.progress.epoch + 1,
                first_step=training.progress.step + 1,
                steps=self.runner.in_epoch,
                training_images=len(self.runner.images),
                test_images=len(self.test_set),
                tested_on=self.tested_on,
                classes=len(training.identity.classes),
                device=str(training.device),
            )
        )
        world = training.processes.shard.world
        warning = may_not_fit(recipe, training.memory, training.device, world)
        if warning is not None:
            training.callback.on_warning(warning)
        epochs, steps = until or (recipe.last_epoch, 0)
        while training.progress.epoch < epochs or training.progress.step < steps:
            if training.progress.epoch == epochs:
                self.runner.finish_epoch(steps)
                training.save()
                break
            self.runner.finish_epoch()
            row = self._row(validate(training, self.test_set))
            with training.stop.blocked():
                training.progress = Progress(epoch=row.epoch, rows=[*training.progress.rows, row])
                if training.processes.is_main:
                    log.write(training.run, training.progress.rows)
                training.save()
            training.callback.on_epoch_end(row)
        return TrainingResult(
            run=training.run,
            checkpoint=training.last_saved.path,
            rows=tuple(training.progress.rows),
            statistics=training.statistics,
        )

    def _row(self, scores: Counts) -> log.Row:
        progress, throughput = self.training.progress, self.runner.throughput
        images = len(self.runner.images)
        epoch = progress.epoch + 1
        return log.Row(
            epoch=epoch,
            steps=sum(row.steps for row in progress.rows[-1:]) + self.runner.in_epoch,
            images=sum(row.images for row in progress.rows[-1:]) + images,
            learning_rate=self.training.recipe.schedule.rate(epoch),
            train_loss=progress.loss / progress.images,
            train_top1_error=progress.num_errors / progress.images,
            test_loss=scores.loss,
            test_top1_error=scores.top1_error,
            test_top5_error=scores.top5_error,
            images_per_second=throughput.epoch_images_per_second,
            data_wait=throughput.epoch_data_wait,
            seconds=throughput.end_test(),
        )
