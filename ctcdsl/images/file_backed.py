"""What image sets on a disk have in common: folders, tar shards and packs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from ctcdsl.images.decode import decode
from ctcdsl.images.image_set import Pixels
from ctcdsl.images.skipped_files import SkippedFiles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileBacked(ABC):
    """An image set each of whose images has the bytes of a file."""

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
