"""Texts and arrays in one file: the index of a pack, the list of the images in tar shards."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DAMAGED: Final = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, EOFError),
    zipfile.BadZipFile,
)
"""What `read_index`, or the use of what it returns, raises for a damaged file."""


def index_bytes(texts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The file for `texts`, which JSON can write, and `arrays`."""
    text = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
    file = BytesIO()
    np.savez(file, allow_pickle=False, text=text, **arrays)
    return file.getvalue()


def read_index(file: Path | BytesIO) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `index_bytes` wrote: a zip file, whose checksums are verified. Raises `DAMAGED`."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return json.loads(arrays.pop("text").tobytes()), arrays
