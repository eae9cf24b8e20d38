"""A network, images and settings that several implementations train or test with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.images.decode import Pixels
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.sampling import Crop
from ctcdsl.recipe import Recipe
from ctcdsl.training.initialise import initialise


@dataclass(slots=True)
class Repeated:
    """Images repeated up to `length`, which may be changed between two passes."""

    source: ImageSet
    length: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the images."""
        return self.source.classes

    def __len__(self) -> int:
        return self.length

    def label(self, index: int) -> int:
        """The label of image `index`."""
        return self.source.label(index % len(self.source))

    def pixels(self, index: int) -> Pixels:
        """Image `index`."""
        return self.source.pixels(index % len(self.source))

    def name(self, index: int) -> str:
        """What the images call image `index`."""
        return self.source.name(index % len(self.source))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is the same for all implementations."""

    network: Network
    recipe: Recipe
    at_once: int
    """Images of a batch in a test; each is ten views."""
    device: torch.device
    root: Path
    """The folder of the image files."""

    @property
    def crop(self) -> Crop:
        """The height and width that the network sees."""
        input = self.network.input
        return input.height, input.width

    @property
    def shorter(self) -> int:
        """The shorter side of the images that crops are cut from."""
        return self.recipe.resize_for(self.crop)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.recipe.schedule.rate(1)

    def model(self, layout: torch.memory_format) -> nn.Module:
        """A module of the network on the device, its weights in this layout."""
        model = build_module(self.network)
        torch.manual_seed(self.recipe.seed)
        initialise(model, self.recipe)
        # torch's stubs know no overload with both.
        return model.to(device=self.device, memory_format=layout)  # type: ignore[call-overload, no-any-return]
