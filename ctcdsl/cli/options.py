"""Options that several commands share: each has one name, one type and one help text."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, nan
from typing import Any, TypeVar

import click

from ctcdsl.ir import Shape
from ctcdsl.loading import parse_input

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Command], Command]
Values = tuple[tuple[str, float], ...]
"""The names and values of `-D`."""


def input_shape(text: str) -> Shape:
    """Read the option `--input`: `3x224x224`, or `224` for a square colour image."""
    try:
        return parse_input(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an input: write 3x224x224, or 224") from None


def parameter(text: str) -> tuple[str, float]:
    """Read the option `-D`: `w=64`."""
    name, equals, value = text.partition("=")
    try:
        number = float(value) if "." in value else int(value)
    except ValueError:
        number = nan
    if not equals or not name.isidentifier() or not isfinite(number):
        raise click.BadParameter(f"{text!r} gives no parameter a value: write w=64")
    return name, number


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
    metavar="NAME=VALUE",
    help="Give a `let` of the spec another value; may be repeated.",
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
