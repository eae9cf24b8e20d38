"""Which images a run sees, told by their contents: the same at another path, whenever written."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ctcdsl.distributed.processes import SINGLE_PROCESS, Processes
from ctcdsl.images.image_set import ImageSet, Relabelled, Subset
from ctcdsl.images.packs import PackedImages
from ctcdsl.images.threads import prefetch
from ctcdsl.text.diagnostic import UserError
from ctcdsl.text.plural import plural

FILE = "images.jsonl.gz"
"""The list of a run's images, in its folder: a line an image."""
_UNREADABLE = "unreadable"
_GROUP, _AHEAD = 64, 4
_NAMED = 3


class ImageRecord(NamedTuple):
    """An image of a run."""

    split: str
    """``train``, or that of the test after each epoch."""
    label: str
    """The name of its class."""
    name: str
    content: str
    """64 bits of its file's SHA-256, or length and CRC-32 in a pack."""


def list_images(
    train: ImageSet,
    test: ImageSet,
    *,
    tested_on: str = "test",
    threads: int,
    progress: Callable[[int, int], object] = lambda done, total: None,
    ranks: Processes = SINGLE_PROCESS,
) -> tuple[ImageRecord, ...]:
    """All images of both sets in their order, the second being the split `tested_on`.

    Each of several processes reads its share.

    Files are read and not decoded; of a pack the index is enough. `progress` gets the images done
    and the images in all. An image that cannot be read is listed as such.
    Raises `UserError` CTC604 where one may not be read.
    """
    places = [(images, at) for images in (train, test) for at in range(len(images))]
    share = places[ranks.shard.rank :: ranks.shard.world]
    parts = ranks.gather(lambda: list(_contents(share, threads, progress)))
    contents: list[str] = [""] * len(places)
    for rank, part in enumerate(parts):
        contents[rank :: ranks.shard.world] = part
    return tuple(
        ImageRecord(
            "train" if number < len(train) else tested_on,
            images.classes[images.label(at)],
            images.name(at),
            content,
        )
        for number, ((images, at), content) in enumerate(zip(places, contents, strict=True))
    )


def digest(images: Iterable[ImageRecord]) -> str:
    """SHA-256 of the list."""
    sums = hashlib.sha256()
    for image in images:
        sums.update(f"{json.dumps(image)}\n".encode())
    return sums.hexdigest()


def to_bytes(images: Iterable[ImageRecord]) -> bytes:
    """The list as `FILE`; the same list gives the same bytes."""
    lines = "".join(f"{json.dumps(image)}\n" for image in images)
    return gzip.compress(lines.encode(), mtime=0)


def read(run: Path) -> tuple[ImageRecord, ...] | None:
    """The list in the folder `run`; None where it is missing or damaged."""
    try:
        text = gzip.decompress((run / FILE).read_bytes()).decode()
        return tuple(ImageRecord(*json.loads(line)) for line in text.splitlines())
    except (OSError, EOFError, ValueError, TypeError, zlib.error):
        return None


def differences(before: Iterable[ImageRecord], now: Iterable[ImageRecord]) -> tuple[str, ...]:
    """What became of the images, a sentence for each kind of change, with the first names."""
    old = {(image.split, image.name): image for image in before}
    new = {(image.split, image.name): image for image in now}
    both = [(old[key], new[key]) for key in old if key in new]
    groups = (
        ("gone", [image for key, image in old.items() if key not in new]),
        ("new", [image for key, image in new.items() if key not in old]),
        ("of another class", [image for was, image in both if was.label != image.label]),
        ("of other contents", [image for was, image in both if was.content != image.content]),
    )
    found = tuple(_sentence(what, images) for what, images in groups if images)
    return found or ("the order of the images is another one",)


def _sentence(what: str, images: Sequence[ImageRecord]) -> str:
    names = ", ".join(f"{image.split}/{image.name}" for image in images[:_NAMED])
    more = ", …" if len(images) > _NAMED else ""
    return f"{plural(len(images), 'image')} {what}: {names}{more}"


def _contents(
    places: Sequence[tuple[ImageSet, int]], threads: int, progress: Callable[[int, int], object]
) -> Iterator[str]:
    groups = (_Group(places[start : start + _GROUP]) for start in range(0, len(places), _GROUP))
    done = 0
    for group in prefetch(groups, threads=threads, depth=_AHEAD):
        yield from group.contents
        done += len(group.contents)
        progress(done, len(places))


class _Group:
    """Some images whose contents are being read."""

    def __init__(self, places: Sequence[tuple[ImageSet, int]]) -> None:
        self._places = places
        self.contents = [""] * len(places)

    @property
    def tasks(self) -> list[Callable[[], object]]:
        """A call for each image."""
        return [partial(self._read, slot) for slot in range(len(self._places))]

    def _read(self, slot: int) -> None:
        self.contents[slot] = _content(*self._places[slot])


def _content(images: ImageSet, index: int) -> str:
    if isinstance(images, Subset | Relabelled):
        return _content(images.source, images.indices[index])
    if isinstance(images, PackedImages):
        row = images.rows[index]
        return f"{row['length']:x}-{row['crc']:08x}"
    content = getattr(images, "content", None)
    try:
        # Images that have no file, such as patches of photographs, are their pixels.
        stored = content(index) if content is not None else images.pixels(index).tobytes()
    except UserError as error:
        if any(each.code != "CTC603" for each in error.diagnostics):
            raise
        return _UNREADABLE
    return hashlib.sha256(stored).hexdigest()[:16]
