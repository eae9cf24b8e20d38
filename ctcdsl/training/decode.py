"""One image file to RGB pixels, whole or not at all."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ctcdsl.text.diagnostic import Diagnostic, UserError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"})


def decode(path: Path) -> Image.Image:
    """The RGB image in the file at `path`, upright; of an animation the first frame.

    Raises `UserError` CTC603 for a file that is missing, damaged, truncated or no image,
    CTC604 for one that may not be read.
    """
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # odd EXIF entries and the like: the pixels are there
            image = Image.open(file)
            image.load()  # Pillow raises here where the file ends too early
            return _rgb(ImageOps.exif_transpose(image))
    except PermissionError:
        raise UserError(
            Diagnostic(
                code="CTC604",
                message="no permission to read the image",
                path=str(path),
                hints=("make the file readable for you",),
            )
        ) from None
    except MemoryError:
        raise
    except Exception as error:
        # Decoders meet arbitrary bytes: besides OSError Pillow lets SyntaxError, ValueError,
        # struct.error, zlib.error and its own "bomb" error out, and each means a bad file.
        raise UserError(
            Diagnostic(
                code="CTC603",
                message=f"cannot read the image: {_reason(error)}",
                path=str(path),
                hints=("replace the file, or take it out of the data",),
            )
        ) from None


def _rgb(image: Image.Image) -> Image.Image:
    """`image` as 8-bit RGB."""
    if image.mode.startswith("I;16"):  # convert() would clip 16 bits to 8 instead of scaling
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode!r} have no fixed range")
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "this is no image format that is known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
