"""The spec beside a run: which of its networks is the run's."""

from __future__ import annotations

from pathlib import Path

import click

from ctcdsl.checking import Network
from ctcdsl.cli.inputs import load_networks, or_stdin
from ctcdsl.cli.options import Values
from ctcdsl.loading import select


def spec_network(
    spec: str | None, net: str | None, values: Values, run: str | None
) -> Network | None:
    """The network of `spec`: the one named, else the one with the name of the run's.

    None where there is no spec but a `run`, which has its own network.
    """
    if spec is None and run is not None:
        for given, option in ((net, "--net"), (values, "-D")):
            if given:
                message = f"{option} is for a spec, and none is named: the run has its own"
                raise click.UsageError(message)
        return None
    (file,) = or_stdin([spec] if spec else [])
    networks = [network for _, network, _ in load_networks([file], values=values)]
    if net is None and run is not None:
        from ctcdsl.runs.run import name_of

        own = name_of(Path(run))
        net = own if any(network.name == own for network in networks) else None
    return select(networks, net, file)
