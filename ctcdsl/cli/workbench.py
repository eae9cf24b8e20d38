"""What `train` and `eval` share: data, the network that fits it, its module and identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.cli.report import show
from ctcdsl.ir import Shape
from ctcdsl.ir.printer import unparse
from ctcdsl.text import Diagnostic, UserError

if TYPE_CHECKING:
    import torch

    from ctcdsl.images.split_choice import ChosenSplit, Splits
    from ctcdsl.images.split_names import Split
    from ctcdsl.runs.identity import ModelIdentity

EMBEDDED_SIDE = 80
"""The side of the crops that the embedded photographs are trained with, where it is enough."""


@dataclass(frozen=True, slots=True)
class Data:
    """Training and test images; `embedded` for the photographs of the package."""

    splits: Splits
    embedded: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their labels."""
        return self.splits.train.classes


def require_training() -> None:
    """Refuse where the packages of the extra `train` are missing.

    Raises:
        UserError: CTC615, naming the first that is missing.
    """
    from importlib.util import find_spec

    for package in ("torch", "numpy", "PIL", "safetensors", "rich", "matplotlib"):
        if find_spec(package) is None:
            raise UserError(
                Diagnostic(
                    code="CTC615",
                    message=f"training needs the package {package}, which is not installed",
                    hints=("pip install 'ctcdsl[train]'",),
                )
            )


def open_data(folder: str | None) -> Data:
    """Open the images to train and test on, or the embedded photographs where none are named."""
    from ctcdsl.images.split_choice import Splits, open_splits

    if folder is not None:
        splits = open_splits(Path(folder))
        show(splits.notes)
        return Data(splits, embedded=False)
    from ctcdsl.images.sample import patches

    return Data(Splits(patches("train"), patches("test")), embedded=True)


def open_tested(folder: str | None, split: Split | None, classes: tuple[str, ...]) -> ChosenSplit:
    """Open the images to evaluate a network for `classes` on: of `split`, else of test or val.

    Raises:
        UserError: CTC607 where none are of these classes; CTC636 where there is no such split.
    """
    from ctcdsl.images.split_choice import open_split, sample_split

    if folder is None:
        return sample_split(split, classes)
    chosen = open_split(Path(folder), split, classes)
    show(chosen.notes)
    return chosen


def fitted(network: Network, *, input: Shape | None, classes: int, embedded: bool) -> Network:
    """Return the network for the data's classes, at the input asked for.

    Without one, the embedded photographs take the smallest square from `EMBEDDED_SIDE` on
    that the network fits, and other data the spec's own input.
    """
    architecture = network.architecture
    channels = architecture.input.channels
    if input is None and embedded:
        input = next(
            (
                shape
                for side in range(
                    EMBEDDED_SIDE, min(architecture.input.height, architecture.input.width)
                )
                if infer_shapes(architecture, input=(shape := Shape(channels, side, side))).ok
            ),
            None,
        )
    report = infer_shapes(architecture, input=input, classes=classes)
    show(report.errors)
    if not report.ok:
        raise click.exceptions.Exit(1)
    return report.networks[0]


def identity(network: Network, classes: tuple[str, ...]) -> ModelIdentity:
    """Return what a checkpoint remembers of its network."""
    from ctcdsl.runs.identity import ModelIdentity

    architecture = network.architecture
    channels, height, width = architecture.input
    return ModelIdentity.of(
        name=architecture.name,
        spec=unparse(architecture),
        input=(channels, height, width),
        classes=classes,
    )


def crop_of(network: Network) -> tuple[int, int]:
    """Height and width of the network's input."""
    return network.input.height, network.input.width


def device_named(name: str) -> torch.device:
    """Return the device: `auto` is the GPU where there is one.

    Raises:
        UserError: CTC616 where a GPU is asked for and there is none.
    """
    import torch

    from ctcdsl.execution.devices import default_device

    if name == "auto":
        return default_device()
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            Diagnostic(
                code="CTC616",
                message="there is no GPU that PyTorch can use",
                hints=("leave out `--device cuda`: the CPU is taken then",),
            )
        )
    return torch.device(name)
