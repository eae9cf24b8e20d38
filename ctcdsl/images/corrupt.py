"""Images that cannot be read while training: the next one takes their place, up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctcdsl.images.decode import Pixels
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.resize import read_resized
from ctcdsl.text import Diagnostic, UserError, error
from ctcdsl.text.plural import plural

_NAMED = 5  # images that the error names: enough to see what they have in common

Failure = tuple[int, Diagnostic]
"""The index of an image that cannot be read, and why."""
OnReplaced = Callable[[str, str], object]
"""Called with the name of an image that was replaced, and why."""


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Which image was read for an index, mostly that of the index itself."""

    index: int
    failures: tuple[Failure, ...]
    """The images tried before it."""
    found: bool = True
    """False where none of the images tried can be read."""


def read_or_replace(
    images: ImageSet, index: int, max_tries: int, shorter: int
) -> tuple[Pixels | None, ReadResult]:
    """The first of `max_tries` images from `index` on that can be read; after the last the first.

    It is resized to the `shorter` side. What replaces an image depends on its index alone, and
    not on who reads or on what was read before. Raises `UserError` CTC604 at once: a missing
    permission is not worked around.
    """
    failures: list[Failure] = []
    for step in range(min(max_tries, len(images))):
        tried = (index + step) % len(images)
        try:
            return read_resized(images, tried, shorter), ReadResult(tried, tuple(failures))
        except UserError as cause:
            failures.append((tried, require_corrupt(cause)))
    return None, ReadResult(index, tuple(failures), found=False)


def require_corrupt(cause: UserError) -> Diagnostic:
    """The diagnostic of an image that cannot be read; another error than CTC603 is raised."""
    if any(diagnostic.code != "CTC603" for diagnostic in cause.diagnostics):
        raise cause
    return cause.diagnostics[0]


class CorruptImages:
    """The images of a set that could not be read; `on_replaced` is called once for each of them.

    `num_images` of the set are read, and the share `limit` of those may be replaced.
    """

    def __init__(
        self, images: ImageSet, *, num_images: int, limit: float, on_replaced: OnReplaced
    ) -> None:
        self._images, self._num_images, self._limit = images, num_images, limit
        self._on_replaced = on_replaced
        self._corrupt: dict[int, Diagnostic] = {}
        self.max_tries = int(limit * num_images) + 1
        """How many images in a row are worth trying: with so many corrupt ones the run stops."""

    def add(self, result: ReadResult) -> None:
        """Count the failures of `result`. Raises `UserError` CTC631 above the limit."""
        for index, diagnostic in result.failures:
            if index not in self._corrupt:
                self._corrupt[index] = diagnostic
                self._on_replaced(self._images.name(index), diagnostic.message)
        if not result.found or len(self._corrupt) >= self.max_tries:
            raise self._too_many()

    def _too_many(self) -> UserError:
        count = len(self._corrupt)
        named = list(self._corrupt.values())[:_NAMED]
        return error(
            "CTC631",
            f"{plural(count, 'image')} of {self._num_images} cannot be read, "
            f"more than the {100 * self._limit:g} % that may be replaced",
            notes=(
                *(f"{diagnostic.path}: {diagnostic.message}" for diagnostic in named),
                f"and {count - _NAMED} more" if count > _NAMED else "",
            ),
            hint=(
                "`ctcdsl data check` finds them all: replace them or take them out",
                "--max-corrupt sets another limit",
            ),
        )
