"""The places of an image that a test looks at.

Section 5: "During testing, the 10 views are those cropped from the center or the four corners,
with their flipped versions."
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ctcdsl.evaluation.shared_layers import Offset
from ctcdsl.images.sampling import Crop
from ctcdsl.text.plural import plural

Views = Literal[1, 10, "dense"]
"""The centre, the paper's ten, or every place that the trunk's stride allows (see `dense`)."""

VIEW_NAMES = (
    *("top left", "top right", "bottom left", "bottom right", "centre"),
    *("top left, flipped", "top right, flipped", "bottom left, flipped"),
    *("bottom right, flipped", "centre, flipped"),
)
"""The views in the order of `views`; a flipped view is the mirror image of that crop."""


def counted(views: Views) -> str:
    """What a test is called: ``1 view``, ``10 views``, ``dense views``."""
    return plural(views, "view") if views != "dense" else "dense views"


def five_places(height: int, width: int, crop: Crop) -> tuple[Offset, ...]:
    """Top and left of the four corners and the centre in an image, in the order of `VIEW_NAMES`."""
    bottom, right = height - crop[0], width - crop[1]
    return ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2))


def centre_place(height: int, width: int, crop: Crop) -> tuple[Offset, ...]:
    """Top and left of the centre alone."""
    return five_places(height, width, crop)[4:]


def views(image: Tensor, crop: Crop) -> Tensor:
    """The ten views (10, 3, h, w) of `image` (3, H, W), in the order of `VIEW_NAMES`."""
    height, width = crop
    places = five_places(image.shape[1], image.shape[2], crop)
    five = torch.stack([image[:, top : top + height, left : left + width] for top, left in places])
    return torch.cat([five, five.flip(-1)])


def centre_view(image: Tensor, crop: Crop) -> Tensor:
    """The centre view alone, (1, 3, h, w): the fifth of `views`."""
    ((top, left),) = centre_place(image.shape[1], image.shape[2], crop)
    return image[None, :, top : top + crop[0], left : left + crop[1]]
