"""`ctcdsl explain-design`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ctcdsl.cli.inputs import load_network
from ctcdsl.cli.options import format_option, net_option
from ctcdsl.cli.output import print_json
from ctcdsl.cli.tables import as_text
from ctcdsl.designs import explain_design
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.shell import command as shell_command

if TYPE_CHECKING:
    from ctcdsl.passes.explanation import Explanation


@click.command("explain-design")
@click.argument("chosen", required=False)
@click.option(
    "--from", "base", required=True, metavar="SPEC", help="The network to start from: a baseline."
)
@net_option
@click.option("--from-net", metavar="NAME", help="Which network of --from, where it holds several.")
@click.option(
    "--max-steps",
    type=click.IntRange(min=1, max=20),
    default=6,
    show_default=True,
    help="Passes of the longest chain that is tried.",
)
@click.option("--graph", metavar="FILE", help="Draw the chain as SVG.")
@format_option("text", "json", help="json: the steps with their equations and costs, as data.")
def command(
    chosen: str | None,
    base: str,
    net: str | None,
    from_net: str | None,
    max_steps: int,
    graph: str | None,
    form: str,
) -> None:
    """Explain a design: a shortest chain of passes from a baseline to it.

    Shows depth, MACs and parameters after each pass, what it changed, and the complexity
    equation of the layers touched. `ctcdsl rewrite` with the same passes gives the design. Where
    no chain reaches it, the nearest is shown, and what is left over as an edit of layers.
    """
    design = load_network(chosen, net, notes=False)
    explanation = explain_design(
        design, load_network(base, from_net, notes=False), max_steps=max_steps
    )
    if graph is not None:
        from ctcdsl.drawing.lineage import draw

        write_atomic(graph, draw(explanation.family).encode())
        click.echo(f"chain drawn in {graph}", err=True)
    if form == "json":
        print_json(explanation.as_json())
        return
    _print(explanation, [base, *(("--net", from_net) if from_net is not None else ())])


def _print(explanation: Explanation, source: list[str]) -> None:
    click.echo(f"{explanation.summary()}\n")
    click.echo(as_text(explanation.ledger()))
    for number, (name, lines) in enumerate(explanation.details(), start=1):
        click.echo("\n".join([f"{number}. {name}", *(f"   {line}" for line in lines)]))
    if explanation.steps:
        passes = [word for name in explanation.passes for word in ("--pass", name)]
        click.echo(f"\n{shell_command('rewrite', *source, *passes)}")
    if not explanation.exact:
        from ctcdsl.metrics.difference_tables import changes

        remaining = explanation.remaining
        click.echo("\nleft over, as an edit:")
        for name, (old, new) in remaining.headers.items():
            click.echo(f"{name}: {old} → {new}")
        click.echo(as_text(changes(remaining)), nl=False)
