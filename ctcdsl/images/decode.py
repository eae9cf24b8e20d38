"""One image file to RGB pixels, completely or not at all."""

from __future__ import annotations

import re
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ctcdsl.text import UserError, error, reason

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

Pixels = NDArray[np.uint8]
"""(height, width, 3): red, green and blue."""

_ORIENTATION = 0x0112  # the EXIF tag
_PILLOW = re.compile(r"PIL\.")


def read_file(path: Path, name: str = "", offset: int = 0, size: int = -1) -> bytes:
    """The file at `path`, or `size` bytes of it from `offset` on; errors speak of `name`.

    Raises `UserError` CTC603 where it cannot be read or is too short, CTC604 for a missing
    permission.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            if offset:
                file.seek(offset)
            content = file.read(size)
    except PermissionError:
        raise permission_error(path) from None
    except OSError as cause:
        raise unreadable(name, reason(cause)) from None
    if len(content) < size:
        raise unreadable(name, f"{path.name} ends too early")
    return content


def decode(content: bytes, name: str) -> Pixels:
    """The image in the `content` of a file, upright; of an animation the first frame.

    Raises `UserError` CTC603, with `name`, where it is damaged, truncated or not an image.
    """
    return pixels_of(open_content(content, name), content, name)


def open_content(content: bytes, name: str) -> Image.Image:
    """What Pillow makes of the `content` of a file: its format, mode and size, no pixels yet.

    Raises `UserError` CTC603.
    """
    _silence_pillow()
    try:
        image = Image.open(BytesIO(content))
        image.getexif()  # kept there; damaged ones may raise anything
        return image
    except MemoryError:
        raise
    except Exception as cause:
        raise unreadable(name, _reason(cause)) from None


def is_plain_jpeg(opened: Image.Image) -> bool:
    """Whether decoding is all there is to do: JPEG in colour or grey, upright."""
    plain = opened.format == "JPEG" and opened.mode in ("RGB", "L")
    return plain and opened.getexif().get(_ORIENTATION, 1) == 1


def pixels_of(opened: Image.Image, content: bytes, name: str) -> Pixels:
    """The pixels of an image that was opened of `content`. Raises `UserError` CTC603."""
    _silence_pillow()
    try:
        if is_plain_jpeg(opened) and (pixels := _jpeg_pixels(content)) is not None:
            return pixels
        opened.load()  # Pillow raises here where the file ends too early
        ImageOps.exif_transpose(opened, in_place=True)  # else it copies an upright one, too
        return np.array(_rgb(opened))
    except MemoryError:
        raise
    except Exception as cause:
        # Decoders meet arbitrary bytes: besides OSError Pillow lets SyntaxError, ValueError,
        # struct.error, zlib.error and its own "bomb" error out, and each means a bad file.
        raise unreadable(name, _reason(cause)) from None


def _jpeg_pixels(content: bytes) -> Pixels | None:
    """The RGB pixels of a JPEG, faster than Pillow's; None without simplejpeg, or where it fails.

    Both decode by libjpeg-turbo, whose versions may differ in the last bit of a pixel. Pillow 13.0
    and simplejpeg 1.9 gave the same pixels of 200 ImageNet photographs, full size and packed; a
    run records the versions of both.
    """
    if simplejpeg is None:
        return None
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(content)
    except ValueError:  # damaged, or merely odd: Pillow decides
        return None
    return pixels


def unreadable(name: str, why: str) -> UserError:
    """The error CTC603 for an image."""
    hint = "replace the file, or take it out of the data"
    return error("CTC603", f"cannot read the image: {why}", path=name, hint=hint)


def permission_error(path: Path, what: str = "file") -> UserError:
    """The error CTC604."""
    hint = f"make the {what} readable for you"
    return error("CTC604", f"no permission to read the {what}", path=path, hint=hint)


def _silence_pillow() -> None:
    """Ignore Pillow's warnings of odd EXIF entries and the like: the pixels are there.

    By a filter that stays, since `warnings.catch_warnings` is not for threads: what one thread
    puts back, another has just set.
    """
    if not any(module == _PILLOW for _, _, _, module, _ in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _rgb(image: Image.Image) -> Image.Image:
    """`image` as 8-bit RGB."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    deep = image.mode == "I" and image.format in ("PNG", "PPM")  # Pillow scales both to 16 bits
    if deep or image.mode.startswith("I;16"):  # convert() would clip 16 bits to 8
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode!r} have no fixed range")
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _reason(cause: Exception) -> str:
    if isinstance(cause, UnidentifiedImageError):
        return "not a known image format"
    if isinstance(cause, OSError) and cause.strerror:
        return reason(cause)
    text = str(cause).strip()
    return text.splitlines()[0] if text else type(cause).__name__
