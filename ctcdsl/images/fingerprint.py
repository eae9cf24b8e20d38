"""Which images a run sees, by their contents: the same at another path, whenever written."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ctcdsl.distributed.processes import SINGLE_PROCESS, Processes
from ctcdsl.images.corrupt import require_corrupt
from ctcdsl.images.image_set import FileBacked, ImageSet, Subset
from ctcdsl.images.packs import PackedImages
from ctcdsl.images.threads import prefetch_each
from ctcdsl.text import UserError
from ctcdsl.text.plural import plural

FILE = "images.jsonl.gz"
"""The list of a run's images, in its folder: a line an image."""
_UNREADABLE = "unreadable"
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
    processes: Processes = SINGLE_PROCESS,
) -> tuple[ImageRecord, ...]:
    """All images of both sets in their order, the second being the split `tested_on`.

    Each of several processes reads its shard. Files are read and not decoded; of a pack the index
    is enough. `progress` gets the images done and the images in all. An image that cannot be read
    is listed as such. Raises `UserError` CTC604 for a missing permission.
    """
    items = [(images, at) for images in (train, test) for at in range(len(images))]
    rank, world = processes.shard

    def read_shard() -> list[str]:
        read = prefetch_each(_content, items[rank::world], threads=threads, progress=progress)
        return [content for _, content in read]

    contents: list[str] = [""] * len(items)
    for number, shard in enumerate(processes.gather(read_shard)):
        contents[number::world] = shard
    return tuple(
        ImageRecord(
            "train" if number < len(train) else tested_on,
            images.classes[images.label(at)],
            images.name(at),
            content,
        )
        for number, ((images, at), content) in enumerate(zip(items, contents, strict=True))
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
    """What changed about the images, a sentence for each kind of change, with the first names."""
    old = {(image.split, image.name): image for image in before}
    new = {(image.split, image.name): image for image in now}
    common = [(old[key], new[key]) for key in old if key in new]
    changes = (
        ("gone", [image for key, image in old.items() if key not in new]),
        ("new", [image for key, image in new.items() if key not in old]),
        ("of another class", [image for was, image in common if was.label != image.label]),
        ("of other contents", [image for was, image in common if was.content != image.content]),
    )
    sentences = tuple(_sentence(change, images) for change, images in changes if images)
    return sentences or ("the order of the images differs",)


def _sentence(change: str, images: Sequence[ImageRecord]) -> str:
    names = ", ".join(f"{image.split}/{image.name}" for image in images[:_NAMED])
    more = ", …" if len(images) > _NAMED else ""
    return f"{plural(len(images), 'image')} {change}: {names}{more}"


def _content(item: tuple[ImageSet, int]) -> str:
    images, index = item
    if isinstance(images, Subset):
        return _content((images.source, images.indices[index]))
    if isinstance(images, PackedImages):
        row = images.rows[index]
        return f"{row['length']:x}-{row['crc']:08x}"
    try:
        if isinstance(images, FileBacked):
            content = images.content(index)
        else:  # such as patches of photographs
            content = images.pixels(index).tobytes()
    except UserError as cause:
        require_corrupt(cause)
        return _UNREADABLE
    return hashlib.sha256(content).hexdigest()[:16]
