"""Images to predict: files by name, folders, bytes and arrays, in the order in which they come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ctcdsl.images.decode import Pixels, decode, read_file
from ctcdsl.images.folders import images_below
from ctcdsl.images.skipped_files import HEAD, SkippedFiles, begins_as_image
from ctcdsl.text import Diagnostic, UserError, error

Given = str | os.PathLike[str] | Pixels
"""A file, a folder of images at any depth, or pixels: uint8 (height, width, 3)."""

_BLANK = np.zeros((1, 1, 3), np.uint8)


@dataclass(slots=True)
class GivenImages:
    """An image set without labels: each image has label 0.

    An image that cannot be read is black, and `failures` says what is wrong with it, so that one of
    thousands does not keep the others from being predicted.
    """

    classes: tuple[str, ...]
    names: list[str] = field(default_factory=list)
    failures: dict[int, tuple[Diagnostic, ...]] = field(default_factory=dict)
    """By the image's index; complete once all were read."""
    skipped: SkippedFiles = field(default_factory=SkippedFiles)
    """Files in folders that are not images."""
    _readers: list[Callable[[], Pixels]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def label(self, index: int) -> int:
        """0."""
        return 0

    def name(self, index: int) -> str:
        """The path of an image as it was given, or what was said to call it."""
        return self.names[index]

    def pixels(self, index: int) -> Pixels:
        """Image `index`, or black."""
        try:
            return self._readers[index]()
        except UserError as cause:
            self.failures[index] = cause.diagnostics
            return _BLANK

    def add(self, name: str, read: Callable[[], Pixels]) -> None:
        """One more image."""
        self.names.append(name)
        self._readers.append(read)


def collect(given: Iterable[Given], classes: tuple[str, ...]) -> GivenImages:
    """The images that are meant, those of a folder sorted by name.

    Raises:
        UserError: CTC671 there is none; CTC601, CTC604 a folder cannot be read.
        TypeError: Something is neither a path nor uint8 (height, width, 3).
    """
    images = GivenImages(classes)
    for entry in given:
        if isinstance(entry, np.ndarray):
            if entry.dtype != np.uint8 or entry.ndim != 3 or entry.shape[2] != 3:
                shape = f"{entry.dtype} {entry.shape}"
                raise TypeError(f"an image is uint8 (height, width, 3), not {shape}")
            images.add(f"image {len(images) + 1}", partial(np.ascontiguousarray, entry))
        elif isinstance(entry, (str, os.PathLike)):
            _add_path(images, Path(entry))
        else:
            raise TypeError(f"an image is a path or an array, not {type(entry).__name__}")
    if not images.names:
        raise error(
            "CTC671",
            "there are no images to predict",
            notes=(str(images.skipped) if images.skipped.total else "",),
            hint="name files or folders of images, or `-` for standard input",
        )
    return images


def from_stdin(content: bytes, classes: tuple[str, ...]) -> GivenImages:
    """An image itself, or the paths of images, one a line.

    Raises:
        UserError: CTC671 it is neither; as `collect`.
    """
    if begins_as_image(content[:HEAD]):
        images = GivenImages(classes)
        images.add("<stdin>", partial(decode, content, "<stdin>"))
        return images
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise error(
            "CTC671",
            "standard input is neither an image nor a list of paths",
            hint="pipe a file of an image, or paths, one a line",
        ) from None
    return collect([line.strip() for line in lines if line.strip()], classes)


def _add_path(images: GivenImages, path: Path) -> None:
    if path.is_dir():
        for name in images_below(path, str(path), images.skipped):
            images.add(name, partial(_read, Path(name)))
    else:
        images.add(str(path), partial(_read, path))


def _read(path: Path) -> Pixels:
    return decode(read_file(path), str(path))
