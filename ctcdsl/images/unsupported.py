"""Data in forms that are not read: what they are, and what to do about it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final, NamedTuple

from ctcdsl.text.diagnostic import Diagnostic, UserError

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


class UnsupportedFile(NamedTuple):
    """A file in a form that is not read."""

    path: Path
    form: str


def unsupported_format(path: Path) -> UnsupportedFile | None:
    """The form of the file at `path`, by content and name; None where it is none of those."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    form = next((form for start, form in _MAGIC if head.startswith(start)), "")
    suffix = path.suffix.lower()
    form = form or _SUFFIXES.get(suffix, "")
    if form == "zip" and suffix in (".npz", ".pt", ".pth"):
        form = "npz" if suffix == ".npz" else "torch"
    if form == "compressed" and (suffix == ".tar" or path.stem.lower().endswith(".tar")):
        form = "compressed tar"
    elif form == "compressed" and suffix in _SUFFIXES:
        form = _SUFFIXES[suffix]
    if not form and _SHARD.search(path.name):
        form = "TFRecord"
    if not form and not suffix and _PICKLE.match(head):
        form = "pickle"
    if not form and _IDX.search(path.name.lower()):
        form = "IDX"
    return UnsupportedFile(path, form) if form else None


def find_unsupported(folder: Path) -> UnsupportedFile | None:
    """The first file of such a form in `folder`."""
    if not folder.is_dir():
        return unsupported_format(folder) if folder.is_file() else None
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    return next((found for path in paths if (found := unsupported_format(path)) is not None), None)


def unsupported_error(found: UnsupportedFile) -> UserError:
    """The error CTC635, with a command line where one does."""
    path, form = found
    file, folder = shlex.quote(str(path)), shlex.quote(str(path.parent / _plain_name(path)))
    if form == "zip":
        hint = f"unpack it: `python -m zipfile -e {file} {folder}`, then `--data {folder}`"
    elif form == "compressed tar":
        hint = f"unpack it: `mkdir {folder} && tar -xf {file} -C {folder}`, then `--data {folder}`"
    elif form in ("rar", "7z", "compressed"):
        hint = "unpack it, and name the folder that comes out"
    else:
        hint = (
            "write its images to folders, train/CLASS/NAME.png: `ctcdsl explain CTC635` has a"
            " script to begin with"
        )
    article = "an" if form in _AN else "a"
    return UserError(
        Diagnostic(
            code="CTC635",
            message=f"this is {article} {form} file, which is not read: images are read at any"
            " place, from folders, plain .tar files and packs",
            path=str(path),
            hints=(hint,),
        )
    )


def _plain_name(path: Path) -> str:
    name = path.name
    for suffix in reversed(path.suffixes):
        if suffix.lower() in _SUFFIXES or suffix.lower() == ".tar":
            name = name.removesuffix(suffix)
    return name if name != path.name else f"{name}-unpacked"
