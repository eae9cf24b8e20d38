"""Grey networks on colour images, and the other way round: what is done is reported."""

from __future__ import annotations

from ctcdsl.images.image_set import ImageSet
from ctcdsl.text.diagnostic import Diagnostic, Severity, UserError

_LOOKED_AT = 16


def channel_notes(channels: int, images: ImageSet) -> tuple[Diagnostic, ...]:
    """The note CTC917 where the images that are looked at have other channels than the network.

    They are 16, spread evenly over the set; a grey network's note is given where any of them has
    colours, a colour network's where none has.
    """
    count = min(_LOOKED_AT, len(images))
    looks = [_coloured(images, number, count) for number in range(count)]
    coloured = [each for each in looks if each is not None]
    if channels == 1 and any(coloured):
        message = "the network takes grey images: colour images are turned grey"
    elif channels == 3 and coloured and not any(coloured):
        message = "the images are grey: the network's three channels get the same levels"
    else:
        return ()
    return (Diagnostic(code="CTC917", message=message, severity=Severity.NOTE),)


def _coloured(images: ImageSet, number: int, count: int) -> bool | None:
    """Whether an image has a pixel that is not grey; None where it cannot be read."""
    try:
        pixels = images.pixels(number * len(images) // count)
    except UserError:
        return None
    return bool((pixels != pixels[..., :1]).any())
