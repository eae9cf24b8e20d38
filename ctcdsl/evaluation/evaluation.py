"""A network that is trained, evaluated by all processes together."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import torch
from torch import nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.distributed.processes import PeerLost, Processes
from ctcdsl.distributed.torchrun import join_processes
from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.evaluation.scores import Scores, merged
from ctcdsl.evaluation.tune import tune_evaluation
from ctcdsl.evaluation.views import Views
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.autotune import Fixed
from ctcdsl.execution.events import Callback, CallbackList
from ctcdsl.execution.interrupt import StopFlag, StopWatcher, interruptible
from ctcdsl.execution.memory_errors import oom_as_error, out_of_memory_in_test
from ctcdsl.execution.prepare import crop_of, find_device, fit_networks, open_split_of
from ctcdsl.execution.transfer import move_module
from ctcdsl.images.colour import Statistics, channel_notes, measure
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.sample import patches
from ctcdsl.images.split_choice import ChosenSplit, open_splits
from ctcdsl.images.split_names import Split
from ctcdsl.ir import Shape
from ctcdsl.recipe import Compile, Precision, Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import store
from ctcdsl.runs.checkpoint import Checkpoint
from ctcdsl.runs.identity import ModelIdentity, require_same_identity
from ctcdsl.runs.info import tested_on
from ctcdsl.runs.log import Row
from ctcdsl.runs.run import data_of, network_of
from ctcdsl.text import error
from ctcdsl.text.plural import plural
from ctcdsl.text.shell import command


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig:
    """What to evaluate on and how; where it says nothing, as the run was trained."""

    views: Views = 10
    split: Split | None = None
    """None: test, or val where there is no test."""
    device: str | torch.device = "auto"
    precision: Precision | None = None
    compile: Compile | None = None
    """None: not compiled."""
    batch: int | None = None
    """Views computed together."""
    workers: int | None = None
    prefix: bool = True
    """Whether the ten views share their first layers, where it changes no bit."""
    tune: bool = False

    def apply(self, recipe: Recipe) -> Recipe:
        """`recipe` computed so. Raises `UserError` CTC605 for a number out of its range."""
        return replace(
            recipe,
            precision=self.precision or recipe.precision,
            compile=self.compile or "off",
            batch=recipe.batch if self.batch is None else self.batch,
            workers=self.workers,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedNetwork:
    """A module, the network that it was generated from, and how its inputs are normalised."""

    module: nn.Module
    network: Network
    recipe: Recipe
    statistics: Statistics | None
    """None: the module takes uint8 pixels as they are."""
    source: Path | None = None
    """The run, checkpoint or file that it comes from."""

    @classmethod
    def load(cls, saved: Checkpoint, network: Network) -> Self:
        """The network of a checkpoint, with its weights."""
        module = build_module(network)
        checkpoints.restore_model(module, saved, saved.path)
        return cls(
            module=module,
            network=network,
            recipe=saved.recipe,
            statistics=saved.statistics,
            source=saved.run,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Scores, and what was evaluated."""

    scores: Scores
    network: Network
    images: ImageSet
    shorter: int
    """The shorter side that an image was scaled to."""
    facts: tuple[tuple[str, str], ...]
    """What a report says of it: names and values."""
    rows: tuple[Row, ...] = ()
    """The log of its training, where there is one."""
    rows_split: str = "test"
    """The split of the tests in `rows`."""


def evaluate_run(
    path: str | os.PathLike[str],
    config: EvaluationConfig,
    *,
    network: Network | None = None,
    data: str | os.PathLike[str] | None = None,
    callbacks: Iterable[Callback] = (),
) -> Evaluation:
    """Evaluate the newest checkpoint of a run, or the checkpoint at `path`.

    Args:
        path: The folder of a run or of a checkpoint.
        config: What to evaluate on and how.
        network: The network that the run must be of; its own unless given.
        data: The images; the run's own unless given.
        callbacks: What to call meanwhile.

    The main process alone reads the checkpoint, so all evaluate the same one, even of a run that
    continues; every process gets the scores of all images.

    Raises:
        UserError: CTC605 `config` has a number out of its range; CTC606, CTC607, CTC610 the
            checkpoint does not fit; CTC636 there is no such split; CTC603, CTC604 an image cannot
            be read; CTC617 torch.compile fails; CTC622 out of memory; CTC625 the run's images are
            not known or gone; CTC626 `path` holds several runs; CTC641 dense views are not
            possible; CTC662 another process is gone; CTC663 it was started otherwise.
        KeyboardInterrupt: A process was asked to stop; of several all leave.
    """
    with stoppable(callbacks) as (processes, callback, stop):

        def load() -> Checkpoint:
            saved = checkpoints.load(Path(path), warn=callback.on_warning)
            return replace(saved, optimizer={})  # not needed, and all processes get this

        device = processes.device(find_device(config.device))
        saved = processes.on_main(load)
        run, identity = store.run_of(Path(path)), saved.identity
        images_path = os.fspath(data) if data is not None else data_of(run, identity.classes)
        chosen = open_split_of(images_path, config.split, identity.classes, callback)
        network = network or network_of(identity, run)
        (network,) = fit_networks([network], Shape(*identity.input), len(identity.classes))
        for note in channel_notes(network.input.channels, chosen.images):
            callback.on_warning(note)
        own = ModelIdentity.of_network(network, identity.classes)
        require_same_identity(saved.identity, own, Path(path))
        processes.require_same(f"{own} {len(chosen.images)} {chosen.split} {config}")
        trained = TrainedNetwork.load(saved, network)
        scores = evaluate_trained(trained, chosen, config, device, callback, processes, stop)
    return Evaluation(
        scores=scores,
        network=network,
        images=chosen.images,
        shorter=saved.recipe.resize_for(crop_of(network)),
        facts=(("checkpoint", f"{saved.path}, {saved.progress}"), ("ctcdsl", saved.version)),
        rows=saved.rows,
        rows_split=tested_on(saved.run),
    )


def evaluate_module(
    module: nn.Module,
    network: Network,
    config: EvaluationConfig,
    *,
    data: str | os.PathLike[str] | None = None,
    classes: Sequence[str] | None = None,
    recipe: Recipe | None = None,
    statistics: Statistics | None = None,
    callbacks: Iterable[Callback] = (),
) -> Scores:
    """Evaluate a module; it ends up on the device, in evaluation mode only meanwhile.

    Args:
        module: What maps float32 (N, C, H, W) to logits (N, classes).
        network: The network that it was generated from, at the input that it takes.
        config: What to evaluate on and how.
        data: The images; the sample unless given.
        classes: What the module's outputs are; the classes of the training split unless given.
        recipe: Says scale and pixel divisor; the paper's unless given.
        statistics: Mean and colour axes; measured on the training split unless given.
        callbacks: What to call meanwhile.

    Raises:
        UserError: As `evaluate_run`; CTC612 the images have another number of classes.
    """
    recipe = recipe or Recipe()
    path = os.fspath(data) if data is not None else None
    with stoppable(callbacks) as (processes, callback, stop):
        device = processes.device(find_device(config.device))
        if classes is None or statistics is None:
            training = patches("train") if path is None else open_splits(Path(path)).train
        classes = tuple(classes if classes is not None else training.classes)
        if len(classes) != network.classes:
            raise error(
                "CTC612",
                f"the network has {plural(network.classes, 'output')},"
                f" the data {plural(len(classes), 'class')}",
                hint=(
                    f"write `classes {len(classes)}` in the spec",
                    "or name the class of each output: classes=[…]",
                ),
            )
        chosen = open_split_of(path, config.split, classes, callback)
        statistics = statistics or measure(
            training,
            recipe.statistics_sample,
            shorter=recipe.resize_for(crop_of(network)),
            channels=network.input.channels,
            progress=callback.on_statistics,
        )
        trained = TrainedNetwork(
            module=module, network=network, recipe=recipe, statistics=statistics
        )
        return evaluate_trained(trained, chosen, config, device, callback, processes, stop)


def evaluate_trained(
    trained: TrainedNetwork,
    chosen: ChosenSplit,
    config: EvaluationConfig,
    device: torch.device,
    callback: Callback,
    processes: Processes,
    stop: StopFlag,
) -> Scores:
    """The scores of all images, each process having evaluated its shard of them."""
    module, network, images = trained.module, trained.network, chosen.images
    move_module(module, device)
    recipe, prefix = config.apply(trained.recipe), config.prefix
    if config.tune and config.views == 10:
        fixed = Fixed(precision=config.precision, compile=config.compile)
        recipe, prefix = tune_evaluation(
            module, network, recipe, device, processes, fixed, prefix, callback
        )
    for note in _notes(config, recipe, trained.recipe):
        callback.on_note(note)
    fewer = str(max(1, recipe.batch // 2))
    hint = f"compute fewer together: --batch {fewer}"
    if trained.source is not None:
        hint = f"compute fewer together: {command('eval', trained.source, '--batch', fewer)}"

    def scores() -> Scores:
        explain = partial(out_of_memory_in_test, recipe.batch, device, hint)
        with oom_as_error(explain), steady_allocator(device):
            return evaluate(
                module,
                images,
                crop=crop_of(network),
                views=config.views,
                recipe=recipe,
                statistics=trained.statistics,
                callback=StopWatcher.of(callback, len(images), processes, stop),
                device=device,
                network=network if prefix or config.views == "dense" else None,
                shard=processes.shard,
            )

    total = merged(processes.gather(scores))
    if total.note:
        callback.on_note(total.note)
    return replace(total, name=network.name, split=chosen.split)


@contextmanager
def stoppable(
    callbacks: Iterable[Callback],
) -> Iterator[tuple[Processes, Callback, StopFlag]]:
    """The processes that work together, what they report to, and how they stop together."""
    with join_processes() as processes, interruptible() as stop:
        try:
            stop.deferred = processes.is_distributed
            try:
                yield processes, CallbackList(callbacks, is_main=processes.is_main), stop
            except PeerLost:
                if not stop.requested:  # else all were asked, and one was faster
                    raise
                raise KeyboardInterrupt from None
            stop.deferred = False
            if stop.requested:
                raise KeyboardInterrupt
        except KeyboardInterrupt as caught:
            traceback.clear_frames(caught.__traceback__)  # ends threads before signals count again
            raise


def _notes(config: EvaluationConfig, recipe: Recipe, trained: Recipe) -> Iterator[str]:
    """What of the configuration is not as the user may think."""
    if config.tune and config.views != 10:
        yield "--tune is for the test by 10 views; this one is computed as asked"
    if recipe.compile != "off" and config.views == "dense":
        yield "the dense test is not compiled: each size of image would be, for itself"
    if recipe.precision != trained.precision:
        yield f"computed in {recipe.precision}; the run was trained in {trained.precision}"
