"""The most memory that training takes, for any batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.metrics.groups import grouped
from ctcdsl.metrics.recorder import Recorder
from ctcdsl.metrics.step import Precision, training_step, weights_of
from ctcdsl.ops.tensor import IMAGE, Size


class Peaks(NamedTuple):
    """The most bytes at any time, for any batch: the largest of some straight lines.

    Each is a number of bytes, and one for each image.
    """

    lines: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, sizes: Iterable[Size]) -> Peaks:
        """The largest of sizes; without those that are below another for every batch."""
        highest: dict[int, int] = {}
        for size in sizes:
            image, fixed = divmod(size, IMAGE)
            if fixed > highest.get(image, -1):
                highest[image] = fixed
        return cls(tuple((fixed, image) for image, fixed in highest.items()))

    def at(self, batch: int) -> int:
        """Bytes for a batch."""
        return max(fixed + batch * image for fixed, image in self.lines)

    def largest_batch(self, available: int) -> int:
        """The most images that fit in `available` bytes, 0 where not one does."""
        return max(0, min((available - fixed) // image for fixed, image in self.lines if image))


class TrainingPeaks(NamedTuple):
    """The most bytes of a training step for any batch.

    `step` where a step takes all images at once; `part` where it adds up the gradients of several
    parts.
    """

    step: Peaks
    part: Peaks


def training_peaks(network: Network, precision: Precision, pixel_bytes: int = 0) -> TrainingPeaks:
    """The peaks of training by SGD with momentum, without the work space of kernels.

    Args:
        network: The network.
        precision: Of its layers.
        pixel_bytes: What the caller holds of each image besides.
    """
    graph = lower(network)
    groups, recorder = grouped(graph), Recorder(half=precision == "bf16")
    weights = weights_of(groups, "sgd")
    base, moments, *_ = training_step(network, graph, groups, weights, recorder)
    base += IMAGE * pixel_bytes
    # Gradients are there from the start; new ones are added to them, and freed.
    added = base + weights.gradients
    return TrainingPeaks(
        step=Peaks.of(base + moment.alive for moment in moments),
        part=Peaks.of(added + moment.alive - moment.gradients for moment in moments),
    )
