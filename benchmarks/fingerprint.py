"""What fingerprints of images cost, compared with reading them for training.

`python benchmarks/fingerprint.py FOLDER [THREADS]`: FOLDER is what `--data` takes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ctcdsl.images.fingerprint import digest, list_images, to_bytes
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.resize import read_resized
from ctcdsl.images.split_choice import open_splits
from ctcdsl.images.threads import prefetch_each


def _decode_all(images: ImageSet, threads: int) -> None:
    for _ in prefetch_each(
        lambda index: read_resized(images, index, 256),
        range(len(images)),
        threads=threads,
        progress=lambda done, total: None,
    ):
        pass


def main() -> None:
    """Measure, and print a line for each measurement."""
    splits = open_splits(Path(sys.argv[1]))
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1
    images = len(splits.train) + len(splits.test)
    for title in ("contents, first time", "contents, files cached"):
        began = time.perf_counter()
        records = list_images(splits.train, splits.test, threads=threads)
        print(f"{title}: {images / (time.perf_counter() - began):,.0f} images/s, {threads} threads")
    began = time.perf_counter()
    digest(records)
    size = len(to_bytes(records))
    seconds = time.perf_counter() - began
    print(
        f"digest and list: {1e6 * seconds / images:.1f} µs and {size / images:.0f} bytes an image"
    )
    began = time.perf_counter()
    _decode_all(splits.train, threads)
    speed = len(splits.train) / (time.perf_counter() - began)
    print(f"decoding and scaling, as an epoch does: {speed:,.0f} images/s, {threads} threads")


if __name__ == "__main__":
    main()
