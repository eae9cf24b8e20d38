"""What an exported file says of itself: its classes, and how pixels become its input."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from ctcdsl import __version__
from ctcdsl.recipe import PAPER_CROP, PAPER_RESIZE

KEY = "ctcdsl"
"""Under which a file has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """What the file does first: it takes uint8 RGB pixels and computes (pixel - mean) / std."""

    mean: tuple[float, ...]
    """In the scale 0..255: of red, green and blue, or of grey, which the file makes itself."""
    std: tuple[float, ...]
    resize: int
    """The shorter side an image is scaled to before a view of the input's size is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The metadata of an exported file, as JSON under the key `ctcdsl`."""

    name: str
    target: str
    input: tuple[int, int, int]
    """Channels, height and width of the network's input."""
    classes: tuple[str, ...]
    """The names of the outputs; empty where they are not known."""
    preprocessing: Preprocessing | None
    """None: the file takes float32 values as the network does."""
    spec: str
    """The network that the file computes, in canonical form."""
    version: str = __version__

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of a view."""
        return self.input[1], self.input[2]

    @property
    def resize(self) -> int:
        """The shorter side an image is scaled to."""
        if self.preprocessing is None:
            return round(max(self.crop) * PAPER_RESIZE / PAPER_CROP)
        return self.preprocessing.resize

    def to_text(self) -> str:
        """JSON; `pixels` says in words what an image must be."""
        values = asdict(self)
        if self.preprocessing is None:
            values["pixels"] = "float32, NCHW, normalised as the network expects them"
        else:
            values["pixels"] = "uint8, NCHW, RGB, 0..255; the file subtracts mean and divides"
        return json.dumps(values, ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read it; ValueError, KeyError or TypeError where it is not one."""
        values: dict[str, Any] = json.loads(text)
        values.pop("pixels")
        channels, height, width = map(int, values.pop("input"))
        done = values.pop("preprocessing")
        if done is not None:
            mean, std = (tuple(map(float, done[key])) for key in ("mean", "std"))
            done = Preprocessing(mean=mean, std=std, resize=int(done["resize"]))
        return cls(
            input=(channels, height, width),
            classes=tuple(values.pop("classes")),
            preprocessing=done,
            **values,
        )
