"""The dense test: the trunk once on the whole image, the head on every window of its map.

Overfeat and VGG test "fully convolutionally". The trunk sees the whole scaled image and its mirror
image. A window as large as the map of one crop slides over its last map in steps of one, which are
the trunk's stride in the image; the head takes each window as it would take a crop's map, whatever
head it is: a pyramid, a global pool, or fc layers alone. The softmax outputs are averaged.

That is not what crops at those places would give: where the trunk pads inside, a crop's maps have
zeros at the crop's borders, and here they see the image beyond. Without padding in the trunk the
two are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.evaluation.multi_crop import Input, by_size
from ctcdsl.evaluation.split import Split, run
from ctcdsl.ir import Shape
from ctcdsl.shapes.resize import trunk_output
from ctcdsl.text import UserError, error


@dataclass(slots=True, kw_only=True, eq=False)
class DenseEvaluator:
    """Every window of the map of each image and of its mirror image, averaged."""

    model: nn.Module
    network: Network
    input: Input
    at_once: int
    """Windows that go through the head together, at most."""
    note: str = ""
    _split: Split = field(init=False)
    _window: Shape = field(init=False)

    def __post_init__(self) -> None:
        split = Split.of(self.model, self.network)
        if split is None:
            raise ValueError("the module is not the one generated from the network")
        if not split.head:
            raise _impossible(self.network, "it has no head that could slide over a map")
        self._split = split
        input = self.network.input
        window = trunk_output(self.network, input.height, input.width)
        assert window is not None, "the network is checked at this size"
        self._window = window

    def probabilities(self, images: Sequence[Tensor]) -> Tensor:
        """Float32 (images, classes) of uint8 images (3, H, W): softmax, averaged over windows.

        Raises `UserError` CTC641 where the network cannot take an image of that size whole.
        """
        result: Tensor | None = None
        for group in by_size(images, self.input):
            height, width = group.images.shape[2:]
            if trunk_output(self.network, height, width) is None:
                raise _impossible(
                    self.network, f"with {height}x{width} images its branches leave other maps"
                )
            probabilities = self._of_size(group.images)
            if result is None:
                result = probabilities.new_empty(len(images), probabilities.shape[1])
            result[group.numbers] = probabilities
        assert result is not None
        return result

    def _of_size(self, images: Tensor) -> Tensor:
        both = torch.cat([images, images.flip(-1)])
        maps = run(self._split.trunk, both.contiguous(memory_format=torch.channels_last))
        _, height, width = self._window
        places = list(product(range(maps.shape[2] - height + 1), range(maps.shape[3] - width + 1)))
        step = max(1, self.at_once // len(both))
        total: Tensor | None = None
        for start in range(0, len(places), step):
            group = places[start : start + step]
            windows = [maps[:, :, top : top + height, left : left + width] for top, left in group]
            logits = run(self._split.head, torch.cat(windows))  # (window, mirrored, image)
            likely = logits.float().softmax(dim=1)
            sums = likely.view(2 * len(group), len(images), -1).sum(dim=0)
            total = sums if total is None else total + sums
        assert total is not None
        return total / (2 * len(places))


def _impossible(network: Network, reason: str) -> UserError:
    return error(
        "CTC641",
        f"`{network.name}` cannot be evaluated densely: {reason}",
        hint="evaluate it with 10 views: `--views 10`",
    )
