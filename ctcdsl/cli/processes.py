"""One of several processes that torchrun started speaks; the others say what only they know."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING

import click

from ctcdsl.cli.main import EXIT_ERRORS, EXIT_INTERRUPTED
from ctcdsl.execution.events import Callback
from ctcdsl.text import UserError

if TYPE_CHECKING:
    from ctcdsl.distributed.processes import Processes


@contextmanager
def together() -> Iterator[Processes]:
    """Join the other processes, if torchrun has started any; all but the main one are silent.

    An error that all of them meet is shown once, since the others only end by it; an interrupt
    is the main process's to report.
    """
    from ctcdsl.distributed.processes import PeerLost, StopRequested
    from ctcdsl.distributed.torchrun import join_processes

    with join_processes() as processes:
        if not processes.is_distributed:
            yield processes
            return
        try:
            with ExitStack() as stack:
                if not processes.is_main:
                    nowhere = stack.enter_context(open(os.devnull, "w"))
                    stack.enter_context(redirect_stdout(nowhere))
                    stack.enter_context(redirect_stderr(nowhere))
                yield processes
        except UserError as error:
            # A main process that has ended has reported its error, unless it was killed.
            lost = isinstance(error, PeerLost)
            new = [
                diagnostic
                for diagnostic in error.diagnostics
                if processes.is_first_to_report(
                    f"{diagnostic.code} {diagnostic.path} {diagnostic.message}", default=lost
                )
            ]
            if not new:
                raise click.exceptions.Exit(EXIT_ERRORS) from None
            raise UserError(*new) from error
        except StopRequested:
            if processes.is_main:
                click.echo("interrupted", err=True)
            with suppress(PeerLost):
                processes.barrier()  # torchrun ends the others when one has left
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        except KeyboardInterrupt:
            if processes.is_main:
                raise
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


@contextmanager
def display(processes: Processes) -> Iterator[Callback]:
    """What shows progress: in the main process a `Display`."""
    if not processes.is_main:
        yield _OtherProcess()
        return
    from ctcdsl.cli.progress import Display

    with Display() as shown:
        yield shown


class _OtherProcess(Callback):
    """Says what the main process cannot know."""

    def on_image_replaced(self, name: str, reason: str) -> None:
        """Warn of an image that cannot be read, whatever else is silenced."""
        text = f"warning: {name} is left out, the next image takes its place: {reason}"
        click.echo(text, file=sys.__stderr__)
