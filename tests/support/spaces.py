"""Every network of a space by nothing but the whole-network compiler: what the engine must give."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from ctcdsl.checking import Network
from ctcdsl.elaborate.conditions import conjuncts, holds
from ctcdsl.elaborate.drafts import Draft
from ctcdsl.elaborate.expressions import Expressions, Scope
from ctcdsl.elaborate.networks import read_design
from ctcdsl.metrics.complexity import Cost
from ctcdsl.metrics.metric import Metric
from ctcdsl.metrics.workload import Workload
from ctcdsl.shapes.infer import infer_network
from ctcdsl.spaces.calls import in_order
from ctcdsl.spaces.choices import Blocks, Decision, InPlace, Lets, Undecided, choices_named
from ctcdsl.spaces.listing import paths
from ctcdsl.spaces.measures import measure_of
from ctcdsl.spaces.space import Space
from ctcdsl.spaces.tables import Limits, Tables
from ctcdsl.text import Source
from ctcdsl.text.sink import Diagnostics

Found = tuple[tuple[tuple[str, str], ...], Network]
"""The choices of a network, in the order in which they are made, and the network."""


def space_of(text: str) -> Space:
    """The space of a text."""
    return Space.read(Source("space", text))


def networks_of(space: Space) -> Iterator[Found]:
    """Every network that checks and keeps to the `where`s, and its choices."""
    several = len(space.inputs) > 1
    for input in space.inputs:
        headers = dataclasses.replace(space.draft.headers, input=input)
        draft = space.draft._replace(headers=headers)
        first = (("input", str(input)),) if several else ()
        for decisions, network in _of(draft, ()):
            made = tuple((d.name, d.option.text) for d in decisions)
            yield (*first, *made), network


def _of(
    draft: Draft, decisions: tuple[Decision, ...]
) -> Iterator[tuple[tuple[Decision, ...], Network]]:
    diagnostics = Diagnostics()
    lets = Lets(draft.definitions, draft.headers.classes, diagnostics)
    lets.assignment = {d.name: d.option for d in decisions if d.name}
    chooser = InPlace([d.option for d in decisions if not d.name])
    blocks = Blocks(draft.definitions, lets)
    try:
        architecture = read_design(draft, blocks, lets, chooser, diagnostics)
    except Undecided as choice:
        for option in choice.options.all:
            yield from _of(draft, (*decisions, Decision(choice.name, option)))
        return
    network = None if architecture is None else infer_network(architecture, diagnostics)
    if network is None or not _allowed(draft, lets):
        return
    yield decisions, network


def _allowed(draft: Draft, lets: Lets) -> bool:
    """Whether every condition holds whose choices are all made."""
    expressions = Expressions(Diagnostics())
    return all(
        holds(condition, expressions, Scope(lets))
        for condition in conjuncts(draft.definitions.wheres)
        if all(name in lets.assignment for name in choices_named(condition, draft.definitions))
    )


def assert_as_compiled(space: Space, metrics: Sequence[Metric[int]]) -> None:
    """The networks of a space and what they cost are those that the compiler finds one by one."""
    measures = [measure for metric in metrics if (measure := measure_of(metric)) is not None]
    graph = space.graph(measures)
    free = Tables(graph, Limits.of([(None, None)] * len(measures)))
    ours = {
        _apart((d.name, d.option.text) for d in in_order(decisions)): costs
        for decisions, costs in paths(free)
    }
    theirs = {}
    for choices, network in networks_of(space):
        cost = Cost(Workload(network))
        theirs[_apart(choices)] = tuple(cost.value(metric) for metric in metrics)
    assert len(ours) == graph.networks > 3
    assert ours == theirs


def _apart(choices: Iterable[tuple[str, str]]) -> tuple[object, ...]:
    """Choices by name, and those in place, whose order says which they are."""
    chosen = list(choices)
    named = sorted((name, text) for name, text in chosen if name)
    return tuple(named), tuple(text for name, text in chosen if not name)
