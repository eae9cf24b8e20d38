"""Images that cannot be read while training: the next one takes their place, up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctcdsl.images.augment import read_resized
from ctcdsl.images.image_set import ImageSet, Pixels
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.plural import plural

_NAMED = 5  # images that the error names: enough to see what they have in common

OnReplaced = Callable[[str, str], object]
"""Hears the name of an image that was replaced, and why."""


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Where the pixels for an image came from, mostly itself."""

    index: int
    failures: tuple[tuple[int, Diagnostic], ...]
    """The images before it that cannot be read, and why."""
    hopeless: bool = False
    """None of the images tried can be read."""


def read_or_replace(
    images: ImageSet, index: int, max_tries: int, shorter: int
) -> tuple[Pixels | None, ReadResult]:
    """The first of `tries` images from `index` on that can be read, the last followed by the first.

    It is scaled to the `shorter` side.

    So what replaces an image depends on its index alone, and not on who reads or on what was
    read before. Raises `UserError` CTC604 at once: permission is nothing to be worked around.
    """
    failures: list[tuple[int, Diagnostic]] = []
    for step in range(min(max_tries, len(images))):
        at = (index + step) % len(images)
        try:
            return read_resized(images, at, shorter), ReadResult(at, tuple(failures))
        except UserError as error:
            if any(diagnostic.code != "CTC603" for diagnostic in error.diagnostics):
                raise
            failures.append((at, error.diagnostics[0]))
    return None, ReadResult(index, tuple(failures), hopeless=True)


class CorruptImages:
    """The images of a set that could not be read; `told` hears of each of them once.

    `share` is the part of the set's images that will be read and `limit` the part of those that
    may be replaced.
    """

    def __init__(
        self, images: ImageSet, *, num_images: int, limit: float, on_replaced: OnReplaced
    ) -> None:
        self._images, self._share, self._limit, self._told = images, num_images, limit, on_replaced
        self._bad: dict[int, Diagnostic] = {}
        self.max_tries = int(limit * num_images) + 1
        """How many images in a row are worth trying: with so many bad ones the run stops."""

    def add(self, found: ReadResult) -> None:
        """Count what could not be read. Raises `UserError` CTC631 above the limit."""
        for index, diagnostic in found.failures:
            if index not in self._bad:
                self._bad[index] = diagnostic
                self._told(self._images.name(index), diagnostic.message)
        if found.hopeless or len(self._bad) >= self.max_tries:
            raise UserError(self._too_many())

    def _too_many(self) -> Diagnostic:
        bad = len(self._bad)
        named = list(self._bad.values())[:_NAMED]
        more = (f"and {bad - _NAMED} more",) * (bad > _NAMED)
        return Diagnostic(
            code="CTC631",
            message=(
                f"{plural(bad, 'image')} of {self._share} cannot be read, "
                f"more than the {100 * self._limit:g} % that may be replaced"
            ),
            notes=(*(f"{each.path}: {each.message}" for each in named), *more),
            hints=(
                "`ctcdsl data check` finds them all: replace them or take them out",
                "--max-corrupt sets another limit",
            ),
        )
