"""Colour statistics of a training set, network input by them, and grey levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ctcdsl.images.corrupt import read_or_replace
from ctcdsl.images.decode import Pixels
from ctcdsl.images.image_set import ImageSet
from ctcdsl.text import Diagnostic, Severity, UserError

Levels = tuple[float, ...]
"""A number for each channel: red, green and blue, or grey alone."""

_GREY, _HALF = (19595, 38470, 7471), 1 << 15  # of 65536
_LOOKED_AT = 16
_TRIES = 100  # unreadable images in a row: training would not begin with such data


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean and principal axes of the pixels, in the scale 0..255; of three channels or of one."""

    mean: Levels
    """Mean of red, green and blue, or of grey."""
    deviations: Levels
    """Standard deviation along each axis (square roots of the covariance's eigenvalues), largest
    first."""
    axes: tuple[Levels, ...]
    """The unit axes (eigenvectors), in the order of `deviations`."""

    @property
    def channels(self) -> int:
        """3, or 1 for a network that takes grey images."""
        return len(self.mean)


def measure(
    images: ImageSet,
    sample: int,
    *,
    shorter: int,
    channels: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> Statistics:
    """The statistics of `sample` images spread evenly over the set, all of them if it has fewer.

    Images are resized as in training, so those of a raw pack give the same as the files it was
    made of; each has the same weight. `progress` gets the images done and in all. For an image
    that cannot be read the next one counts, as in training (see `corrupt`). With `channels` 1 they
    are those of the grey levels (see `grey`).
    Raises `UserError` CTC603 where many in a row cannot be read.
    """
    count = min(sample, len(images))
    first, second = np.zeros(channels), np.zeros((channels, channels))
    for done in range(count):
        image, result = read_or_replace(images, done * len(images) // count, _TRIES, shorter)
        if image is None:
            raise UserError(*(diagnostic for _, diagnostic in result.failures[:1]))
        levels = image if channels == 3 else grey(image)
        pixels = levels.reshape(-1, channels).astype(np.float64)
        first += pixels.mean(axis=0)
        second += pixels.T @ pixels / len(pixels)
        if progress is not None:
            progress(done + 1, count)
    mean = first / count
    variances, columns = np.linalg.eigh(second / count - np.outer(mean, mean))
    # eigh sorts upwards and leaves the signs open: fix both, so that a seed means one colour.
    deviations = np.sqrt(np.clip(variances[::-1], 0.0, None))
    axes = columns.T[::-1]
    strongest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(channels), strongest])[:, None]
    return Statistics(_levels(mean), _levels(deviations), tuple(map(_levels, axes)))


def grey(pixels: Pixels) -> Pixels:
    """(height, width, 1): the grey levels of RGB `pixels`, (299 R + 587 G + 114 B) / 1000.

    In whole numbers, as Pillow computes them: where the three are equal, grey is the same.
    """
    weighted = pixels.astype(np.int32) @ np.array(_GREY, dtype=np.int32)
    return ((weighted + _HALF) >> 16).astype(np.uint8)[..., None]


def _grey(pixels: Tensor) -> Tensor:
    """`grey` of uint8 (N, 3, H, W) on any device: (N, 1, H, W)."""
    red, green, blue = (pixels[:, channel : channel + 1].to(torch.int32) for channel in range(3))
    weighted = red * _GREY[0] + green * _GREY[1] + blue * _GREY[2]
    return ((weighted + _HALF) >> 16).to(torch.uint8)


def preprocess(
    pixels: Tensor,
    statistics: Statistics,
    divisor: float,
    shift: Tensor | None = None,
    mirrored: Tensor | None = None,
) -> Tensor:
    """Float32 (N, C, H, W), channels last, of uint8 `pixels` (N, 3, H, W): see `Recipe`.

    C is 3, or 1 where the `statistics` are of grey levels. `shift`, in grey levels, is added to
    the channels of each image: (N, C). Images that are `mirrored`, bool (N,), have left and right
    exchanged.
    """
    if mirrored is not None:
        pixels = mirror(pixels, mirrored)
    if statistics.channels == 1:
        pixels = _grey(pixels)
    offset = (
        _on_device(pixels.device, statistics).mean.neg().expand(len(pixels), statistics.channels)
    )
    if shift is not None:
        offset = offset + shift
    values = pixels.to(torch.float32, memory_format=torch.channels_last)
    return values.add_(offset[:, :, None, None]).div_(divisor)


def mirror(pixels: Tensor, mirrored: Tensor) -> Tensor:
    """`pixels` (N, 3, H, W) with left and right exchanged in the images that are `mirrored`."""
    if pixels.device.type == "cpu":  # several times as fast there as choosing pixel by pixel
        flipped = pixels.clone()
        for number in mirrored.nonzero()[:, 0].tolist():
            flipped[number] = pixels[number].flip(-1)
        return flipped
    return torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)


def colour_shift(draws: Tensor, statistics: Statistics, sigma: float) -> Tensor:
    """Shifts (N, C) in grey levels of standard normal `draws` (N, 3), one an axis; C as above.

    AlexNet's PCA colour augmentation: sum over the axes of draw x sigma x axis x scale. AlexNet's
    paper scales by the eigenvalues, which depends on the unit of the pixels; its library, which
    this paper used too, by their square roots, and so do we.
    """
    tensors = _on_device(draws.device, statistics)
    return (draws[:, : statistics.channels] * sigma * tensors.deviations) @ tensors.axes


class _OnDevice(NamedTuple):
    """`Statistics` as tensors."""

    mean: Tensor
    deviations: Tensor
    axes: Tensor


@lru_cache(maxsize=8)
def _on_device(device: torch.device, statistics: Statistics) -> _OnDevice:
    # Cached, because a transfer to a GPU waits for all the work queued there before.
    with torch.inference_mode(False):
        numbers = (statistics.mean, statistics.deviations, statistics.axes)
        return _OnDevice(*(torch.tensor(values, device=device) for values in numbers))


def channel_notes(channels: int, images: ImageSet) -> tuple[Diagnostic, ...]:
    """The note CTC917 where images are grey and the network takes colours, or the reverse.

    16 images are looked at, spread evenly over the set: a grey network's note is given where any
    of them has colours, a colour network's where none has.
    """
    count = min(_LOOKED_AT, len(images))
    looks = [_has_colours(images, number * len(images) // count) for number in range(count)]
    coloured = [look for look in looks if look is not None]
    if channels == 1 and any(coloured):
        message = "the network takes grey images: colour images are converted to grey"
    elif channels == 3 and coloured and not any(coloured):
        message = "the images are grey: the network's three channels get the same levels"
    else:
        return ()
    return (Diagnostic(code="CTC917", message=message, severity=Severity.NOTE),)


def _has_colours(images: ImageSet, index: int) -> bool | None:
    """Whether an image has a pixel that is not grey; None where it cannot be read."""
    try:
        pixels = images.pixels(index)
    except UserError:
        return None
    return bool((pixels != pixels[..., :1]).any())


def _levels(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Levels:
    return tuple(values.tolist())
