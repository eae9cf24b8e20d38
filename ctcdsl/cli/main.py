"""The `ctcdsl` command: finds a subcommand, runs it, turns what happens into an exit code."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from ctcdsl import __version__
from ctcdsl.cli.streams import PipeClosed, guard
from ctcdsl.text import UserError

EXIT_ERRORS = 1
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141

# Each command lives in a module of its own, imported when it runs: name -> short help.
COMMANDS = {
    "check": "Check specs: names, structure and every feature map.",
    "cost": "Report cost: MACs, parameters, feature maps.",
    "diff": "Compare two networks layer by layer, and what changes cost.",
    "rewrite": "Rewrite a network by passes, at constant cost.",
    "explain-design": "Explain a design: passes from a baseline to it, with their cost.",
    "passes": "List the passes of rewrite.",
    "search": "Find every network of a space within a budget.",
    "specs": "List the built-in networks, or print one.",
    "fmt": "Write specs in canonical form.",
    "draw": "Draw a network as SVG.",
    "report": "Report networks side by side as a page of HTML.",
    "compile": "Generate a PyTorch module from a spec.",
    "train": "Train a network by the paper's recipe.",
    "eval": "Evaluate a trained network with 10 views.",
    "predict": "Predict the classes of images.",
    "export": "Export a trained network for another runtime.",
    "bench": "Time networks on this device.",
    "compare": "Train networks by one recipe and compare their errors.",
    "sweep": "Train designs by successive halving: the best go on.",
    "data": "Check images, or pack them to be read fast.",
    "lsp": "Serve editors: diagnostics, hover, completion, formatting.",
    "explain": "Explain a diagnostic code.",
}


class _Commands(click.Group):
    """Loads a command's module only when it is run, so that `cost` never pays for torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"ctcdsl.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from ctcdsl.syntax.words import suggest

            meant = suggest(args[0], tuple(COMMANDS))
            hint = f" Did you mean '{meant}'?" if meant else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ctcdsl")
def cli() -> None:
    """CNNs the way papers write them, at a time cost you choose.

    Specs are .ctc files; `-` reads one from standard input. Results go to standard
    output, everything else to standard error. Exit codes: 0 ok, 1 the input has
    errors, 2 wrong usage, 70 a bug of ctcdsl.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    guard()
    code = run(arguments)
    gc.freeze()  # what is left goes with the process: looking for cycles takes a tenth of `cost`
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    # Short commands end before collecting garbage could pay; `train` turns it on again.
    gc.disable()
    try:
        result = cli.main(args=arguments, prog_name="ctcdsl", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except UserError as error:
        from ctcdsl.cli.output import print_diagnostics

        print_diagnostics(error.diagnostics)
        return EXIT_ERRORS
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.NoSuchOption as error:
        from ctcdsl.cli.unknown_option import with_suggestion

        with_suggestion(error).show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except PipeClosed:
        return EXIT_PIPE_CLOSED
    except Exception as error:
        _report_bug(error)
        return EXIT_BUG


def _report_bug(error: Exception) -> None:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="ctcdsl-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"ctcdsl {__version__}\narguments: {sys.argv[1:]}\n\n")
        traceback.print_exception(error, file=file)
    click.echo(
        f"ctcdsl: a bug of ctcdsl, not of your input: {type(error).__name__}: {error}\n"
        f"The details are in {file.name}; please report them.",
        err=True,
    )
