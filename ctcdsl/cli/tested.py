"""A saved network, tested by all processes together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ctcdsl.checking import Network
from ctcdsl.cli.inputs import checked_or_exit
from ctcdsl.cli.options import Values
from ctcdsl.cli.processes import Aside
from ctcdsl.cli.report import show
from ctcdsl.cli.saved import images_of, network_of, own_network, refuse_without_spec
from ctcdsl.cli.tuned import Given, tuned_testing
from ctcdsl.cli.workbench import crop_of, device_named, fitted, identity, open_tested
from ctcdsl.ir import Shape

if TYPE_CHECKING:
    import torch

    from ctcdsl.distributed.processes import Processes
    from ctcdsl.evaluation.scores import Scores
    from ctcdsl.evaluation.views import Views
    from ctcdsl.execution.events import Callback
    from ctcdsl.execution.interrupt import StopFlag
    from ctcdsl.images.image_set import ImageSet
    from ctcdsl.images.split_names import Split
    from ctcdsl.recipe import Compile, Precision, Recipe
    from ctcdsl.runs.checkpoint import Checkpoint
    from ctcdsl.text import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the test is carried out, where it is not as the run was trained.

    But nothing is compiled, and `threads.reading_threads` is asked, where this says nothing.
    """

    precision: Precision | None = None
    compile: Compile | None = None
    batch: int | None = None
    workers: int | None = None
    prefix: bool = True
    tune: bool = False

    def of(self, recipe: Recipe) -> Recipe:
        """`recipe` carried out so. Raises `UserError` CTC605 for a number out of its range."""
        return replace(
            recipe,
            precision=self.precision or recipe.precision,
            compile=self.compile or "off",
            batch=recipe.batch if self.batch is None else self.batch,
            workers=self.workers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A test and what was tested."""

    scores: Scores
    network: Network
    images: ImageSet
    split: Split
    """Which of the splits the images are."""
    saved: Checkpoint
    """Without the optimizer's state."""


def tested_by_all(
    spec: str | None,
    checkpoint: str,
    *,
    data: str | None,
    split: Split | None,
    views: Views,
    net: str | None,
    values: Values,
    manner: Manner,
    device: str,
    ranks: Processes,
    stop: StopFlag,
) -> Tested:
    """Load everything and test; every process gets the scores of the whole test.

    The leader alone reads the checkpoint, so all test the same one, even of a run that goes on.

    Raises:
        UserError: CTC605 `manner` has a number out of its range; CTC606, CTC607, CTC610 the
            checkpoint does not fit; CTC636 there is no such split; CTC603, CTC604 an image cannot
            be read; CTC617 torch.compile fails; CTC622 out of memory; CTC625 the run's images are
            not known or gone; CTC626 `checkpoint` holds several runs; CTC641 dense
            views cannot be had; CTC662 another process is gone; CTC663 it was started otherwise.
        KeyboardInterrupt: a process was asked to stop; of several all leave.
    """
    from ctcdsl.distributed.processes import PeerLost
    from ctcdsl.images.channels import channel_notes
    from ctcdsl.runs import checkpoint as checkpoints
    from ctcdsl.runs import manifest

    def loaded() -> Checkpoint:
        found = checkpoints.load(Path(checkpoint), warn=lambda diagnostic: show([diagnostic]))
        return replace(found, optimizer={})  # a test needs none, and all processes get this

    stop.deferred = ranks.is_distributed
    try:
        where = ranks.device(device_named(device))
        if spec is None:
            refuse_without_spec(net, values)
        named = checked_or_exit([spec], values=values) if spec is not None else []
        saved = ranks.by_leader(loaded)
        run, classes = manifest.run_of(Path(checkpoint)), saved.identity.classes
        network = (
            own_network(run, saved.identity)
            if spec is None
            else network_of(named, net, saved.identity, spec)
        )
        images, taken, _ = open_tested(images_of(run, data, classes), split, classes)
        architecture = fitted(
            network,
            input=Shape(*saved.identity.input),
            classes=len(classes),
            embedded=data is None,
        )
        show(channel_notes(architecture.input.channels, images))
        own = identity(architecture, classes)
        checkpoints.require_identity(saved, own, Path(checkpoint))
        ranks.require_same(f"{own} {len(images)} {taken} {views} {manner}")
        scores = _scores(architecture, saved, images, views, manner, where, ranks, stop)
    except PeerLost:
        if not stop.requested:  # else all were asked, and one was faster
            raise
        raise KeyboardInterrupt from None
    stop.deferred = False
    if stop.requested:
        raise KeyboardInterrupt
    return Tested(scores=scores, network=architecture, images=images, split=taken, saved=saved)


def _scores(
    network: Network,
    saved: Checkpoint,
    images: ImageSet,
    views: Views,
    manner: Manner,
    device: torch.device,
    ranks: Processes,
    stop: StopFlag,
) -> Scores:
    """Those of all images, each process having tested its share of them."""
    import torch

    from ctcdsl.cli.progress import Display
    from ctcdsl.codegen.load import build_module
    from ctcdsl.evaluation.evaluate import evaluate
    from ctcdsl.evaluation.scores import merged
    from ctcdsl.runs import checkpoint as checkpoints
    from ctcdsl.training.health import oom_as_error
    from ctcdsl.training.validation import StopWatcher

    module = build_module(network)
    checkpoints.restore_model(module, saved, saved.path)
    # torch's stubs know no overload with both
    module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    recipe, prefix = manner.of(saved.recipe), manner.prefix
    if manner.tune and views == 10:
        given = Given(manner.precision, manner.compile, prefix)
        recipe, prefix = tuned_testing(module, network, recipe, device, ranks, given)
    for note in _notes(manner, views, recipe, saved.recipe):
        click.echo(f"note: {note}", err=True)
    with ExitStack() as opened:
        display: Callback = opened.enter_context(Display()) if ranks.is_main else Aside()

        def tested() -> Scores:
            with oom_as_error(partial(_no_memory, recipe, device)):
                return evaluate(
                    module,
                    images,
                    crop=crop_of(network),
                    views=views,
                    recipe=recipe,
                    statistics=saved.statistics,
                    reporter=StopWatcher(display, len(images), ranks, stop)
                    if ranks.is_distributed
                    else display,
                    device=device,
                    network=network if prefix or views == "dense" else None,
                    share=ranks.shard,
                )

        return merged(ranks.gather(tested))


def _notes(manner: Manner, views: Views, recipe: Recipe, trained: Recipe) -> Iterator[str]:
    """What of the manner is not as the user may think."""
    if manner.tune and views != 10:
        yield "--tune is for the test by 10 views; this one is computed as asked"
    if recipe.compile != "off" and views == "dense":
        yield "the dense test is not compiled: each size of image would be, for itself"
    if recipe.precision != trained.precision:
        yield f"computed in {recipe.precision}; the run was trained in {trained.precision}"


def _no_memory(recipe: Recipe, device: torch.device) -> UserError:
    from ctcdsl.training.health import out_of_memory_in_test

    fewer = f"compute fewer together: --batch {max(1, recipe.batch // 2)}"
    return out_of_memory_in_test(recipe.batch, device, fewer)
