"""The recipe as command-line options: one for every number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from ctcdsl.recipe import Recipe

_F = TypeVar("_F", bound=Callable[..., Any])


class _Option(NamedTuple):
    """A field of `Recipe` as an option: its type and what the help says."""

    field: str
    type: Any
    help: str


_OPTIONS = (
    _Option("batch", int, "Images in a mini-batch."),
    _Option("accumulate", int, "Parts of a mini-batch computed one after the other."),
    _Option("schedule", str, "Learning rates: EPOCHS:RATE,EPOCHS:RATE,…; the last rate continues."),
    _Option("epochs", int, "Epochs in all.  [default: as many as the schedule has]"),
    _Option("momentum", float, "Momentum."),
    _Option("weight_decay", float, "L2 penalty on weights; none on biases."),
    _Option("dropout", float, "Rate of every dropout layer.  [default: the spec's]"),
    _Option("resize", int, "Shorter side before the crop.  [default: 256 for 224, in proportion]"),
    _Option("random_crop", bool, "Random crops, or the centre."),
    _Option("flip", float, "Share of images mirrored."),
    _Option("colour_sigma", float, "Strength of the PCA colour augmentation; 0 turns it off."),
    _Option("pixel_divisor", float, "Divides the pixels after mean subtraction."),
    _Option("initialisation", click.Choice(["gaussian", "he"]), "Initial weights."),
    _Option("sigma", float, "Deviation of the gaussian initialisation."),
    _Option("precision", click.Choice(["float32", "bf16"]), "Of the layers; weights are float32."),
    _Option(
        "compile",
        click.Choice(["off", "on", "graphs"]),
        "Use torch.compile (graphs: with CUDA graphs).",
    ),
    _Option("statistics_sample", int, "Images on which mean and colour axes are measured."),
    _Option("seed", int, "Fixes weights, order, augmentation and dropout."),
    _Option("workers", int, "Threads that read images.  [default: for a GPU the cores, else none]"),
    _Option("max_corrupt", float, "Share of unreadable images above which training stops."),
    _Option("freeze", str, "Stages that stay as they are: STAGE,STAGE,…"),
    _Option("lr_scale", str, "Learning rates of stages, as multiples: head=10,…"),
)


def recipe_options(command: _F) -> _F:
    """Add an option for every field of the recipe; unset ones arrive as None."""
    paper, small = Recipe.paper(), Recipe.small()
    for option in reversed(_OPTIONS):
        name = option.field.replace("_", "-")
        flag = f"--{name}/--no-{name}" if option.type is bool else f"--{name}"
        command = click.option(
            flag,
            option.field,
            type=None if option.type is bool else option.type,
            default=None,
            metavar="TEXT" if option.field == "schedule" else None,
            help=option.help + _default(getattr(paper, option.field), getattr(small, option.field)),
        )(command)
    return command


def _default(paper: object, small: object) -> str:
    if paper is None or paper == ():
        return ""
    if paper == small:
        return f"  [{_text(paper)}]"
    return f"  [paper: {_text(paper)}; small: {_text(small)}]"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def recipe_fields(options: dict[str, Any]) -> dict[str, Any]:
    """The options without the fields of the recipe that were not given."""
    fields = {option.field for option in _OPTIONS}
    return {
        name: value for name, value in options.items() if name not in fields or value is not None
    }
