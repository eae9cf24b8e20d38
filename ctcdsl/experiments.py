"""Train, evaluate and compare networks: the part of the library that needs torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ctcdsl.api import load, load_all
from ctcdsl.checking import Network
from ctcdsl.comparison.compare import compare_networks
from ctcdsl.comparison.results import Comparison
from ctcdsl.evaluation.evaluation import EvaluationConfig, evaluate_module, evaluate_run
from ctcdsl.evaluation.scores import Scores
from ctcdsl.evaluation.views import Views
from ctcdsl.execution.autotune import Fixed
from ctcdsl.execution.events import Callback
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.images.colour import Statistics
from ctcdsl.images.split_names import Split
from ctcdsl.loading import Input, parse_input
from ctcdsl.recipe import Compile, Precision, Recipe
from ctcdsl.runs.run import Run, name_of
from ctcdsl.text import error
from ctcdsl.training.config import base_recipe, configure, parse_interval
from ctcdsl.training.train import run_training

__all__ = [
    "Callback",
    "Comparison",
    "Interrupted",
    "Recipe",
    "Run",
    "Scores",
    "compare",
    "evaluate",
    "train",
]

Net = Network | str | os.PathLike[str]
"""A network, or what `load` takes: a path, or the name of a built-in network."""
Device = Literal["auto", "cpu", "cuda"]


def train(
    net: Net | None = None,
    data: str | os.PathLike[str] | None = None,
    *,
    recipe: Recipe | Literal["paper", "small"] | None = None,
    run: str | os.PathLike[str] | None = None,
    resume: bool | Literal["auto"] = False,
    callbacks: Iterable[Callback] = (),
    device: Device = "auto",
    input: Input | None = None,
    checkpoint_every: str = "10min",
    keep: int = 3,
    tune: bool = False,
    allow_changed_data: bool = False,
    **fields: Any,
) -> Run:
    """Train a network and return its run: the same that `ctcdsl train` makes.

    Args:
        net: A network, a path, or a name. A run that is resumed has its own.
        data: A folder, tar shards or a pack of images. Without it the photographs that come
            with ctcdsl are used, at a small input; a run that is resumed has its own.
        recipe: Where the numbers start from: `paper`, or `small` where there is no `data`.
        run: The folder of the run; `runs/NAME` unless given.
        resume: Continue the run from its newest checkpoint; `"auto"`: if there is one.
        callbacks: What to call as it trains; see `Callback`.
        device: `auto` is the GPU where there is one.
        input: An input that replaces the network's: `(3, 96, 96)`, `"3x96x96"` or 96.
        checkpoint_every: When to save inside an epoch: `"10min"`, `"30s"`, or `"500"` steps.
        keep: Checkpoints that stay, besides the best.
        tune: Time both precisions and torch.compile first, and take the fastest.
        allow_changed_data: Resume with other images; the run records it.
        fields: Any field of `Recipe`: `epochs=3, batch=64, seed=1`; the schedule may be a text.

    Raises:
        SpecError: The network cannot be found, has errors, or does not fit the images.
        UserError: Images, recipe or run are wrong; `str()` says where, and what to do.
        Interrupted: Ctrl-C or SIGTERM; the run is saved, and can be resumed.
    """
    shape = parse_input(input) if input is not None else None
    fixed = Fixed(precision=fields.get("precision"), compile=fields.get("compile"))
    network = _network(net, name_of(Path(run)) if run is not None and resume else None)
    config = configure(
        network,
        data=data,
        recipe=recipe,
        run=run,
        resume=resume,
        input=shape,
        fields=fields,
        device=device,
        every=parse_interval(checkpoint_every),
        keep=_at_least_one("keep", keep),
        tune=fixed if tune else None,
        allow_changed_data=allow_changed_data,
    )
    return run_training(config, callbacks)


def evaluate(
    run_or_module: Run | str | os.PathLike[str] | nn.Module,
    data: str | os.PathLike[str] | None = None,
    *,
    views: Views = 10,
    split: Split | None = None,
    network: Net | None = None,
    classes: Sequence[str] | None = None,
    recipe: Recipe | None = None,
    statistics: Statistics | None = None,
    batch: int | None = None,
    precision: Precision | None = None,
    compile: Compile | None = None,
    workers: int | None = None,
    prefix: bool = True,
    tune: bool = False,
    device: Device = "auto",
    callbacks: Iterable[Callback] = (),
) -> Scores:
    """Evaluate a run or a module on images, by the paper's ten views unless told otherwise.

    Args:
        run_or_module: A run, the folder of a run or of a checkpoint, or a module that maps
            float32 (N, C, H, W) to logits (N, classes).
        data: A folder, tar shards or a pack; the run's own images, or the sample for a module.
        views: 1 is the centre, 10 the four corners and the centre and their mirror images,
            `"dense"` every place; softmax outputs are averaged.
        split: `"train"`, `"val"` or `"test"`; test unless given, or val where there is no test.
        network: What the module was generated from; for a run, what it must be a run of.
        classes: What a module's outputs are; those of the training split unless given.
        recipe: Scale and pixel divisor of a module's inputs; the paper's unless given.
        statistics: Mean and colour axes of a module's inputs (`Run.statistics`); measured on
            the training split unless given.
        batch: Views computed together; the recipe's batch unless given.
        precision: `"float32"` or `"bf16"`; the recipe's unless given.
        compile: `"on"` uses torch.compile, `"graphs"` CUDA graphs, too; `"off"` unless given.
        workers: Threads that read images.
        prefix: Compute layers that the ten views share once an image, where no bit changes.
        tune: Time precisions, `compile` and `prefix` on ten views, and take the fastest.
        device: `auto` is the GPU where there is one.
        callbacks: What to call meanwhile; see `Callback`.

    Raises:
        SpecError: The network cannot be found or has errors.
        TypeError: A module without its network, or a run with what only a module needs.
        UserError: Run, images or numbers are wrong; `str()` says where, and what to do.
    """
    if views not in (1, 10, "dense"):
        raise error("CTC605", f"views is {views!r}", hint="it is 1, 10 or 'dense'")
    config = EvaluationConfig(
        views=views,
        split=split,
        device=device,
        precision=precision,
        compile=compile,
        batch=batch,
        workers=workers,
        prefix=prefix,
        tune=tune,
    )
    known = _network(network, None)
    if isinstance(run_or_module, nn.Module):
        if known is None:
            raise TypeError("a module is evaluated with the network that it was generated from")
        return evaluate_module(
            run_or_module,
            known,
            config,
            data=data,
            classes=classes,
            recipe=recipe,
            statistics=statistics,
            callbacks=callbacks,
        )
    if not (classes is None and recipe is None and statistics is None):
        raise TypeError("classes, recipe and statistics are for a module: a run has its own")
    path = run_or_module.folder if isinstance(run_or_module, Run) else run_or_module
    return evaluate_run(path, config, network=known, data=data, callbacks=callbacks).scores


def compare(
    nets: Iterable[Net],
    data: str | os.PathLike[str] | None = None,
    *,
    seeds: int = 3,
    recipe: Recipe | Literal["paper", "small"] | None = None,
    run: str | os.PathLike[str] = "compare",
    views: Literal[1, 10] = 10,
    input: Input | None = None,
    device: Device = "auto",
    callbacks: Iterable[Callback] = (),
    **fields: Any,
) -> Comparison:
    """Train several networks by one recipe with several seeds each, and compare their errors.

    What is trained is not trained again: the same call continues where it was interrupted. A
    network that fails, by a loss that is not finite or a lack of memory, does not stop the others:
    `Comparison.failed` has it.

    Args:
        nets: Networks, paths or names; the first is what costs are relative to.
        data: As for `train`.
        seeds: Trainings of each network: with `seed` and those after it.
        recipe: As for `train`.
        run: The folder of the runs, which go to `NETWORK/seedN` in it.
        views: Of the final evaluation: 10, or 1 for the centre.
        input: One input for all networks; of the sample the smallest square that all fit.
        device: `auto` is the GPU where there is one.
        callbacks: What to call meanwhile; see `Callback`.
        fields: Any field of `Recipe`, the same for all networks.

    Raises:
        SpecError: A network cannot be found, has errors, or does not fit the images.
        UserError: As `train` and `evaluate`; CTC651 two networks have one name; CTC652 a folder
            holds another run.
        Interrupted: Ctrl-C or SIGTERM; the same call continues.
    """
    networks = [network for net in nets if (network := _network(net, None)) is not None]
    if not networks:
        raise TypeError("name at least one network")
    if views not in (1, 10):
        raise error("CTC605", f"views is {views!r}", hint="it is 1 or 10")
    return compare_networks(
        networks,
        data=os.fspath(data) if data is not None else None,
        recipe=base_recipe(recipe, data).with_fields(fields),
        seeds=_at_least_one("seeds", seeds),
        folder=Path(run),
        views=views,
        input=parse_input(input) if input is not None else None,
        device=device,
        callbacks=callbacks,
    )


def _network(net: Net | None, preferred: str | None) -> Network | None:
    """The network that `net` means; of several in a spec the one with the run's name."""
    if net is None or isinstance(net, Network):
        return net
    if preferred is not None:
        with suppress(StopIteration):
            return next(network for network in load_all(net) if network.name == preferred)
    return load(net)


def _at_least_one(name: str, number: int) -> int:
    if not isinstance(number, int) or number < 1:
        raise error("CTC605", f"{name} is {number!r}", hint="it is a whole number from 1 on")
    return number
