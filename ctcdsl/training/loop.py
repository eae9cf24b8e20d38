"""The training loop: epochs of steps, a test and a checkpoint after each."""

from __future__ import annotations

import math
import traceback
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training import checkpoint as checkpoints
from ctcdsl.training import log, preflight
from ctcdsl.training.augment import Crop
from ctcdsl.training.batches import steps, training_batches
from ctcdsl.training.checkpoint import Checkpoint, ModelIdentity
from ctcdsl.training.colour import Statistics, measure
from ctcdsl.training.data import ImageSet, require_same_classes
from ctcdsl.training.descent import Descent
from ctcdsl.training.initialise import initialise, set_dropout
from ctcdsl.training.interrupt import Interrupted, interruptible
from ctcdsl.training.pace import Pace
from ctcdsl.training.recipe import Recipe
from ctcdsl.training.report import Plan, Reporter, Step
from ctcdsl.training.ten_view import Scores, evaluate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished training."""

    run: Path
    checkpoint: Path
    rows: tuple[log.Row, ...]
    """The log from the first epoch on."""
    statistics: Statistics
    """What `evaluate` needs beside the recipe."""


def default_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    model: nn.Module,
    train_set: ImageSet,
    test_set: ImageSet,
    recipe: Recipe,
    *,
    crop: Crop,
    run: Path,
    identity: ModelIdentity,
    reporter: Reporter,
    resume: bool = False,
    device: torch.device | None = None,
    statistics: Statistics | None = None,
) -> Outcome:
    """Train `model` by `recipe` on (height, width) crops; log and checkpoint go to `run`.

    `model` maps float32 (N, 3, h, w) to logits (N, classes). It ends up on `device`
    (`default_device` unless given), channels last; its weights are drawn anew. `statistics` are
    measured on the training set unless given. The initial weights are saved before the first
    step, so that a folder which cannot be written shows at once. With `resume` everything comes
    from the run's checkpoint, and the run ends as if it had never stopped.

    Raises `UserError`: CTC603, CTC604 an image cannot be read; CTC605 the recipe does not fit the
    crop; CTC606, CTC607, CTC610 the run's checkpoint does not fit (see `checkpoint`); CTC608 `run`
    cannot be written; CTC609 a loss is not finite; CTC611 the sets differ in their classes;
    CTC612 the network does not fit the data; CTC613 resumed with another recipe; CTC614 `run`
    holds an earlier training.
    Raises `Interrupted` on Ctrl-C and SIGTERM.
    """
    device = device or default_device()
    recipe.resize_for(crop)
    require_same_classes(train_set, test_set)
    # torch's stubs know no overload with both.
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    preflight.require_fit(model, train_set, identity, crop, device)
    if recipe.dropout is not None:
        set_dropout(model, recipe.dropout)
    session = _Session(
        model=model,
        descent=Descent(model, recipe, device),
        train_set=train_set,
        test_set=test_set,
        recipe=recipe,
        crop=crop,
        run=run,
        identity=identity,
        reporter=reporter,
        device=device,
    )
    with interruptible():
        try:
            trained = session.restore() if resume else session.begin(statistics)
            return session.finish(trained)
        except KeyboardInterrupt as stop:
            traceback.clear_frames(stop.__traceback__)  # ends workers before signals count again
            raise Interrupted(run, session.saved_epoch) from None


@dataclass(slots=True, kw_only=True)
class _Trained:
    """How far training is."""

    epoch: int
    rows: list[log.Row]
    statistics: Statistics


@dataclass(slots=True, kw_only=True)
class _Session:
    """One call of `train`."""

    model: nn.Module
    descent: Descent
    train_set: ImageSet
    test_set: ImageSet
    recipe: Recipe
    crop: Crop
    run: Path
    identity: ModelIdentity
    reporter: Reporter
    device: torch.device
    saved_epoch: int | None = None

    @property
    def path(self) -> Path:
        return self.run / checkpoints.FILE

    def begin(self, statistics: Statistics | None) -> _Trained:
        """Draw the initial weights, measure the colours, save."""
        preflight.claim(self.run)
        torch.manual_seed(self.recipe.seed)
        initialise(self.model, self.recipe)
        if statistics is None:
            sample = self.recipe.statistics_sample
            statistics = measure(self.train_set, sample, self.reporter.measuring)
        trained = _Trained(epoch=0, rows=[], statistics=statistics)
        self._save(trained)
        return trained

    def restore(self) -> _Trained:
        """Take everything from the run's checkpoint; forget what was logged after it."""
        saved = checkpoints.load(self.path)
        checkpoints.require_identity(saved, self.identity, self.path)
        preflight.require_same_recipe(saved.recipe, self.recipe, self.path)
        checkpoints.restore_model(self.model, saved, self.path)
        self.descent.optimizer.load_state_dict(saved.optimizer)
        checkpoints.restore_rng(saved)
        rows = [row for row in log.read(self.run) if row.epoch <= saved.epoch]
        log.write(self.run, rows)
        self.saved_epoch = saved.epoch
        return _Trained(epoch=saved.epoch, rows=rows, statistics=saved.statistics)

    def finish(self, trained: _Trained) -> Outcome:
        """Train, test, log and save all epochs that are left."""
        epochs = self.recipe.last_epoch
        self.reporter.started(
            Plan(
                epochs=epochs,
                first_epoch=trained.epoch + 1,
                steps=self._steps,
                training_images=len(self.train_set),
                test_images=len(self.test_set),
                classes=len(self.identity.classes),
                device=str(self.device),
            )
        )
        pace = Pace()
        for epoch in range(trained.epoch + 1, epochs + 1):
            loss, error = self._train_epoch(epoch, trained.statistics, pace)
            scores = self._test(epoch, trained.statistics)
            row = log.Row(
                epoch=epoch,
                steps=epoch * self._steps,
                images=epoch * len(self.train_set),
                learning_rate=self.recipe.schedule.rate(epoch),
                train_loss=loss,
                train_top1_error=error,
                test_loss=scores.loss,
                test_top1_error=scores.top1_error,
                test_top5_error=scores.top5_error,
                images_per_second=pace.epoch_images_per_second,
                data_wait=pace.epoch_data_wait,
                seconds=pace.end_test(),
            )
            trained.epoch = epoch
            trained.rows.append(row)
            log.write(self.run, trained.rows)  # first: a row too many is dropped on resuming
            self._save(trained)
            self.reporter.epoch_ended(row)
        return Outcome(
            run=self.run,
            checkpoint=self.path,
            rows=tuple(trained.rows),
            statistics=trained.statistics,
        )

    @property
    def _steps(self) -> int:
        return steps(len(self.train_set), self.recipe.batch)

    def _train_epoch(self, epoch: int, statistics: Statistics, pace: Pace) -> tuple[float, float]:
        """The epoch's mean loss and top-1 error on the training images as they were shown."""
        rate = self.recipe.schedule.rate(epoch)
        self.descent.set_rate(rate)
        self.model.train()
        total_loss, wrong = 0.0, 0
        pin = self.device.type == "cuda"
        pace.begin_epoch()
        batches = training_batches(
            self.train_set, self.recipe, crop=self.crop, epoch=epoch, pin=pin
        )
        for step, batch in enumerate(batches, start=1):
            pace.got_batch()
            images = len(batch.labels)
            loss, wrong_now = self.descent.step(batch, statistics)
            if not math.isfinite(loss):
                raise self._diverged(loss, f"training, epoch {epoch}, step {step}")
            total_loss += loss * images
            wrong += wrong_now
            pace.end_step(images)
            left = self.recipe.last_epoch - epoch
            self.reporter.stepped(
                Step(
                    epoch=epoch,
                    epochs=self.recipe.last_epoch,
                    step=step,
                    steps=self._steps,
                    learning_rate=rate,
                    loss=loss,
                    images_per_second=pace.images_per_second,
                    data_wait=pace.data_wait,
                    seconds_left=pace.seconds_left(
                        left * self._steps + self._steps - step, left + 1, len(self.test_set)
                    ),
                )
            )
        return total_loss / len(self.train_set), wrong / len(self.train_set)

    def _test(self, epoch: int, statistics: Statistics) -> Scores:
        """The centre-view test after `epoch`."""
        scores = evaluate(
            self.model,
            self.test_set,
            crop=self.crop,
            views=1,
            recipe=self.recipe,
            statistics=statistics,
            reporter=self.reporter,
            device=self.device,
        )
        if not math.isfinite(scores.loss):  # the last step broke the weights: do not save them
            raise self._diverged(scores.loss, f"the test after epoch {epoch}")
        return scores

    def _diverged(self, loss: float, where: str) -> UserError:
        return UserError(
            Diagnostic(
                code="CTC609",
                message=f"the loss is {loss} in {where}",
                path=str(self.run),
                notes=(f"the last checkpoint is of epoch {self.saved_epoch}: {self.path}",),
                hints=(
                    "lower the learning rate (a tenth, say), or train a first epoch at a low one",
                    *("use precision float32",) * (self.recipe.precision != "float32"),
                ),
            )
        )

    def _save(self, trained: _Trained) -> None:
        checkpoints.save(
            self.path,
            Checkpoint(
                identity=self.identity,
                recipe=self.recipe,
                statistics=trained.statistics,
                epoch=trained.epoch,
                model=self.model.state_dict(),
                optimizer=self.descent.optimizer.state_dict(),
                rng=checkpoints.rng_states(),
            ),
        )
        self.saved_epoch = trained.epoch
