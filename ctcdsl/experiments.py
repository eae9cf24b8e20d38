"""Train, evaluate, compare, sweep, score, time: the part of the library that needs torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ctcdsl.api import Net, load, load_all
from ctcdsl.arguments import at_least_one, latency_table, names, one_of
from ctcdsl.checking import Network
from ctcdsl.comparison.compare import compare_networks
from ctcdsl.comparison.results import Comparison
from ctcdsl.estimates.scores import SCORES, Score, score_network
from ctcdsl.evaluation.evaluation import EvaluationConfig, evaluate_module, evaluate_run
from ctcdsl.evaluation.scores import Scores
from ctcdsl.evaluation.views import Views
from ctcdsl.execution.autotune import Fixed
from ctcdsl.execution.events import Callback
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.exporters.evaluate import evaluate_exported
from ctcdsl.images.colour import Statistics
from ctcdsl.images.split_names import Split
from ctcdsl.loading import Input, parse_input
from ctcdsl.metrics.latency_table import LatencyTable
from ctcdsl.recipe import Compile, Precision, Recipe
from ctcdsl.runs.run import Run, name_of
from ctcdsl.sweeps.results import Sweep
from ctcdsl.sweeps.sweep import sweep_networks
from ctcdsl.text import error
from ctcdsl.text.packages import require_packages
from ctcdsl.timing.bench import BenchConfig, bench_networks
from ctcdsl.timing.results import Benchmark
from ctcdsl.timing.tasks import TITLES, Task
from ctcdsl.training.config import base_recipe, configure, parse_interval
from ctcdsl.training.train import run_training

__all__ = [
    "Benchmark",
    "Callback",
    "Comparison",
    "Interrupted",
    "Recipe",
    "Run",
    "Scores",
    "Sweep",
    "bench",
    "compare",
    "evaluate",
    "score",
    "sweep",
    "train",
]

Device = Literal["auto", "cpu", "cuda"]


def train(
    net: Net | None = None,
    data: str | os.PathLike[str] | None = None,
    *,
    recipe: Recipe | Literal["paper", "small"] | None = None,
    weights: Run | str | os.PathLike[str] | None = None,
    run: str | os.PathLike[str] | None = None,
    resume: bool | Literal["auto"] = False,
    callbacks: Iterable[Callback] = (),
    device: Device = "auto",
    input: Input | None = None,
    checkpoint_every: str | int = "10min",
    keep: int = 3,
    tune: bool = False,
    allow_changed_data: bool = False,
    **fields: Any,
) -> Run:
    """Train a network and return its run, as `ctcdsl train` does.

    Args:
        net: A network, a path, or a name. A resumed run has its own.
        data: A folder, tar shards or a pack of images. By default the photographs that come
            with ctcdsl, at a small input; a resumed run has its own.
        recipe: The base recipe: by default `paper`, or `small` without `data`.
        weights: What to start from: a run, its folder or name, or a file of weights. The trunk must
            be the same; the head gets new weights where it is another, as for other classes.
        run: The folder of the run; by default `runs/NAME`.
        resume: Continue the run from its newest checkpoint; `"auto"`: if there is one.
        callbacks: See `Callback`.
        device: `auto` is the GPU if there is one, else the CPU.
        input: An input that replaces the network's: `(3, 96, 96)`, `"3x96x96"` or 96.
        checkpoint_every: When to save within an epoch: `"10min"`, `"30s"`, or 500 steps.
        keep: Number of checkpoints to keep, besides the best.
        tune: First measure both precisions and torch.compile, and use the fastest.
        allow_changed_data: Resume with other images; the run records it.
        fields: Any field of `Recipe`: `epochs=3, batch=64, seed=1`; the schedule may be a text.
            `freeze=["conv1"]` and `lr_scale={"head": 10}` are for fine-tuning.

    Raises:
        SpecError: The network cannot be found, has errors, or does not fit the images.
        UserError: Images, recipe or run are wrong; `str()` shows where, and what to do.
        Interrupted: Ctrl-C or SIGTERM. The run is saved and can be resumed.
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
        weights=weights.folder if isinstance(weights, Run) else weights,
        fields=fields,
        device=device,
        every=parse_interval(checkpoint_every),
        keep=at_least_one("keep", keep),
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
    """Evaluate a run, an exported file or a module, by default with the paper's ten views.

    Args:
        run_or_module: A run, the folder of a run or of a checkpoint, a file of `export`, or a
            module that maps float32 (N, C, H, W) to logits (N, classes).
        data: A folder, tar shards or a pack; by default the run's own images, or the sample
            for a module. A file needs it.
        views: 1 is the centre, 10 the four corners and the centre with their mirror images,
            `"dense"` every position; softmax outputs are averaged.
        split: `"train"`, `"val"` or `"test"`; by default test, or val if there is no test.
        network: The module's network; for a run, the network it must be a run of.
        classes: The classes of a module's outputs; by default those of the training split.
        recipe: Scale and pixel divisor of a module's inputs; by default the paper's.
        statistics: Mean and colour axes of a module's inputs (`Run.statistics`); by default
            measured on the training split.
        batch: Views computed together; by default the recipe's batch.
        precision: `"float32"` or `"bf16"`; by default the recipe's.
        compile: `"on"` uses torch.compile, `"graphs"` also CUDA graphs; by default `"off"`.
        workers: Threads that read images.
        prefix: Compute layers that the ten views share once, where no bit changes.
        tune: First measure precisions, `compile` and `prefix`, and use the fastest.
        device: `auto` is the GPU if there is one, else the CPU.
        callbacks: See `Callback`.

    Raises:
        SpecError: The network cannot be found or has errors.
        TypeError: A module without its network, or a run with arguments for a module.
        UserError: Run, images or numbers are wrong; `str()` shows where, and what to do.
    """
    if views not in (1, 10, "dense") or views is True:
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
        if not isinstance(recipe, Recipe | None):
            raise TypeError("recipe is a ctcdsl.Recipe, such as Recipe.small() or Run.recipe")
        return evaluate_module(
            run_or_module,
            known,
            config,
            data=data,
            classes=None if classes is None else names("classes", classes),
            recipe=recipe,
            statistics=statistics,
            callbacks=callbacks,
        )
    if not (classes is None and recipe is None and statistics is None):
        raise TypeError("classes, recipe and statistics are for a module: a run has its own")
    path = run_or_module.folder if isinstance(run_or_module, Run) else run_or_module
    if not isinstance(path, (str, os.PathLike)):
        kind = type(path).__name__
        raise TypeError(f"evaluate takes a run, the folder of a run, or a module, not {kind}")
    if os.path.isfile(path):
        if known is not None:
            raise TypeError("an exported file has its own network")
        return evaluate_exported(path, config, data=data, callbacks=callbacks).scores
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

    Finished runs are not trained again: the same call continues after an interrupt. If a network
    fails, by a loss that is not finite or a lack of memory, the others continue, and
    `Comparison.failed` lists it.

    Args:
        nets: Networks, paths or names; costs are relative to the first.
        data: As for `train`.
        seeds: Number of trainings of each network: with `seed` and those after it.
        recipe: As for `train`.
        run: The folder of the comparison; its runs are in `NETWORK/seedN`.
        views: For the final evaluation: 10, or 1 for the centre.
        input: One input for all networks; for the sample by default the smallest square that
            all networks fit.
        device: `auto` is the GPU if there is one, else the CPU.
        callbacks: See `Callback`.
        fields: Any field of `Recipe`, the same for all networks.

    Raises:
        SpecError: A network cannot be found, has errors, or does not fit the images.
        UserError: As `train` and `evaluate`; CTC651 two networks have the same name; CTC652 a
            folder has another run.
        Interrupted: Ctrl-C or SIGTERM; the same call continues.
    """
    if isinstance(nets, (Network, str, os.PathLike)):
        raise TypeError("compare takes a list of networks")
    networks = [network for net in nets if (network := _network(net, None)) is not None]
    if not networks:
        raise TypeError("name at least one network")
    if views not in (1, 10) or views is True:
        raise error("CTC605", f"views is {views!r}", hint="it is 1 or 10")
    return compare_networks(
        networks,
        data=os.fspath(data) if data is not None else None,
        recipe=base_recipe(recipe, data).with_fields(fields),
        seeds=at_least_one("seeds", seeds),
        folder=Path(run),
        views=views,
        input=parse_input(input) if input is not None else None,
        device=device,
        callbacks=callbacks,
    )


def sweep(
    nets: Iterable[Net],
    data: str | os.PathLike[str] | None = None,
    *,
    rungs: Sequence[int] | None = None,
    unit: Literal["epochs", "steps"] = "epochs",
    eta: int = 3,
    recipe: Recipe | Literal["paper", "small"] | None = None,
    run: str | os.PathLike[str] = "sweep",
    storage: str | None = None,
    name: str = "sweep",
    input: Input | None = None,
    device: Device = "auto",
    callbacks: Iterable[Callback] = (),
    **fields: Any,
) -> Sweep:
    """Train designs by successive halving: the best share of each rung goes on to the next.

    Any number of processes may call this with the same arguments, on one machine or several: they
    share the designs, and each gets the same result. What is trained is not trained again; the
    same call continues after an interrupt.

    Args:
        nets: Networks, paths or names; costs are relative to the first.
        data: As for `train`.
        rungs: Epochs, or steps, after which designs are judged; by default as many rungs as leave
            two designs at least, the last at the end of the recipe.
        unit: What `rungs` are.
        eta: Of how many designs one goes on.
        recipe: As for `train`; its schedule is that of the last rung.
        run: The folder of the sweep; a design's run is in `DESIGN`. Machines that share it
            continue each other's runs, others train a design from its beginning.
        storage: Where the state is: the URL of a database, or a file `NAME.journal`; by default
            a database of SQLite in the folder.
        name: The name of the sweep in the storage.
        input: One input for all networks.
        device: `auto` is the GPU if there is one, else the CPU.
        callbacks: See `Callback`.
        fields: Any field of `Recipe`, the same for all designs.

    Raises:
        SpecError: A network cannot be found, has errors, or does not fit the images.
        UserError: As `train`; CTC615 Optuna is not installed; CTC651 two networks have the same
            name; CTC652 a folder has another run; CTC681 the storage cannot be used; CTC682 it
            has another sweep; CTC683 wrong rungs.
        Interrupted: Ctrl-C or SIGTERM; the same call continues.
    """
    require_packages("a sweep", "optuna", extra="sweep")
    if isinstance(nets, (Network, str, os.PathLike)):
        raise TypeError("sweep takes a list of networks")
    networks = [network for net in nets if (network := _network(net, None)) is not None]
    if not networks:
        raise TypeError("name at least one network")
    return sweep_networks(
        networks,
        data=os.fspath(data) if data is not None else None,
        recipe=base_recipe(recipe, data).with_fields(fields),
        rungs=rungs,
        unit=unit,
        eta=eta,
        folder=Path(run),
        storage=storage,
        name=name,
        input=parse_input(input) if input is not None else None,
        device=device,
        callbacks=callbacks,
    )


def bench(
    nets: Net | Iterable[Net],
    *,
    tasks: Sequence[Task] = ("forward", "train", "views"),
    batch: int | Sequence[int] = 1,
    runs: int = 7,
    threads: int = 1,
    layers: bool = False,
    precision: Precision = "float32",
    compile: Compile = "off",
    device: Literal["cpu", "cuda"] = "cpu",
    latency: LatencyTable | str | os.PathLike[str] | None = None,
) -> Benchmark:
    """Time networks on this device, as `ctcdsl bench` does.

    All are timed in turn on random images. One thread on a CPU is timed by its processor time,
    which stands still while other programs run; more threads, or a GPU, by the time that passes.

    Args:
        nets: A network, a path or a name, or several.
        tasks: A forward pass, a training step, a test with ten views.
        batch: Images at a time, or several such numbers.
        runs: How often everything is timed, after two runs that do not count.
        threads: Threads of a CPU.
        layers: Time each layer of the forward pass, too.
        precision: `"float32"` or `"bf16"`.
        compile: `"on"` uses torch.compile, `"graphs"` also CUDA graphs.
        device: Where to compute.
        latency: The table of this device, or its path: predicts forward passes beside.

    Raises:
        SpecError: A network cannot be found or has errors.
        UserError: CTC605 an argument is wrong; CTC616 there is no such device; CTC617
            torch.compile fails; CTC622 memory does not suffice; CTC736 a network has no such
            task; CTC731, CTC733, CTC734, CTC737 the table is wrong, or of something else.
    """
    listed = [nets] if isinstance(nets, (Network, str, os.PathLike)) else nets
    networks = [net if isinstance(net, Network) else load(net) for net in listed]
    if not networks:
        raise TypeError("name at least one network")
    batches = batch if isinstance(batch, Sequence) else (batch,)
    for task in names("tasks", tasks):
        if task not in TITLES:
            raise error("CTC605", f"there is no task {task!r}", hint=f"it is {', '.join(TITLES)}")
    config = BenchConfig(
        tasks=tuple(dict.fromkeys(tasks)),
        batches=tuple(dict.fromkeys(at_least_one("batch", number) for number in batches)),
        runs=at_least_one("runs", runs),
        threads=at_least_one("threads", threads),
        layers=layers,
        precision=precision,
        compile=compile,
        device=device,
        latency=None if latency is None else latency_table(latency),
    )
    return bench_networks(networks, config)


def score(net: Net, kind: Literal["naswot", "synflow"], *, seed: int = 0, draws: int = 3) -> Score:
    """Score a network that was not trained, on the CPU: a hint, and often a wrong one.

    `naswot` is the log-determinant of the kernel of a mini-batch's binary ReLU codes (Mellor et
    al. 2021), on 32 patches of the photographs that come with ctcdsl. `synflow` is the natural
    logarithm of the synaptic flow (Tanaka et al. 2020), in double precision and without norms.
    Of both, more is said to be better; both also rise with layers that make networks worse:
    docs/spaces.md has the table.

    Args:
        net: A network, or what `load` takes.
        kind: The score.
        seed: Of the first initialisation, and of its mini-batch.
        draws: The number of initialisations, with seeds one after another.

    Returns:
        `mean` and `deviation` over the initialisations.

    Raises:
        SpecError: The network cannot be found, or has errors.
        UserError: CTC605 there is no such score, or `draws` is not a whole number from 1 on;
            CTC741 the network has no such score, as without ReLUs.
    """
    network = net if isinstance(net, Network) else load(net)
    draws = at_least_one("draws", draws)
    return score_network(network, one_of("kind", kind, *SCORES), seed=seed, draws=draws)


def _network(net: Net | None, preferred: str | None) -> Network | None:
    """The network that `net` means; of several in a spec the one with the run's name."""
    if net is None or isinstance(net, Network):
        return net
    if preferred is not None:
        with suppress(StopIteration):
            return next(network for network in load_all(net) if network.name == preferred)
    return load(net)
