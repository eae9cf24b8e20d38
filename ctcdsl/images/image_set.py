"""Image sets: labelled images by index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.plural import plural

Pixels = NDArray[np.uint8]
"""(height, width, 3): red, green and blue."""


class ImageSet(Protocol):
    """Labelled RGB images by index, the same ones in the same order every time."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""

    def __len__(self) -> int:
        """The number of images."""

    def label(self, index: int) -> int:
        """The label of image `index`."""

    def pixels(self, index: int) -> Pixels:
        """Image `index`, perhaps in memory that must not be written to.

        Raises `UserError` where it cannot be read.
        """

    def name(self, index: int) -> str:
        """What messages call image `index`."""


class FileBacked(ImageSet, Protocol):
    """Images that lie somewhere as files do."""

    def content(self, index: int) -> bytes:
        """The file of image `index` as it is. Raises `UserError` where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Subset:
    """Some images of another set, in a given order, with its classes."""

    source: ImageSet
    indices: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the whole set."""
        return self.source.classes

    def __len__(self) -> int:
        return len(self.indices)

    def label(self, index: int) -> int:
        """The label of image `index` of this subset."""
        return self.source.label(self.indices[index])

    def pixels(self, index: int) -> Pixels:
        """Image `index` of this subset."""
        return self.source.pixels(self.indices[index])

    def name(self, index: int) -> str:
        """What the whole set calls image `index` of this subset."""
        return self.source.name(self.indices[index])


@dataclass(frozen=True, slots=True)
class Relabelled:
    """The images of another set whose classes are among `classes`, with the labels of those."""

    source: ImageSet
    classes: tuple[str, ...]
    indices: tuple[int, ...]
    labels: tuple[int, ...]
    """For each index."""

    def __len__(self) -> int:
        return len(self.indices)

    def label(self, index: int) -> int:
        """The label of image `index` of this set, an index into `classes`."""
        return self.labels[index]

    def pixels(self, index: int) -> Pixels:
        """Image `index` of this set."""
        return self.source.pixels(self.indices[index])

    def name(self, index: int) -> str:
        """What the whole set calls image `index` of this set."""
        return self.source.name(self.indices[index])


def relabelled(images: ImageSet, classes: tuple[str, ...]) -> ImageSet:
    """The `images` of `classes`, by name: a label means the same in both sets then."""
    if images.classes == classes:
        return images
    numbers = {name: number for number, name in enumerate(classes)}
    labels = [numbers.get(name, -1) for name in images.classes]
    found = [
        (index, label)
        for index in range(len(images))
        if (label := labels[images.label(index)]) >= 0
    ]
    return Relabelled(
        images, classes, tuple(index for index, _ in found), tuple(label for _, label in found)
    )


def images_per_class(images: ImageSet) -> dict[str, int]:
    """How many images each class has, those without any too."""
    counts = Counter(images.label(index) for index in range(len(images)))
    return {name: counts[label] for label, name in enumerate(images.classes)}


def require_same_classes(train: ImageSet, test: ImageSet) -> None:
    """Raise `UserError` CTC611 unless both sets have the same classes in the same order."""
    if train.classes != test.classes:
        message = (
            f"the training images have {plural(len(train.classes), 'class')}, "
            f"the test images {len(test.classes)}, and not the same ones"
        )
        raise class_mismatch(
            message, class_differences(train.classes, test.classes, "training", "testing")
        )


def class_mismatch(message: str, notes: tuple[str, ...], path: str | None = None) -> UserError:
    """CTC611 for two sets of images that cannot be used together."""
    hint = "name class folders alike in all splits: train/cat/ and val/cat/"
    return UserError(
        Diagnostic(code="CTC611", message=message, path=path, notes=notes, hints=(hint,))
    )


def class_differences(
    first: Sequence[str], second: Sequence[str], first_word: str, second_word: str
) -> tuple[str, ...]:
    """Sentences on the names that only one of two class lists has, three names at most each."""
    notes = []
    for these, those, word in ((first, second, first_word), (second, first, second_word)):
        known = set(those)
        only = [name for name in these if name not in known]
        if only:
            notes.append(f"only in {word}: {first_names(only)}")
    return tuple(notes) or ("the names are the same, their order differs",)


def first_names(names: Sequence[str]) -> str:
    """The first three of some names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
