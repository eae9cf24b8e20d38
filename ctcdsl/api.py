"""What `import ctcdsl` offers: load, check, cost, memory, rewrite, generate, build.

Every command of the command line parses options, calls one of these and prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from warnings import warn

from ctcdsl import arguments
from ctcdsl.checking import Network, Report, infer_shapes
from ctcdsl.elaborate.drafts import is_network_name
from ctcdsl.ir import replace
from ctcdsl.loading import Input, Spec, check_spec, parse_input, select
from ctcdsl.metrics.complexity import Cost, network_cost
from ctcdsl.metrics.workload import VALUE_BYTES
from ctcdsl.text import (
    Diagnostic,
    Severity,
    Source,
    SpecError,
    SpecWarning,
    UserError,
    error,
)
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ctcdsl.budgets import Budget
    from ctcdsl.estimates.surrogate import Surrogate
    from ctcdsl.metrics.difference import Difference
    from ctcdsl.metrics.latency_table import LatencyTable
    from ctcdsl.metrics.memory import Memory
    from ctcdsl.passes import Pass, Step
    from ctcdsl.passes.explanation import Explanation
    from ctcdsl.passes.weights import TransferredWeights
    from ctcdsl.reporting.page import Page
    from ctcdsl.spaces.search import Search

__all__ = [
    "Budget",
    "Cost",
    "Diagnostic",
    "Difference",
    "Explanation",
    "Memory",
    "Network",
    "Page",
    "Report",
    "Rewrite",
    "SpecError",
    "SpecWarning",
    "UserError",
    "build",
    "check",
    "cost",
    "diff",
    "explain_design",
    "fit_results",
    "generate",
    "load",
    "load_all",
    "loads",
    "memory",
    "report",
    "rewrite",
    "search",
]


_MODULES = {  # of classes that not every command needs
    "Budget": "ctcdsl.budgets",
    "Difference": "ctcdsl.metrics.difference",
    "Explanation": "ctcdsl.passes.explanation",
    "Memory": "ctcdsl.metrics.memory",
    "Page": "ctcdsl.reporting.page",
}


def __getattr__(name: str) -> object:
    """A class of another module, when it is asked for: `cost` answers at once without them."""
    if name not in _MODULES:
        message = f"module 'ctcdsl.api' has no attribute '{name}'"
        raise AttributeError(message)
    return getattr(import_module(_MODULES[name]), name)


Net = Network | str | os.PathLike[str]
"""A network, or what `load` takes: a path, or the name of a built-in network."""


class Rewrite(NamedTuple):
    """The result of a rewrite.

    `steps` are the passes with the network before and after each, `text` is the spec of
    `network` with its author's comments and layout. If weights were given, `weights` are its
    tensors, and `transfer` reports how exact each step was.
    """

    network: Network
    steps: tuple[Step, ...]
    text: str
    transfer: TransferredWeights | None = None

    @property
    def weights(self) -> dict[str, Tensor] | None:
        """The tensors of `network`, as its generated module names them."""
        return None if self.transfer is None else self.transfer.state

    def __repr__(self) -> str:
        names = ", ".join(step.applied.name for step in self.steps)
        return f"<Rewrite of {self.steps[0].before.name} by {names}: {self.network!r}>"


def load(
    path_or_name: str | os.PathLike[str],
    *,
    input: Input | None = None,
    params: Mapping[str, float | str] | None = None,
    name: str | None = None,
) -> Network:
    """Load a network from a spec file, or a built-in network by its name.

    Args:
        path_or_name: A path (an `os.PathLike`, or a str with a separator or the suffix
            `.ctc`), else a name: NAME.ctc in the current folder, else a built-in network.
        input: An input that replaces the spec's.
        params: Values that replace those of the spec's `let`s: `{"w": 64}`, `{"w": "3/4"}`.
        name: Which network, if the spec has several.

    Raises:
        SpecError: The spec cannot be found or read, or has errors.

    Warns:
        SpecWarning: What a spec says is doubtful, as `input 224x224x3`; or a file of the current
            folder has the name of a built-in network, and was loaded in its place.

    Examples:
        >>> load("resnet50").params
        25557032
    """
    networks = _checked(path_or_name, input, params)
    return select(networks, name, os.fspath(path_or_name))


def load_all(
    path: str | os.PathLike[str],
    *,
    input: Input | None = None,
    params: Mapping[str, float | str] | None = None,
) -> list[Network]:
    """Load every network of a spec: the rows of a table, or each `net`.

    Raises:
        SpecError: The spec cannot be found or read, or has errors.

    Examples:
        >>> [net.name for net in load_all("table2")]
        ["B'", "D'", "E'", "J'"]
    """
    return list(_checked(path, input, params))


def loads(
    text: str,
    *,
    input: Input | None = None,
    params: Mapping[str, float | str] | None = None,
    name: str | None = None,
) -> Network:
    """Load a network from the text of a spec.

    Raises:
        SpecError: The text has errors; `str()` shows them with their places.

    Examples:
        >>> loads("(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6").macs
        846271168
    """
    source = arguments.spec_text(text)
    return select(_checked(source, input, params), name, source.name)


def check(
    text_or_path: str | os.PathLike[str],
    *,
    budget: Budget | Mapping[str, str | int] | str | os.PathLike[str] | None = None,
) -> Report:
    """Check a spec: a str is its text, an `os.PathLike` its file. Never raises for wrong input.

    Args:
        text_or_path: The text of a spec, or the path of one.
        budget: What its networks may cost: the path of a TOML file, or a dict with the same keys.
            A network that exceeds it is an error, CTC711.

    Raises:
        UserError: The budget is wrong: `Budget.read` says how.

    Examples:
        >>> report = check("(7,64)/2 3/3 (5,128")
        >>> report.ok
        False
        >>> check("(3,64)/2 gap fc", budget={"params": "<=60k"}).errors[0].code
        'CTC711'
    """
    bounds = None if budget is None else arguments.budget(budget)
    try:
        report = check_spec(
            arguments.spec_text(text_or_path) if isinstance(text_or_path, str) else text_or_path
        )
    except SpecError as failure:
        return Report((), failure.diagnostics)
    if bounds is None:
        return report
    verdicts = [bounds.judge(network) for network in report.networks]
    doubts = bounds.doubts(judged[0].cost for judged in verdicts)
    failures = (verdict.failure for judged in verdicts for verdict in judged if not verdict.ok)
    return report._replace(diagnostics=(*report.diagnostics, *doubts, *failures))


def cost(
    net: Net,
    *,
    batch: int | None = None,
    precision: str = "float32",
    latency: LatencyTable | str | os.PathLike[str] | None = None,
) -> Cost:
    """Count a network: MACs by Eqn. 1 of He & Sun 2015, parameters, bytes, receptive fields.

    Args:
        net: A network, or what `load` takes.
        batch: The number of images that are counted: by default 1, or those of `latency`.
        precision: Of the maps, for bytes: `float32` or `bf16`; parameters are float32.
        latency: The table of a device, or its path, for times: `Cost.latency` in seconds.

    Raises:
        SpecError: The network cannot be found, or has errors.
        UserError: CTC605 `batch` is not a whole number from 1 on, or the precision is unknown;
            CTC731 `latency` is not a table, CTC732 it is of another batch or precision, CTC733 it
            predicts too badly, CTC734 it has no times of an operation.

    Examples:
        >>> cost("J'").relative_to(cost("A"))
        0.97853...
    """
    table = None if latency is None else arguments.latency_table(latency)
    if batch is None:
        batch = 1 if table is None else table.batch
    counted = network_cost(
        _as_network(net),
        batch=arguments.at_least_one("batch", batch),
        precision=arguments.one_of("precision", precision, *VALUE_BYTES),
        latencies=table,
    )
    if table is not None:
        _ = counted.latency  # wrong arguments are errors here, not when it is read
    return counted


def diff(before: Net, after: Net, *, names: tuple[str, str] | None = None) -> Difference:
    """Compare two networks layer by layer: what changed, and what it costs.

    Args:
        before: A network, or what `load` takes.
        after: The same.
        names: What to call the two; by default their own names.

    Raises:
        SpecError: A network cannot be found, or has errors.

    Examples:
        >>> diff("A", "B")
        <Difference of A and B: layers 10 same, 3 changed, 3 added>
    """
    from ctcdsl.metrics.difference import Difference

    one, other = (network_cost(_as_network(net)) for net in (before, after))
    return Difference(one, other, names)


def memory(
    net: Net, *, batch: int = 1, precision: str = "float32", optimizer: str = "sgd"
) -> Memory:
    """The memory that training and inference take, in bytes, before anything is allocated.

    Args:
        net: A network, or what `load` takes.
        batch: The number of images at once.
        precision: `float32`, or `bf16` under autocast, on weights in float32.
        optimizer: `sgd`, with momentum, or `adamw`.

    Raises:
        SpecError: The network cannot be found, or has errors.
        UserError: CTC605 `batch` is not a whole number from 1 on; another precision or optimizer.

    Examples:
        >>> memory("resnet50", batch=8).training.peak
        947358672
        >>> memory("resnet50").largest_batch(6 * 10**9)
        66
    """
    from ctcdsl.metrics.memory import network_memory

    return network_memory(
        _as_network(net),
        arguments.at_least_one("batch", batch),
        precision=arguments.one_of("precision", precision, "float32", "bf16"),
        optimizer=arguments.one_of("optimizer", optimizer, "sgd", "adamw"),
    )


def rewrite(
    net: Net,
    *passes: Pass | str,
    name: str | None = None,
    within: tuple[float, float] | None = None,
    frozen: Sequence[str] = (),
    multiple: int = 1,
    weights: Mapping[str, Tensor] | str | os.PathLike[str] | None = None,
) -> Rewrite:
    """Rewrite a network by passes, and verify what each preserves.

    Args:
        net: A network, or what `load` takes.
        passes: As on the command line, `"depth-for-size:stage=3,to=2"`, or objects.
        name: The new network's name; by default the old one.
        within: The allowed change of the MACs, as shares: `(-0.07, 0.03)`.
        frozen: Parts that no pass may change: `stage-outputs`, `first-layer`, `input`, `head`.
        multiple: Every width that a pass sets must be a multiple of this.
        weights: Tensors of `net` to transfer: a state dict, a file of one, or a run.

    Raises:
        SpecError: A pass is unknown, does not apply, or breaks its guarantee; the
            weights are for another network, cannot be read, or are not finite.
        ValueError: `name`, `within` or a part of `frozen` is not valid, or there is no pass.
        UserError: CTC605 `multiple` is not a whole number from 1 on.

    Examples:
        >>> rewrite("A", "depth-for-size:stage=3,to=2").network.macs == load("B").macs
        True
    """
    from ctcdsl.passes import require_within, run_passes
    from ctcdsl.passes.registry import create, registered
    from ctcdsl.passes.update_source import update_source

    arguments.require_passes(passes)
    if name is not None and not (isinstance(name, str) and is_network_name(name)):
        raise ValueError(f"{name!r} is not a name for a network")
    frozen_parts = arguments.frozen_parts(frozen)
    interval = None if within is None else arguments.interval(within)
    multiple = arguments.at_least_one("multiple", multiple)
    start = _as_network(net)
    known = registered()
    chain = [create(item, known) if isinstance(item, str) else item for item in passes]
    if weights is not None:
        require_packages("a transfer of weights", "torch", "safetensors")
        from ctcdsl.passes.weights import require_transfer

        require_transfer(chain)
    steps = tuple(run_passes(start, chain, frozen=frozen_parts, multiple=multiple))
    end = steps[-1].after
    if interval is not None:
        require_within(interval, start, end)
    after = replace(end.architecture, name=name or end.name)
    architecture = update_source(start.architecture, after)
    text = architecture.origin.source.text
    if weights is None:
        return Rewrite(Network(after, end.nodes), steps, text)
    from ctcdsl.passes.weights import transfer_state

    (network,) = infer_shapes(architecture).networks
    file = "weights" if isinstance(weights, Mapping) else os.fspath(weights)
    return Rewrite(
        network, steps, text, transfer_state(steps, network, arguments.tensors(weights), file)
    )


def explain_design(net: Net, base: Net, *, max_steps: int = 6) -> Explanation:
    """Explain a design by a shortest chain of passes from a baseline to it.

    Each length is tried before the next; networks that differ in names alone count as one. Where
    there are too many networks of a length, those nearest to the design go on, and `shortest` is
    False. Where none is the design, `exact` is False: the chain ends near it, and `remaining`
    compares that end with the design.

    Args:
        net: The design: a network, or what `load` takes.
        base: The baseline, the same.
        max_steps: The passes of the longest chain that is tried.

    Raises:
        SpecError: A network cannot be found, or has errors.
        UserError: CTC605 `max_steps` is not a whole number from 1 on.

    Examples:
        >>> explain_design("E", "A").passes
        ('depth-for-size:stage=3,to=2', 'depth-for-size:stage=2,to=2')
    """
    from ctcdsl.passes.explanation import explain

    steps = arguments.at_least_one("max_steps", max_steps)
    return explain(_as_network(net), _as_network(base), steps)


def report(
    nets: Iterable[Net],
    *,
    results: str | os.PathLike[str] | None = None,
    metrics: Sequence[str] | None = None,
    batch: int = 8,
    latency: LatencyTable | str | os.PathLike[str] | None = None,
) -> Page:
    """Report networks side by side: one page of HTML, which needs no network.

    Args:
        nets: Networks, paths or names; complexity is relative to the first.
        results: A table of their errors in CSV, as `compare --format csv` writes it, for the
            picture of complexity against error.
        metrics: Names of what the page shows, as `--metrics` takes them.
        batch: The images of a training step, for memory over time.
        latency: The table of a device, or its path, for the time of a forward pass and a roofline.

    Raises:
        SpecError: A network cannot be found, or has errors.
        UserError: CTC605 there is no network, or `batch` is not a whole number from 1 on; CTC701
            there is no such metric; CTC731 to CTC734 of `latency`, as `cost` says; CTC751 the
            results cannot be read; CTC752 their names are not the networks'.

    Warns:
        SpecWarning: The results have a network that the report lacks, or the reverse.

    Examples:
        >>> report(["A", "B"])
        <Page A, B: ...>
    """
    from ctcdsl.metrics.catalog import find_metrics
    from ctcdsl.reporting.build import build_page

    if isinstance(nets, (Network, str, os.PathLike)):
        raise TypeError("report takes a list of networks")
    networks = [_as_network(net) for net in nets]
    if not networks:
        raise error("CTC605", "there is no network to report", hint="give one at least")
    chosen = None if metrics is None else find_metrics(metrics)
    batch = arguments.at_least_one("batch", batch)
    table = None if latency is None else arguments.latency_table(latency)
    page = build_page(networks, results=results, metrics=chosen, batch=batch, latencies=table)
    for diagnostic in page.warnings:
        warn(SpecWarning(str(diagnostic)), stacklevel=2)
    return page


def search(
    spec: Spec,
    *,
    budget: Budget | Mapping[str, str | int] | str | os.PathLike[str] | None = None,
    input: Input | None = None,
    params: Mapping[str, float | str] | None = None,
    name: str | None = None,
    rank: Sequence[str] = (),
    min_width: int = 16,
    max_depth: int | None = 16,
    chains: bool = False,
    surrogate: Surrogate | None = None,
) -> Search:
    r"""Search a space: every network of a spec with choices that keeps to a budget.

    Args:
        spec: A path or a name, as `load` takes it, or a `Source` with the text of a spec.
        budget: What a network may cost: the path of a TOML file, or a dict with the same keys.
        input: An input that replaces the spec's.
        params: What `let`s have instead: a number, or a text, `"32 | 64"`, `"16..96 by 8"`.
        name: Which network, if the spec has several.
        rank: What the front compares: names of metrics, more of which is better after a `+`.
            By default `+depth`, memory and `params`.
        min_width: The least filters of a convolution on the front.
        max_depth: The most layers of a network without shortcuts on the front, where the budget
            does not say; None for any.
        chains: Whether the front has 1x1 convolutions one after another.
        surrogate: What `fit_results` gives: with it `rank` may have `predicted`, the error.

    Returns:
        `total` and `count` are numbers of networks, in the space and within the budget;
        `front` the networks that no other beats, `best(k)` the best by the first of `rank`,
        `designs()` all of them, one after another. Everything is computed when it is
        asked for.

    Raises:
        SpecError: The spec cannot be found, or has errors.
        UserError: The budget is wrong; CTC721 no network keeps to its spec's `where`s, CTC722 there
            are too many to look at each.

    Examples:
        >>> space = Source("space", "let w = 16..96 by 16\n(7,64)/2 3/3 (3,w)x4 gap fc")
        >>> search(space, budget={"macs": "<=0.3*A"}).count
        3
    """
    from ctcdsl.spaces.objectives import Rails, objective
    from ctcdsl.spaces.search import Search
    from ctcdsl.spaces.space import Space

    bounds = None if budget is None else arguments.budget(budget)
    shape = None if input is None else parse_input(input)
    space = Space.read(spec, input=shape, pins=params, name=name)
    rails = Rails(arguments.at_least_one("min_width", min_width), max_depth, chains)
    given = {} if surrogate is None else {"predicted": surrogate.objective()}
    objectives = [given.get(text.strip()) or objective(text) for text in rank]
    return Search(space, bounds, objectives=objectives, rails=rails)


def fit_results(results: str | os.PathLike[str], trained: Iterable[Net] = ()) -> Surrogate:
    """Fit a model of errors to results of your own: ridge regression on costs and shape.

    Args:
        results: A table in CSV with columns `network` and `top-1 %`, as `ctcdsl.compare` and
            `ctcdsl.sweep` write it: of eight networks at least, trained by one recipe.
        trained: Networks of the results, or paths of specs, that are neither built in nor a
            file NAME.ctc in the current folder. Their names are those of the results.

    Returns:
        `predict(net)` is a top-1 error in percent, with its deviation; `beyond(net)` names in
        what a network is not between the results. `leave_one_out` is the error of predictions
        of each result from the others, and `of_mean` that of the others' mean.

    Raises:
        SpecError: A network cannot be found, or has errors.
        UserError: CTC742 the results are too few, CTC743 networks of theirs are not known, CTC744
            they predict nothing, CTC751 the table cannot be used; CTC615 numpy is not installed.
    """
    require_packages("a model of results", "numpy")
    from ctcdsl.estimates.results import fit_results

    networks: list[Network] = []
    for net in trained:
        networks += [net] if isinstance(net, Network) else load_all(net)
    return fit_results(results, networks)


def generate(net: Net, target: str = "pytorch") -> str:
    """Generate the source of a PyTorch module: deterministic, formatted, needs torch alone.

    Raises:
        ValueError: `target` is unknown.
    """
    from ctcdsl import codegen

    if target != "pytorch":
        raise ValueError(f"unknown target {target!r}; the only target is 'pytorch'")
    return codegen.generate(_as_network(net))


def build(
    net: Net,
    *,
    weights: Mapping[str, Tensor] | str | os.PathLike[str] | None = None,
    **overrides: Any,
) -> nn.Module:
    """Build the module that `generate` writes, in torch's default training mode.

    Args:
        net: A network, or what `load` takes.
        weights: A state dict, a file of one (safetensors, .pt, .pth), or the folder of a run, with
            the module's names or those of torchvision and timm. Of another number of classes,
            the classifier stays new, with a warning.
        overrides: Arguments of the module's class: `num_classes`, `in_chans`, `drop_rate`,
            `features`, `device`, `dtype`.

    Raises:
        UserError: CTC409 the weights cannot be read, CTC408 they are for another network, CTC418
            they are not finite; CTC615 torch is not installed.

    Warns:
        SpecWarning: The weights have another number of classes (CTC419), or names of a wrapper.
    """
    require_packages("building a module", "torch")
    from ctcdsl.codegen.load import build_module

    network = _as_network(net)
    module = build_module(network, **overrides)
    if weights is not None:
        from ctcdsl.passes.weights.pretrained import load_weights

        file = "" if isinstance(weights, Mapping) else os.fspath(weights)
        for note in load_weights(module, network, arguments.tensors(weights), file):
            warn(SpecWarning(str(note)), stacklevel=2)
    return module


def _as_network(net: Net) -> Network:
    return net if isinstance(net, Network) else load(net)


def _checked(
    spec: Spec, input: Input | None, params: Mapping[str, float | str] | None
) -> tuple[Network, ...]:
    shape = None if input is None else parse_input(input)
    values = arguments.parameters(params)
    report = check_spec(spec, input=shape, values=values)
    if not report.ok:
        raise SpecError(*report.errors)
    unknown = [name for name in values if name not in report.parameters]
    if unknown:
        raise error(
            "CTC111",
            f"the spec has no `let {unknown[0]}`",
            path=spec.name if isinstance(spec, Source) else os.fspath(spec),
            hint=f"it has {', '.join(report.parameters) or 'none'}",
        )
    for diagnostic in report.diagnostics:
        if diagnostic.severity is Severity.WARNING or diagnostic.code == "CTC951":
            warn(SpecWarning(str(diagnostic)), stacklevel=3)
    return report.networks
