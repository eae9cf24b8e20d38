"""`ctcdsl fmt`."""

from __future__ import annotations

import click

from ctcdsl.cli.inputs import or_stdin
from ctcdsl.cli.output import print_diagnostics
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import UserError
from ctcdsl.text.files import STDIN, read_source


@click.command("fmt")
@click.argument("files", nargs=-1)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 on a difference.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("--unicode", is_flag=True, help="Write `×` for repetition instead of `x`.")
def command(files: tuple[str, ...], only_check: bool, diff: bool, unicode: bool) -> int:
    """Write specs in canonical form, in place; standard input goes to standard output.

    Comments and the author's `+` are kept. A file with syntax errors is left as it is.
    """
    failed = changed = False
    for file in or_stdin(files):
        try:
            source = read_source(file)
        except UserError as error:
            print_diagnostics(error.diagnostics)
            failed = True
            continue
        tree, errors = parse(source)
        if errors:
            print_diagnostics(errors)
            failed = True
            continue
        text = format_file(tree, unicode=unicode)
        differs = text != source.text
        changed = changed or differs
        if diff and differs:
            click.echo(_diff(source.text, text, source.name), nl=False)
        if only_check and differs:
            click.echo(f"{source.name} would change", err=True)
        if diff or only_check:
            continue
        if file == STDIN:
            click.echo(text, nl=False)
        elif differs:
            write_atomic(file, text.encode())
            click.echo(f"{file} formatted", err=True)
    return int(failed or (only_check and changed))


def _diff(before: str, after: str, name: str) -> str:
    from difflib import unified_diff

    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (fmt)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
