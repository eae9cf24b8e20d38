"""A run from its configuration to its last checkpoint: images, the network that fits, training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.distributed.processes import Processes
from ctcdsl.distributed.torchrun import join_processes
from ctcdsl.execution.autotune import ExecutionConfig
from ctcdsl.execution.events import Callback, CallbackList
from ctcdsl.execution.prepare import (
    Data,
    crop_of,
    find_device,
    fit_networks,
    open_data,
    report_channels,
    sample_input,
)
from ctcdsl.images.fingerprint import ImageRecord
from ctcdsl.metrics.peaks import training_peaks
from ctcdsl.runs.identity import ModelIdentity, require_same_classes
from ctcdsl.runs.run import Run
from ctcdsl.text.plural import plural
from ctcdsl.text.shell import command
from ctcdsl.training.checks import require_unused
from ctcdsl.training.config import RunConfig
from ctcdsl.training.loop import train
from ctcdsl.training.session import checkpoint_policy
from ctcdsl.training.tune import tune_training


def run_training(config: RunConfig, callbacks: Iterable[Callback] = ()) -> Run:
    """Train by `config`, together with the processes that torchrun has started, if any.

    Raises `UserError` and `Interrupted` as `loop.train`, and where data or network do not fit.
    """
    with join_processes() as processes:
        callback = CallbackList(callbacks, is_main=processes.is_main)
        device = processes.device(find_device(config.device))
        data = open_data(config.data, callback)
        if config.resumed is not None and config.resumed.classes is not None:
            require_same_classes(config.resumed.classes, data.classes, config.run)
        input = config.input
        if input is None and data.path is None:
            input = sample_input([config.network])
        (network,) = fit_networks([config.network], input, len(data.classes))
        _note_changes(config, network, data, callback)
        callback.on_run_opened(network, config.run)
        report_channels([network], data, callback)
        config = _tuned(config, network, device, processes, callback)
        if config.resumed is None:
            require_unused(config.run)  # before all images are read
        images = data.fingerprint(config.recipe.workers, callback, processes)
        return train_network(config, network, data, images, device, callback, processes)


def train_network(
    config: RunConfig,
    network: Network,
    data: Data,
    images: tuple[ImageRecord, ...],
    device: torch.device,
    callback: Callback,
    processes: Processes,
) -> Run:
    """Train `network`, which fits `data`, whose `images` are listed. Raises as `loop.train`."""
    recipe = config.recipe
    world = processes.shard.world
    module = build_module(network)
    initial, statistics = None, None
    if config.initial is not None and config.resumed is None:
        initial, notes = config.initial.fit(module, network, recipe)
        statistics = config.initial.statistics
        for note in notes:
            callback.on_note(note)
    try:
        train(
            module,
            data.splits.train,
            data.splits.test,
            recipe,
            crop=crop_of(network),
            run=config.run,
            identity=ModelIdentity.of_network(network, data.classes),
            callback=callback,
            resume=config.resumed is not None,
            device=device,
            initial=initial,
            statistics=statistics,
            policy=checkpoint_policy(config, network, images, device, world, callback),
            memory=training_peaks(network, recipe.precision, pixel_bytes=_pixel_bytes(network)),
            processes=processes,
            tested_on=data.splits.tested_on,
            until=config.until,
        )
        processes.barrier()  # the others read what the main process has written
    finally:
        callback.on_training_end()
    return Run(config.run)


def _pixel_bytes(network: Network) -> int:
    """What an image takes as it comes from the data set: red, green and blue in a byte each."""
    return 3 * network.input.height * network.input.width


def _tuned(
    config: RunConfig,
    network: Network,
    device: torch.device,
    processes: Processes,
    callback: Callback,
) -> RunConfig:
    """The configuration that was found to be fastest; a run that is resumed keeps its own."""
    if config.tune is None:
        return config
    if config.resumed is not None:
        own = ExecutionConfig.of(config.recipe)
        callback.on_note(f"--tune is for runs that begin; the run keeps its own: {own}")
        return config
    model = build_module(network)
    recipe = tune_training(model, network, config.recipe, device, processes, config.tune, callback)
    return replace(config, recipe=recipe)


def _note_changes(config: RunConfig, network: Network, data: Data, callback: Callback) -> None:
    """What of the network and the data is not as the user may think."""
    before = config.network
    if data.path is None:
        callback.on_note(
            "the embedded photographs: a class is a photograph, to be recognised from a patch of"
            " its other side. --data DIR trains on your own images."
        )
    if network.input != before.input:
        callback.on_note(
            f"trained at {network.input}, not the spec's {before.input};"
            f" --input {before.input} for the full size"
        )
    if network.classes != before.classes:
        callback.on_note(
            f"{plural(network.classes, 'class')} as in the data, not the spec's {before.classes}"
        )
    last = config.recipe.last_epoch
    if config.resumed is not None and config.resumed.position[0] >= last and not config.until:
        further = command("train", "--run", config.run, "--resume", "--epochs", str(last + 1))
        callback.on_note(f"the run is complete; to train further: {further}")
