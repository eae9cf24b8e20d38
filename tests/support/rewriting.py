"""Rows, passes by their command-line spelling, and the text that comes out."""

from __future__ import annotations

from ctcdsl.checking import Network
from ctcdsl.ir import Architecture, printer, replace
from ctcdsl.passes import Step, run_pass
from ctcdsl.passes.registry import create, registered
from ctcdsl.passes.update_source import update_source
from ctcdsl.text import Source
from tests.conftest import one

KNOWN = registered()


def paper(row: str) -> Network:
    """A row in the paper's world."""
    return one(f"net N\ninput 3x224x224\nclasses 1000\npad paper\n{row}\n")


def step(network: Network, applied: str) -> Step:
    return run_pass(network, create(applied, KNOWN))


def after(network: Network, *passes: str) -> Network:
    for applied in passes:
        network = step(network, applied).after
    return network


def row(network: Network) -> str:
    """The layers of a network's stages as a paper's table writes them."""
    nodes = [node for stage in network.architecture.stages for node in stage.elements]
    return printer.row(nodes, network.architecture.style, network.input.channels)


def rewritten(row_: str, *passes: str) -> str:
    return row(after(paper(row_), *passes))


def text(
    spec: str,
    *passes: str,
    name: str | None = None,
    values: dict[str, float] | None = None,
) -> str:
    """The text that `ctcdsl rewrite` prints for a spec."""
    from ctcdsl.checking import check_source

    source = Source("<stdin>", spec)
    report = check_source(source, values=values or {})
    assert report.ok, report.errors
    (start,) = report.networks
    network: Architecture = after(start, *passes).architecture
    if name is not None:
        network = replace(network, name=name)
    return update_source(start.architecture, network).origin.source.text
