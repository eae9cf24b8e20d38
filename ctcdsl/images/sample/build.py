"""Make the photographs of this package: `python -m ctcdsl.images.sample.build`.

For maintainers only. The result is committed, and nothing else imports this module. It needs
scikit-image and scikit-learn, which ctcdsl does not depend on: their wheels carry the
originals. `LICENSES.md` beside this file says whose they are. An encoder of another version
may write other bytes; then the digest in `tests/images/test_sample.py` changes too.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

LONGEST_SIDE = 640
"""Pixels; a larger original is scaled down to it, a smaller one keeps its size."""

# At 640 pixels a patch in a corner of the retina would be black and nothing else.
_LONGEST_SIDE_OF = {"retina": 512}

QUALITY = 90

_SCIKIT_IMAGE = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "retina",
)
_SCIKIT_LEARN = ("china", "flower")


def originals() -> dict[str, Any]:
    """Return each original by its name: uint8, height × width, with or without × 3.

    Raises:
        ModuleNotFoundError: scikit-image or scikit-learn is not installed.
    """
    scikit_image = import_module("skimage.data")
    scikit_learn = import_module("sklearn.datasets")
    return {name: getattr(scikit_image, name)() for name in _SCIKIT_IMAGE} | {
        name: scikit_learn.load_sample_image(f"{name}.jpg") for name in _SCIKIT_LEARN
    }


def write(name: str, original: Any, folder: Path) -> Path:
    """Scale one original, write it as `NAME.jpg` into `folder` and return the path."""
    image = Image.fromarray(original).convert("RGB")
    side = _LONGEST_SIDE_OF.get(name, LONGEST_SIDE)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    path = folder / f"{name}.jpg"
    # Full chroma: upsampling is the step of JPEG decoding in which decoders differ.
    image.save(path, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return path


def main() -> None:
    """Write every photograph and print its size in bytes."""
    folder = Path(__file__).parent / "photographs"
    folder.mkdir(exist_ok=True)
    total = 0
    for name, original in sorted(originals().items()):
        size = write(name, original, folder).stat().st_size
        total += size
        print(f"{size:>9,}  {name}")
    print(f"{total:>9,}  in all")


if __name__ == "__main__":
    main()
