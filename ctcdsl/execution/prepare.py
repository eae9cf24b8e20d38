"""What training, evaluation and comparison prepare alike: images, networks that fit, a device."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.distributed.processes import Processes
from ctcdsl.execution.events import Callback
from ctcdsl.images import fingerprint
from ctcdsl.images.colour import channel_notes
from ctcdsl.images.fingerprint import ImageRecord
from ctcdsl.images.sample import patches
from ctcdsl.images.sampling import Crop
from ctcdsl.images.split_choice import ChosenSplit, Splits, open_split, open_splits, sample_split
from ctcdsl.images.split_names import Split
from ctcdsl.ir import Shape
from ctcdsl.text import SpecError, error

SAMPLE_SIDE = 80
"""The side of the crops that the sample is trained with, where the network takes so small ones."""


@dataclass(frozen=True, slots=True)
class Data:
    """Training and test images, and the path that they were opened by; None for the sample."""

    splits: Splits
    path: str | None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their labels."""
        return self.splits.train.classes

    def fingerprint(
        self, workers: int | None, callback: Callback, processes: Processes
    ) -> tuple[ImageRecord, ...]:
        """Every image with a hash of its content; each process reads its share."""
        world = processes.shard.world
        return fingerprint.list_images(
            self.splits.train,
            self.splits.test,
            tested_on=self.splits.tested_on,
            threads=max(1, (os.cpu_count() or 1) // world) if workers is None else workers,
            progress=lambda done, total: callback.on_reading(done * world, total * world),
            processes=processes,
        )


def open_data(path: str | None, callback: Callback) -> Data:
    """Open the images to train and test on, or the sample where no path is given."""
    if path is None:
        return Data(Splits(patches("train"), patches("test")), None)
    splits = open_splits(Path(path))
    for note in splits.notes:
        callback.on_warning(note)
    return Data(splits, path)


def open_split_of(
    path: str | None, split: Split | None, classes: tuple[str, ...], callback: Callback
) -> ChosenSplit:
    """Open the images to evaluate a network for `classes` on: of `split`, else of test or val.

    Raises:
        UserError: CTC607 where none are of these classes; CTC636 where there is no such split.
    """
    if path is None:
        return sample_split(split, classes)
    chosen = open_split(Path(path), split, classes)
    for note in chosen.notes:
        callback.on_warning(note)
    return chosen


def fit_networks(
    networks: Sequence[Network], input: Shape | None, classes: int
) -> tuple[Network, ...]:
    """`networks` for so many classes, at another input where one is given.

    Raises:
        SpecError: They do not fit, with a diagnostic for every reason.
    """
    reports = [infer_shapes(net.architecture, input=input, classes=classes) for net in networks]
    if errors := [error for report in reports for error in report.errors]:
        raise SpecError(*errors)
    return tuple(report.networks[0] for report in reports)


def sample_input(networks: Sequence[Network]) -> Shape | None:
    """The smallest square, from `SAMPLE_SIDE` on, that all networks fit; None: their own input."""
    largest = min(min(network.input.height, network.input.width) for network in networks)
    squares = (
        Shape(networks[0].input.channels, side, side) for side in range(SAMPLE_SIDE, largest)
    )
    return next(
        (
            square
            for square in squares
            if all(infer_shapes(net.architecture, input=square).ok for net in networks)
        ),
        None,
    )


def report_channels(networks: Sequence[Network], data: Data, callback: Callback) -> None:
    """Note where images are grey and networks are not, or the other way round."""
    for channels in sorted({network.input.channels for network in networks}):
        for note in channel_notes(channels, data.splits.train):
            callback.on_warning(note)


def crop_of(network: Network) -> Crop:
    """Height and width of the network's input."""
    return network.input.height, network.input.width


def find_device(name: str | torch.device) -> torch.device:
    """The device of a name: `auto` is the GPU where there is one.

    Raises:
        UserError: CTC616 where there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        hint = "it is auto, cpu or cuda"
        raise error("CTC616", f"there is no device {name!r}", hint=hint) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise error(
            "CTC616",
            "there is no GPU that PyTorch can use",
            hint="leave out `--device cuda`: the CPU is used then",
        )
    return device
