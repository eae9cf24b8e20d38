"""Data in formats that are not supported: what they are, and what to do about it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from pathlib import Path
from typing import Final

from ctcdsl.text import UserError, error

_COMPRESSED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"\x93NUMPY", "npy"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf", "7z"),
    *((start, "compressed") for start in _COMPRESSED),
)
_SUFFIXES: Final = {
    ".zip": "zip",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".npz": "npz",
    ".npy": "npy",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".mat": "mat",
    ".rar": "rar",
    ".7z": "7z",
    ".tfrecord": "TFRecord",
    ".tfrecords": "TFRecord",
    ".mdb": "LMDB",
    ".lmdb": "LMDB",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".beton": "FFCV",
    ".rec": "RecordIO",
    **dict.fromkeys((".tgz", ".tbz", ".tbz2", ".txz"), "compressed tar"),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zst"), "compressed"),
}
_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}$")  # as TFRecord files without a suffix are called
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_IDX: Final = re.compile(r"[.-]idx[13]-ubyte$")  # MNIST's
_AN: Final = frozenset({"arrow", "FFCV", "HDF5", "IDX", "LMDB", "npy", "npz"})
_HEAD: Final = 512


def unsupported_error(path: Path) -> UserError | None:
    """The error CTC635 for a file of such a format, or for the first one in a folder; else None."""
    files = [path]
    with contextlib.suppress(OSError):
        files = sorted(path.iterdir())
    for file in files:
        if os.path.isfile(file) and (form := _format_of(file)):
            article = "an" if form in _AN else "a"
            return error(
                "CTC635",
                f"this is {article} {form} file, which is not supported: images are read in random"
                " order, from folders, plain .tar files and packs",
                path=file,
                hint=_hint(file, form),
            )
    return None


def _format_of(path: Path) -> str:
    """The format of the file at `path`, by content and name; empty where it is none of those."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return ""
    suffix = path.suffix.lower()
    form = next((form for start, form in _MAGIC if head.startswith(start)), "")
    form = form or _SUFFIXES.get(suffix, "")
    if form == "zip" and suffix in (".npz", ".pt", ".pth"):
        return "npz" if suffix == ".npz" else "torch"
    if form == "compressed":
        is_tar = suffix == ".tar" or path.stem.lower().endswith(".tar")
        return "compressed tar" if is_tar else _SUFFIXES.get(suffix, form)
    if form:
        return form
    if _SHARD.search(path.name):
        return "TFRecord"
    if not suffix and _PICKLE.match(head):
        return "pickle"
    return "IDX" if _IDX.search(path.name.lower()) else ""


def _hint(path: Path, form: str) -> str:
    file, folder = shlex.quote(str(path)), shlex.quote(str(path.parent / _plain_name(path)))
    if form == "zip":
        return f"unpack it: `python -m zipfile -e {file} {folder}`, then `--data {folder}`"
    if form == "compressed tar":
        return f"unpack it: `mkdir {folder} && tar -xf {file} -C {folder}`, then `--data {folder}`"
    if form in ("rar", "7z", "compressed"):
        return "unpack it, and pass the folder that comes out"
    return (
        "write its images to folders, train/CLASS/NAME.png: `ctcdsl explain CTC635` has a"
        " script to begin with"
    )


def _plain_name(path: Path) -> str:
    name = path.name
    for suffix in reversed(path.suffixes):
        if suffix.lower() in _SUFFIXES or suffix.lower() == ".tar":
            name = name.removesuffix(suffix)
    return name if name != path.name else f"{name}-unpacked"
