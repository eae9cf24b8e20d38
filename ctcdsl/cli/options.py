"""Options that several commands share: each has one name, one type and one help text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ctcdsl.ir import Shape
from ctcdsl.loading import parse_input, parse_values

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Command], Command]
Values = tuple[tuple[str, float | str], ...]
"""The names and values of `-D`."""
Sweep = tuple[tuple[str, tuple[float | str, ...]], ...]
"""The names of `-D`, each with one value or more."""


def input_shape(text: str) -> Shape:
    """Read the option `--input`: `3x224x224`, or `224` for a square colour image."""
    try:
        return parse_input(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an input: write 3x224x224, or 224") from None


def parameter(text: str) -> tuple[str, tuple[float | str, ...]]:
    """Read the option `-D`: `w=64`, `w=3/4`, `block=basic`, or `w=0.5,1` for one run a value."""
    name, equals, values = text.partition("=")
    if not equals or not name.isidentifier():
        raise click.BadParameter(f"{text!r} gives no parameter a value: write w=64")
    if values.strip().isidentifier():  # the name of a `def`
        return name, (values.strip(),)
    try:
        return name, parse_values(values)
    except ValueError as cause:
        raise click.BadParameter(f"{text!r}: {cause}; write {name}=64, or {name}=3/4") from None


def _distinct(
    context: click.Context,
    option: click.Parameter,
    given: Sweep,
) -> Sweep:
    names = [name for name, _ in given]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"{name} is given twice: several values are {name}=1,2")
    return given


def _single(
    context: click.Context,
    option: click.Parameter,
    given: Sweep,
) -> Values:
    for name, values in _distinct(context, option, given):
        if len(values) > 1:
            raise click.BadParameter(
                f"{name} has {len(values)} values, and {context.info_name} works on one network:"
                " cost, check and compile -o DIR take several"
            )
    return tuple((name, values[0]) for name, values in given)


input_option = click.option(
    "--input",
    "shape",
    type=input_shape,
    metavar="CxHxW",
    help="Another input than the spec's.",
)
values_option = click.option(
    "-D",
    "values",
    type=parameter,
    multiple=True,
    callback=_single,
    metavar="NAME=VALUE",
    help="Give a `let` of the spec another value; may be repeated.",
)
sweep_option = click.option(
    "-D",
    "sweep",
    type=parameter,
    multiple=True,
    callback=_distinct,
    metavar="NAME=VALUE[,VALUE…]",
    help="Give a `let` of the spec another value, or one run a value; may be repeated.",
)
net_option = click.option(
    "--net", metavar="NAME", help="Which network, where the spec holds several."
)
output_option = click.option(
    "-o", "--output", metavar="FILE", help="Write here.  [default: standard output]"
)
data_option = click.option(
    "--data", metavar="DIR", help="Folder with train/CLASS/ and val/CLASS/ images."
)
recipe_option = click.option(
    "--recipe",
    "recipe_name",
    type=click.Choice(["paper", "small"]),
    help="Base recipe.  [paper; small without --data]",
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
metrics_option = click.option(
    "--metrics",
    "names",
    metavar="NAME,…",
    help="What to show instead of MACs and parameters, such as training-macs,traffic; or all.",
)


latency_option = click.option(
    "--latency",
    metavar="FILE",
    help="Predict the time of a forward pass by the table of a device: ctcdsl bench --table.",
)
batch_option = click.option(
    "--batch",
    type=click.IntRange(min=1),
    metavar="N",
    help="Images at a time.  [1; with --latency the table's]",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["float32", "bf16"]),
    help="Of the maps; bf16 is autocast.  [float32]",
)


def format_option(*forms: str, help: str = "How to print the results.") -> Option[Any]:
    """`--format`; the first of its `forms` is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help=help,
    )
