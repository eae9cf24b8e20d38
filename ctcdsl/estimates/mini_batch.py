"""The mini-batch that scores are taken on: patches of the photographs that come with ctcdsl."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ctcdsl.images.sample import patches
from ctcdsl.ir import Shape
from ctcdsl.text import error

SIDE = 256
"""Pixels of a patch, before it is resized: smaller ones may be black alone, and so the same."""


def mini_batch(shape: Shape, images: int, seed: int) -> Tensor:
    """Patches of photographs, as large as an input, each channel with mean 0 and deviation 1.

    Returns:
        Float32 (images, 3, height, width), the same for the same arguments.

    Raises:
        UserError: CTC741 the input does not have three channels.
    """
    if shape.channels != 3:
        raise error(
            "CTC741",
            f"NASWOT is taken on photographs, and an input of {shape} is none",
            hint="synflow takes any input",
        )
    known = patches("train", size=SIDE)
    chosen = np.random.default_rng(seed).choice(len(known), images, replace=images > len(known))
    size = (shape.width, shape.height)
    pixels = [Image.fromarray(known.pixels(int(each))).resize(size) for each in chosen]
    batch = torch.from_numpy(np.stack([np.asarray(each) for each in pixels]))
    values = batch.permute(0, 3, 1, 2).float()
    deviation, mean = torch.std_mean(values, dim=(0, 2, 3), keepdim=True)
    return (values - mean) / deviation
