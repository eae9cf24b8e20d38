"""Image sets: labelled images by index; those on a disk, and subsets of others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from numpy.typing import NDArray

from ctcdsl.images.decode import Pixels, decode
from ctcdsl.images.skipped_files import SkippedFiles
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileBacked(ABC):
    """An image set on a disk: a folder, tar shards or a pack."""

    classes: tuple[str, ...]
    names: Sequence[str]
    """Of the images: their paths below the folder, or in the tar file."""
    labels: Sequence[int] | NDArray[Any]
    """Of the images, indices into `classes`."""
    skipped: SkippedFiles = field(default_factory=SkippedFiles)
    """The files among them that are not read."""
    empty: tuple[str, ...] = ()
    """Class folders without any image."""

    def __len__(self) -> int:
        return len(self.names)

    def label(self, index: int) -> int:
        """The label of image `index`."""
        return int(self.labels[index])

    def name(self, index: int) -> str:
        """The name of image `index`."""
        return self.names[index]

    def pixels(self, index: int) -> Pixels:
        """Image `index`. Raises `UserError` as `content`, and CTC603 where it is damaged."""
        return decode(self.content(index), self.path(index))

    @abstractmethod
    def content(self, index: int) -> bytes:
        """The file of image `index` as it is. Raises `UserError` CTC603 or CTC604."""

    @abstractmethod
    def path(self, index: int) -> str:
        """Where image `index` is, for messages."""


@dataclass(frozen=True, slots=True)
class Subset:
    """Some images of another set, in a given order."""

    source: ImageSet
    classes: tuple[str, ...]
    indices: tuple[int, ...]
    """In the `source`."""
    labels: tuple[int, ...]
    """Of each image, an index into `classes`."""

    @classmethod
    def of(cls, source: ImageSet, indices: Iterable[int]) -> Self:
        """The images `indices` of `source`, with its classes."""
        chosen = tuple(indices)
        return cls(source, source.classes, chosen, tuple(map(source.label, chosen)))

    def __len__(self) -> int:
        return len(self.indices)

    def label(self, index: int) -> int:
        """The label of image `index` of this subset."""
        return self.labels[index]

    def pixels(self, index: int) -> Pixels:
        """Image `index` of this subset."""
        return self.source.pixels(self.indices[index])

    def name(self, index: int) -> str:
        """What the source calls image `index` of this subset."""
        return self.source.name(self.indices[index])


def with_classes(images: ImageSet, classes: tuple[str, ...]) -> ImageSet:
    """The `images` of `classes`, matched by name, labelled by their index in `classes`."""
    if images.classes == classes:
        return images
    numbers = {name: number for number, name in enumerate(classes)}
    new_labels = [numbers.get(name, -1) for name in images.classes]
    labels = [new_labels[images.label(index)] for index in range(len(images))]
    indices = tuple(index for index, label in enumerate(labels) if label >= 0)
    return Subset(images, classes, indices, tuple(labels[index] for index in indices))


def images_per_class(images: ImageSet) -> dict[str, int]:
    """How many images each class has, those without any too."""
    counts = Counter(images.label(index) for index in range(len(images)))
    return {name: counts[label] for label, name in enumerate(images.classes)}


def require_same_classes(train: ImageSet, test: ImageSet) -> None:
    """Raise `UserError` CTC611 unless both sets have the same classes in the same order."""
    if train.classes != test.classes:
        raise class_mismatch(
            f"the training images have {plural(len(train.classes), 'class')}, "
            f"the test images {len(test.classes)}, and not the same ones",
            class_differences(train.classes, test.classes, "training", "testing"),
        )


def class_mismatch(
    message: str, notes: Iterable[str], path: str | None = None, code: str = "CTC611"
) -> UserError:
    """The error for two sets of images that cannot be used together."""
    hint = "use the same class names in all splits: train/cat/ and val/cat/"
    return error(code, message, path=path, notes=notes, hint=hint)


def class_differences(
    first: Sequence[str], second: Sequence[str], first_word: str, second_word: str
) -> tuple[str, ...]:
    """Sentences on the names that only one of two class lists has, three names at most each."""
    notes = []
    for classes, others, word in ((first, second, first_word), (second, first, second_word)):
        known = set(others)
        only = [name for name in classes if name not in known]
        if only:
            notes.append(f"only in {word}: {first_names(only)}")
    return tuple(notes) or ("the names are the same, their order differs",)


def first_names(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
