"""`--tune`: the fastest way to compute, found by trying, and what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from ctcdsl.checking import Network
from ctcdsl.cli.tables import as_text
from ctcdsl.cli.workbench import crop_of
from ctcdsl.metrics.tables import Table

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ctcdsl.distributed.processes import Processes
    from ctcdsl.recipe import Compile, Precision, Recipe
    from ctcdsl.training.autotune import ExecutionConfig, Measurement


class Given(NamedTuple):
    """What the user has decided, which is not varied."""

    precision: Precision | None = None
    compile: Compile | None = None
    prefix: bool = True
    """Whether the views of a test may share their first layers."""


def tuned_training(
    model: nn.Module,
    network: Network,
    recipe: Recipe,
    device: torch.device,
    ranks: Processes,
    given: Given,
) -> Recipe:
    """`recipe` in the way that trains `network` fastest; the leader decides for all processes."""
    from ctcdsl.training.autotune import measure_training

    click.echo(f"how to train {network.name} fastest on {device}:", err=True)
    tried = measure_training(
        model,
        recipe,
        crop_of(network),
        network.classes,
        device,
        _ways(device, given, prefixes=(False,)),
        channels=network.input.channels,
        world=ranks.shard.world,
        told=_trying,
    )
    _show(tried, views=False)
    way = _taken(tried)
    return ranks.broadcast(way.of(recipe) if way else recipe)


def tuned_testing(
    model: nn.Module,
    network: Network,
    recipe: Recipe,
    device: torch.device,
    ranks: Processes,
    given: Given,
) -> tuple[Recipe, bool]:
    """`recipe` in the way that tests `network` fastest by ten views; whether the views share."""
    from ctcdsl.training.autotune import measure_evaluation

    click.echo(f"how to test {network.name} fastest by 10 views on {device}:", err=True)
    tried = measure_evaluation(
        model,
        network,
        recipe,
        crop_of(network),
        device,
        _ways(device, given, prefixes=(True, False) if given.prefix else (False,)),
        told=_trying,
    )
    _show(tried, views=True)
    way = _taken(tried)
    return ranks.broadcast((way.of(recipe), way.prefix) if way else (recipe, given.prefix))


def _ways(
    device: torch.device, given: Given, prefixes: Sequence[bool]
) -> tuple[ExecutionConfig, ...]:
    from ctcdsl.training.autotune import PRECISIONS, ways

    return ways(
        device,
        precisions=(given.precision,) if given.precision else PRECISIONS,
        compiles=(given.compile,) if given.compile else None,
        prefixes=prefixes,
    )


def _trying(way: ExecutionConfig) -> None:
    click.echo(f"  trying {named(way)}", err=True)


def _show(tried: Sequence[Measurement], *, views: bool) -> None:
    names = ("precision", "compile", "views") if views else ("precision", "compile")
    titles = (*names, "images/s", "ratio", "first run, s")
    rows = tuple(_row(each, tried[0], len(names)) for each in tried)
    click.echo(as_text(Table(titles, rows, frozenset(names))), err=True, nl=False)
    for each in tried:
        if each.failure:
            click.echo(f"{named(each.way)}: {each.failure}", err=True)
    click.echo(f"({tried[0].images} images at a time, the fastest of several runs)", err=True)


def _row(tried: Measurement, first: Measurement, names: int) -> tuple[str, ...]:
    way = tried.way
    cells = (way.precision, way.compile, "shared" if way.prefix else "apart")[:names]
    if tried.failure:
        return (*cells, "failed", "", "")
    ratio = f"{first.seconds / tried.seconds:.2f}" if first.seconds else ""
    return (*cells, f"{tried.images_per_second:,.1f}", ratio, f"{tried.first:.1f}")


def _taken(tried: Sequence[Measurement]) -> ExecutionConfig | None:
    from ctcdsl.training.autotune import fastest

    best = fastest(tried)
    if best is None:
        click.echo("no way works; going on as asked", err=True)
        return None
    click.echo(f"taken: {named(best.way)}", err=True)
    return best.way


def named(way: ExecutionConfig) -> str:
    """A way in words."""
    compiled = {"off": "not compiled", "on": "compiled", "graphs": "compiled, CUDA graphs"}
    shared = ["the views share their first layers"] if way.prefix else []
    return ", ".join([str(way.precision), compiled[way.compile], *shared])
