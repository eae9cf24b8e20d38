"""What `import ctcdsl` offers for other designs: rewrite, explain_design, search, report.

Every command of the command line parses options, calls one of these and prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from warnings import warn

from ctcdsl import arguments
from ctcdsl.api import Net, as_network, load_all
from ctcdsl.checking import Network, infer_shapes
from ctcdsl.elaborate.drafts import is_network_name
from ctcdsl.ir import replace
from ctcdsl.loading import Input, Spec, parse_input
from ctcdsl.text import SpecWarning, error
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from torch import Tensor

    from ctcdsl.budgets import Budget
    from ctcdsl.estimates.surrogate import Surrogate
    from ctcdsl.metrics.latency_table import LatencyTable
    from ctcdsl.passes import Pass, Step
    from ctcdsl.passes.explanation import Explanation
    from ctcdsl.passes.weights import TransferredWeights
    from ctcdsl.reporting.page import Page
    from ctcdsl.spaces.search import Search

__all__ = ["Rewrite", "explain_design", "fit_results", "report", "rewrite", "search"]


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
    start = as_network(net)
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
    return explain(as_network(net), as_network(base), steps)


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
    networks = [as_network(net) for net in nets]
    if not networks:
        raise error("CTC605", "there is no network to report", hint="give one at least")
    chosen = None if metrics is None else find_metrics(arguments.names("metrics", metrics))
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
        UserError: The budget is wrong; CTC605 a rail is not a whole number from 1 on; CTC721 no
            network keeps to its spec's `where`s, CTC722 there are too many to look at each.

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
    deepest = None if max_depth is None else arguments.at_least_one("max_depth", max_depth)
    rails = Rails(arguments.at_least_one("min_width", min_width), deepest, chains)
    given = {} if surrogate is None else {"predicted": surrogate.objective()}
    objectives = [
        given.get(text.strip()) or objective(text) for text in arguments.names("rank", rank)
    ]
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
