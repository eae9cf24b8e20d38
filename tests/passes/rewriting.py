"""Rows, passes by their command-line spelling, and the text that comes out."""

from __future__ import annotations

from dataclasses import replace

from conftest import one
from ctcdsl.checking import CheckedNetwork
from ctcdsl.ir import Network, unparse
from ctcdsl.passes import Step, run_pass
from ctcdsl.passes.registry import create, registered
from ctcdsl.passes.update_source import respell
from ctcdsl.text import Source

KNOWN = registered()


def paper(row: str) -> CheckedNetwork:
    """A row in the paper's world."""
    return one(f"net N\ninput 3x224x224\nclasses 1000\npad paper\n{row}\n")


def step(checked: CheckedNetwork, applied: str) -> Step:
    return run_pass(checked, create(applied, KNOWN))


def after(checked: CheckedNetwork, *passes: str) -> CheckedNetwork:
    for applied in passes:
        checked = step(checked, applied).after
    return checked


def row(checked: CheckedNetwork) -> str:
    """The layers of a network's stages as a paper's table writes them."""
    nodes = [node for stage in checked.network.stages for node in stage.nodes]
    return unparse.row(nodes, checked.network.style, checked.network.input.channels)


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
    assert not report.failed, report.errors
    (start,) = report.networks
    network: Network = after(start, *passes).network
    if name is not None:
        network = replace(network, name=name)
    return respell(source, start.network, network, values or {})
