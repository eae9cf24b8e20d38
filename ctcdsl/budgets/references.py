"""The networks that bounds name."""

from __future__ import annotations

from ctcdsl.checking import Network
from ctcdsl.loading import check_spec, select
from ctcdsl.text import Span, error


def named_network(name: str, at: Span) -> Network:
    """The network that a name at a place of a bound means, as `ctcdsl cost` finds it.

    Raises:
        UserError: CTC005 there is none, CTC714 its spec has errors, or several networks.
    """
    report = check_spec(name)
    for diagnostic in report.errors:
        if not diagnostic.labels:
            raise error(diagnostic.code, diagnostic.message, at=at, hint=diagnostic.hints)
        message, hint = f"the spec {name} has errors", f"`ctcdsl check {name}` shows them"
        raise error("CTC714", message, at=at, hint=hint)
    if len(report.networks) > 1:
        names = ", ".join(network.name for network in report.networks)
        raise error(
            "CTC714",
            f"`{name}` has {len(report.networks)} networks: {names}",
            at=at,
            hint="name a spec of one network, or a network by its own name",
        )
    return select(report.networks, None, name)
