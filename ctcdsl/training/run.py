"""The state of a run: started, resumed, saved. The epochs are in `loop`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from ctcdsl.distributed.processes import SINGLE_PROCESS, Processes
from ctcdsl.execution.events import Callback
from ctcdsl.execution.interrupt import StopFlag
from ctcdsl.execution.memory_errors import out_of_memory
from ctcdsl.images.colour import Statistics, measure
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.sampling import Crop
from ctcdsl.metrics.peaks import TrainingPeaks
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import log
from ctcdsl.runs.checkpoint import Checkpoint, Progress
from ctcdsl.runs.identity import ModelIdentity, require_same_identity
from ctcdsl.runs.schedule import TEN_MINUTES, CheckpointSchedule, Interval
from ctcdsl.runs.store import CheckpointStore, Saved
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.storage.lock import locked
from ctcdsl.text import UserError, error
from ctcdsl.training import checks, health
from ctcdsl.training.initialise import initialise
from ctcdsl.training.step import TrainStep


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPolicy:
    """What a run writes besides its log, and how often."""

    every: Interval = TEN_MINUTES
    """When to save inside an epoch; at its end a checkpoint is always written."""
    last: int = 3
    """How many checkpoints stay, besides the best."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """For the run's folder: its spec, its module, how it was started."""
    session: int = 0
    """The number of this session in the run's record."""
    new_images: bool = False
    """Whether a resumed run continues with other images: an epoch that was begun starts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """The state of a run, as the main process sends it to the others."""

    model: dict[str, Any]
    optimizer: dict[str, Any]
    statistics: Statistics
    progress: Progress
    saved: Saved


@dataclass(slots=True, kw_only=True)
class TrainingRun:
    """One call of `train`: the network, how it is trained, and how far it is."""

    model: nn.Module
    train_step: TrainStep
    recipe: Recipe
    run: Path
    identity: ModelIdentity
    crop: Crop
    device: torch.device
    memory: TrainingPeaks | None
    """What an image costs, where that is known."""
    callback: Callback
    policy: CheckpointPolicy
    stop: StopFlag
    initial: Mapping[str, Tensor] = field(default_factory=dict)
    """Weights that a run starts from, by their names in the state dict; others are drawn."""
    processes: Processes = SINGLE_PROCESS
    statistics: Statistics = field(init=False)
    progress: Progress = field(default_factory=Progress)
    saved: Saved | None = None
    flush: Callable[[], None] = lambda: None
    """Makes the sums of `progress` those of all its steps; called before it is saved."""
    _saved_position: tuple[int, int] | None = None
    _locks: ExitStack = field(default_factory=ExitStack)
    _schedule: CheckpointSchedule = field(init=False)

    def __post_init__(self) -> None:
        self._schedule = CheckpointSchedule(self.policy.every)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._locks.close()

    @property
    def store(self) -> CheckpointStore:
        """The run's checkpoints."""
        return CheckpointStore(self.run, self.policy.last)

    @property
    def last_saved(self) -> Saved:
        """The last checkpoint of a run that has started."""
        assert self.saved is not None
        return self.saved

    def start_or_resume(
        self, images: ImageSet, statistics: Statistics | None, resume: bool
    ) -> None:
        """Start, or resume from the newest checkpoint.

        Of several processes the main one does so, and sends the others its state, or its error.
        """
        self.stop.deferred = not self.processes.is_main
        state = self.processes.on_main(lambda: self._start_or_resume(images, statistics, resume))
        self.stop.deferred = self.processes.is_distributed
        if not self.processes.is_main:
            self.model.load_state_dict(state.model)
            self.train_step.optimizer.load_state_dict(state.optimizer)
            self.statistics, self.progress = state.statistics, state.progress
            self._note_saved(state.saved.path)

    def _start_or_resume(
        self, images: ImageSet, statistics: Statistics | None, resume: bool
    ) -> _State:
        if resume:
            self.resume()
        else:
            self.start(images, statistics)
        self.stop.deferred = self.processes.is_distributed  # sending must not be interrupted
        return _State(
            model=self.model.state_dict(),
            optimizer=self.train_step.optimizer.state_dict(),
            statistics=self.statistics,
            progress=self.progress,
            saved=self.last_saved,
        )

    def start(self, images: ImageSet, statistics: Statistics | None) -> None:
        """Draw or take the initial weights, measure the colours, save."""
        checks.claim_folder(self.run)
        self._lock()
        self.store.remove_stale()
        self.store.clear()
        self._write_files()
        torch.manual_seed(self.recipe.seed)
        initialise(self.model, self.recipe)
        self.model.load_state_dict({**self.model.state_dict(), **self.initial})
        channels, height, width = self.identity.input
        self.statistics = statistics or measure(
            images,
            self.recipe.statistics_sample,
            shorter=self.recipe.resize_for((height, width)),
            channels=channels,
            progress=self.callback.on_statistics,
        )
        self.save()

    def _lock(self) -> None:
        """Two processes would write over each other's checkpoints."""
        held = error(
            "CTC621",
            "another process is training this run",
            path=self.run,
            hint="wait for its end, or choose another folder with --run",
        )
        self._locks.enter_context(locked(self.run / ".lock", held))

    def resume(self) -> None:
        """Take everything from the run's newest intact checkpoint, the log included."""
        saved = checkpoints.load(self.run, self.callback.on_warning)
        require_same_identity(saved.identity, self.identity, saved.path)
        checks.require_same_recipe(saved.recipe, self.recipe, saved.path)
        self._lock()
        self.statistics, self.progress = saved.statistics, saved.progress
        self._note_saved(saved.path)  # from here on an interrupt can say what there is
        checkpoints.restore_model(self.model, saved, saved.path)
        self.train_step.optimizer.load_state_dict(saved.optimizer)
        checkpoints.restore_rng(saved)
        self.store.remove_stale()
        self._write_files()
        log.write(self.run, self.progress.rows)
        if self.policy.new_images and self.progress.step:
            # Its steps and sums are of the other images.
            self.progress = Progress(epoch=self.progress.epoch, rows=self.progress.rows)
            self.save()

    def save(self) -> None:
        """Write a checkpoint, unless there is one of this very step; only the main process does.

        Raises `UserError`: CTC608 where it cannot be written, CTC609 where a weight is not
        finite. Then the checkpoints before it stay.
        """
        self.flush()
        if not self.processes.is_main or self._saved_position == self.progress.position:
            return
        if not health.all_finite(self.model):
            where = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
            what = f"a weight is not finite after {where}"
            raise health.diverged(what, self.recipe, self.last_saved)
        checkpoint = Checkpoint(
            identity=self.identity,
            recipe=self.recipe,
            statistics=self.statistics,
            progress=self.progress,
            model=self.model.state_dict(),
            optimizer=self.train_step.optimizer.state_dict(),
            rng=checkpoints.rng_states(),
            session=self.policy.session,
        )
        self._note_saved(self.store.add(checkpoint))

    def save_if_due(self) -> None:
        """Save after a step where it is time to."""
        if self._schedule.is_due():
            self.save()

    def save_and_leave(self) -> None:
        """Save where training was interrupted, if it has started and is between two steps."""
        if self.saved is not None and not self.stop.aborted:
            with self.stop.blocked():
                self.save()

    def diverged(self, loss: float, where: str) -> UserError:
        """CTC609 for a `loss` that is not finite."""
        return health.diverged(f"the loss is {loss} in {where}", self.recipe, self.last_saved)

    def out_of_memory(self) -> UserError:
        """CTC622 for a lack of memory."""
        world = self.processes.shard.world
        return out_of_memory(self.recipe, self.memory, self.device, self.last_saved, world)

    def _note_saved(self, path: Path) -> None:
        self.saved = Saved(str(self.progress), path)
        self._saved_position = self.progress.position
        self._schedule.reset()

    def _write_files(self) -> None:
        for name, content in self.policy.files.items():
            write_atomic(self.run / name, content)
