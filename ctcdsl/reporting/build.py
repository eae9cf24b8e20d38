"""Builds a page: what it shows, section by section."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from ctcdsl.checking import Network
from ctcdsl.drawing.captions import amount
from ctcdsl.drawing.roofline import roofline_picture
from ctcdsl.drawing.svg import Picture
from ctcdsl.metrics import Cost, network_cost
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, DEFAULT, MACS, statement
from ctcdsl.metrics.latency import doubts
from ctcdsl.metrics.latency_metrics import LATENCY
from ctcdsl.metrics.latency_table import LatencyTable
from ctcdsl.metrics.memory import Memory, network_memory
from ctcdsl.metrics.metric import Metric
from ctcdsl.reporting.bars import LayerRow, barred, largest, layer_rows
from ctcdsl.reporting.page import Page
from ctcdsl.reporting.pictures import Drawing, diagram, drawing
from ctcdsl.reporting.render import asset, digest, render
from ctcdsl.reporting.results import Results, check_names, read_results
from ctcdsl.reporting.table import columns
from ctcdsl.reporting.timeline import timeline_picture
from ctcdsl.reporting.tradeoff import Point, relations, tradeoff_picture
from ctcdsl.text import Diagnostic
from ctcdsl.text.plural import plural

METRICS: tuple[Metric[Any], ...] = (*DEFAULT, ACTIVATION_BYTES)
"""Those that a report shows unless others are asked for."""
BATCH = 8
"""The images of a training step whose memory is shown."""
OPEN_LAYERS = 60
"""Tables of more layers are folded on the page."""


class _Section(NamedTuple):
    """What a page shows of a network by itself."""

    name: str
    anchor: str
    open: bool
    rows: tuple[LayerRow, ...]
    diagram: Drawing
    memory: Drawing


def build_page(
    networks: Sequence[Network],
    *,
    results: str | os.PathLike[str] | None = None,
    metrics: Sequence[Metric[Any]] | None = None,
    batch: int = BATCH,
    latencies: LatencyTable | None = None,
    front: tuple[str, Drawing] | None = None,
) -> Page:
    """The report of some networks.

    Args:
        networks: One at least; complexity is relative to the first.
        results: A table of their errors in CSV, for the picture of complexity against error.
        metrics: What the table and the bars of layers show; by default `METRICS`.
        batch: The images of a training step, for memory over time.
        latencies: The table of a device, for the time of a forward pass and a roofline.
        front: The picture of a search that they come from, and its title.

    Raises:
        UserError: CTC734 the device's table has no times of an operation; CTC751 the results cannot
            be read; CTC752 their names are not the networks'.
    """
    metrics = METRICS if metrics is None else metrics
    errors, warnings = _errors(networks, results)
    costs = [network_cost(network) for network in networks]
    memories = [network_memory(network, batch) for network in networks]
    timed = _timed(networks, latencies)
    title = _title(networks)
    shown = {
        "title": title,
        "columns": columns(costs, metrics, timed, memories, errors),
        "statement": _statement(metrics, costs[0], timed),
        "roofline": drawing(partial(_roofline, timed)) if timed else None,
        "tradeoff": _tradeoff(costs, errors),
        "front": front,
        "step": f"a training step of {plural(batch, 'image')}",
        **_layers(costs, metrics, memories),
    }
    script = asset("sort.js")
    body = render("body.html", **shown, style=asset("report.css"))
    html = render("page.html", title=title, body=body, script=script, digest=digest(script))
    doubtful = doubts([cost.workload.latency for cost in timed])
    return Page(title, html, body, (*warnings, *doubtful))


def network_fragment(network: Network) -> str:
    """What a notebook shows of a network: its costs, the bars of its layers, its diagram."""
    return build_page([network]).body


def _statement(metrics: Sequence[Metric[Any]], first: Cost, timed: Sequence[Cost]) -> str:
    """What is counted."""
    words = statement(metrics, first.workload)
    if MACS in metrics:
        words += f" Relative: MACs over those of {first.network.name}."
    return " ".join([words, *(statement([LATENCY], cost.workload) for cost in timed[:1])])


def _timed(networks: Sequence[Network], latencies: LatencyTable | None) -> list[Cost]:
    """The networks with the batch of a device's table; none without one."""
    if latencies is None:
        return []
    batch = latencies.batch
    return [network_cost(network, batch=batch, latencies=latencies) for network in networks]


def _roofline(timed: Sequence[Cost], width: int) -> Picture:
    return roofline_picture(timed, width=width)


def _errors(
    networks: Sequence[Network], path: str | os.PathLike[str] | None
) -> tuple[Results, tuple[Diagnostic, ...]]:
    """The errors of networks by name, and what the table has without use or lacks."""
    if path is None:
        return {}, ()
    results = read_results(path)
    names = [network.name for network in networks]
    return results, check_names(results, names, os.fspath(path))


def _title(networks: Sequence[Network]) -> str:
    names = [network.name for network in networks]
    return ", ".join(names) if len(names) <= 4 else plural(len(names), "network")


def _tradeoff(costs: Sequence[Cost], results: Results) -> Drawing | None:
    """Complexity against error, of the networks that have a result."""
    measured = [cost for cost in costs if cost.network.name in results]
    if not measured:
        return None
    points = [Point(c.network.name, c.macs, results[c.network.name]) for c in measured]
    rewrites = relations([cost.network for cost in measured])
    return drawing(lambda width: tradeoff_picture(points, rewrites, width=width))


def _layers(
    costs: Sequence[Cost], metrics: Sequence[Metric[Any]], memories: Sequence[Memory]
) -> dict[str, object]:
    shown = barred(metrics)
    most = max(memory.training.peak for memory in memories)
    full = largest(costs, shown)
    return {
        "bars": [metric.title for metric in shown],
        "scale": [
            f"{amount(most)} {metric.title}" for metric, most in zip(shown, full, strict=True)
        ],
        "sections": [
            _Section(
                cost.network.name,
                _anchor(cost.network, place),
                len(cost.layers) <= OPEN_LAYERS,
                layer_rows(cost, shown, full),
                diagram(cost.network),
                drawing(partial(_timeline, memory, most)),
            )
            for place, (cost, memory) in enumerate(zip(costs, memories, strict=True), start=1)
        ],
    }


def _timeline(memory: Memory, most: int, width: int) -> Picture:
    return timeline_picture(memory, width=width, most=most)


def _anchor(network: Network, place: int) -> str:
    """What links lead to: in a notebook several reports are on one page."""
    return f"network-{sha256(str(network).encode()).hexdigest()[:8]}-{place}"
