"""`ctcdsl lsp`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from ctcdsl.cli.main import EXIT_INTERRUPTED
from ctcdsl.text.packages import require_packages


@click.command("lsp")
@click.option("--stdio", is_flag=True, help="Speak over standard input and output: always so.")
def command(stdio: bool) -> int:
    """Serve an editor: the language server, over standard input and output.

    Diagnostics with quick fixes, hover with maps and costs, completion, signatures, formatting,
    definitions, references, highlights, rename, inlay hints with maps, semantic tokens, folding,
    outline. Editors start it themselves; docs/editors.md shows how to set them up. Needs the
    packages of the extra `lsp`. Exits with 1 where the editor disconnects without `shutdown`.
    """
    require_packages("the language server", "pygls", extra="lsp", code="CTC501")
    from ctcdsl.lsp.protocol.session import serve

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    gc.enable()  # a server runs for days
    # The protocol alone may write to standard output: what else is printed goes to the log.
    sys.stdout.flush()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as protocol:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return int(not serve(sys.stdin.buffer, protocol))


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End at once: a thread that waits for the editor's next message would not let Python end."""
    click.echo("interrupted", err=True)
    os._exit(EXIT_INTERRUPTED)
