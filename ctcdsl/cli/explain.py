"""`ctcdsl explain`."""

from __future__ import annotations

import click

from ctcdsl.syntax.words import suggest
from ctcdsl.text.codes import CODES


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain a diagnostic code such as CTC203; without one, list them all."""
    if code is None:
        for known, title in CODES.items():
            click.echo(f"{known}  {title}")
        return
    code = code.upper()
    if code not in CODES:
        meant = suggest(code, tuple(CODES))
        hint = f" Did you mean {meant}?" if meant else ""
        raise click.UsageError(f"There is no code {code!r}.{hint} `ctcdsl explain` lists them.")
    from importlib.resources import files

    click.echo(files("ctcdsl").joinpath("explain", f"{code}.md").read_text("utf-8"), nl=False)
