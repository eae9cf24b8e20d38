"""`ctcdsl explain`."""

from __future__ import annotations

import click

from ctcdsl.syntax.words import suggest
from ctcdsl.text.codes import codes, page, title


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain a diagnostic code such as CTC203; without one, list them all."""
    if code is None:
        for known in codes():
            click.echo(f"{known}  {title(known)}")
        return
    code = code.upper()
    if code not in codes():
        meant = suggest(code, codes())
        hint = f" Did you mean {meant}?" if meant else ""
        raise click.UsageError(f"There is no code {code!r}.{hint} `ctcdsl explain` lists them.")
    click.echo(page(code), nl=False)
