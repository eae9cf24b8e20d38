"""Training and tests of several runs on the same images."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from ctcdsl.comparison.seed_runs import SeedRun, State, state_of
from ctcdsl.distributed.processes import SINGLE_PROCESS
from ctcdsl.evaluation.evaluation import EvaluationConfig, TrainedNetwork, evaluate_trained
from ctcdsl.evaluation.scores import Scores
from ctcdsl.evaluation.views import Views
from ctcdsl.execution.events import Callback, CallbackList
from ctcdsl.execution.interrupt import Interrupted, interruptible
from ctcdsl.execution.prepare import Data
from ctcdsl.images.fingerprint import ImageRecord
from ctcdsl.images.split_choice import ChosenSplit
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs.checkpoint import Checkpoint
from ctcdsl.runs.info import ImagesInfo
from ctcdsl.text import Diagnostic, UserError
from ctcdsl.training.config import ResumePoint, RunConfig
from ctcdsl.training.train import train_network

OF_ONE_RUN = frozenset({"CTC609", "CTC618", "CTC621", "CTC622"})
"""A loss that is not finite, a batch too small for its norms, a run that is being trained
elsewhere, no memory: the other networks may still be trained. Whatever else goes
wrong goes wrong for all."""


@dataclass(frozen=True, slots=True)
class RunTrainer:
    """Trains runs on one device, all on the same images."""

    data: Data
    images: tuple[ImageRecord, ...]
    device: torch.device
    callback: Callback

    def states(self, seed_runs: Sequence[SeedRun]) -> list[State]:
        """How far every run is.

        Raises `UserError` with a diagnostic for every folder that does not hold this run (see
        `state_of`).
        """
        images = ImagesInfo.of(self.images)
        states: list[State] = []
        diagnostics: list[Diagnostic] = []
        for seed_run in seed_runs:
            try:
                states.append(state_of(seed_run, images))
            except UserError as error:
                diagnostics += error.diagnostics
        if diagnostics:
            raise UserError(*diagnostics)
        return states

    def train(self, seed_run: SeedRun, state: State, until: tuple[int, int] | None = None) -> None:
        """Train what is left of a run, up to `until`: epochs done and steps of the next one."""
        resumed = None
        if state is State.STARTED:
            saved = checkpoints.load(seed_run.folder)
            resumed = ResumePoint(session=saved.session, position=saved.progress.position)
        config = RunConfig(
            network=seed_run.compared.network,
            spec=seed_run.compared.spec,
            data=self.data.path,
            run=seed_run.folder,
            recipe=seed_run.recipe,
            keep=1,
            resumed=resumed,
            until=until,
        )
        train_network(
            config,
            config.network,
            self.data,
            self.images,
            self.device,
            self.callback,
            SINGLE_PROCESS,
        )

    def evaluate(self, seed_run: SeedRun, saved: Checkpoint, views: Views) -> Scores:
        """The scores of a checkpoint of a run on the images that it was tested on.

        Raises:
            Interrupted: Nothing is lost.
        """
        trained = TrainedNetwork.load(saved, seed_run.compared.network)
        splits = self.data.splits
        chosen = ChosenSplit(splits.test, splits.tested_on)
        recipe = saved.recipe
        config = EvaluationConfig(views=views, compile=recipe.compile, workers=recipe.workers)
        with interruptible() as stop:
            try:
                return evaluate_trained(
                    trained, chosen, config, self.device, self.callback, SINGLE_PROCESS, stop
                )
            except KeyboardInterrupt as caught:
                traceback.clear_frames(caught.__traceback__)  # ends threads first
                where = f"{saved.progress}, before its test"
                raise Interrupted(seed_run.folder, where) from None


class EachWarningOnce(CallbackList):
    """Passes on what is the same for several runs with the first of them alone."""

    def __init__(self, callbacks: Iterable[Callback]) -> None:
        super().__init__(callbacks)
        self._seen: set[Diagnostic] = set()

    def on_warning(self, warning: Diagnostic) -> None:
        """Pass on a warning that is new."""
        if warning not in self._seen:
            self._seen.add(warning)
            super().on_warning(warning)
