"""Image sets: labelled images by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ctcdsl.text.diagnostic import Diagnostic, UserError

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


class Stored(ImageSet, Protocol):
    """Images that lie somewhere as files do."""

    def content(self, index: int) -> bytes:
        """The file of image `index` as it is. Raises `UserError` where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Subset:
    """Some images of another set, in a given order, with its classes."""

    whole: ImageSet
    indices: tuple[int, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the whole set."""
        return self.whole.classes

    def __len__(self) -> int:
        return len(self.indices)

    def label(self, index: int) -> int:
        """The label of image `index` of this subset."""
        return self.whole.label(self.indices[index])

    def pixels(self, index: int) -> Pixels:
        """Image `index` of this subset."""
        return self.whole.pixels(self.indices[index])

    def name(self, index: int) -> str:
        """What the whole set calls image `index` of this subset."""
        return self.whole.name(self.indices[index])


def require_same_classes(train: ImageSet, test: ImageSet) -> None:
    """Raise `UserError` CTC611 unless both sets have the same classes in the same order."""
    if train.classes == test.classes:
        return
    raise UserError(
        Diagnostic(
            code="CTC611",
            message=(
                f"the training images have {len(train.classes)} classes, "
                f"the test images {len(test.classes)}, and not the same ones"
            ),
            notes=difference(train.classes, test.classes, "training", "testing"),
            hints=("both need the same class folders",),
        )
    )


def difference(
    first: Sequence[str], second: Sequence[str], first_word: str, second_word: str
) -> tuple[str, ...]:
    """Sentences on the names that only one of two class lists has, three names at most each."""
    notes = []
    for these, those, word in ((first, second, first_word), (second, first, second_word)):
        known = set(those)
        only = [name for name in these if name not in known]
        if only:
            more = f" and {len(only) - 3} more" if len(only) > 3 else ""
            notes.append(f"only in {word}: {', '.join(only[:3])}{more}")
    return tuple(notes) or ("the names are the same, their order differs",)
