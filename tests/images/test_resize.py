"""Images resized to a shorter side, and kept in memory where there are few."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ctcdsl.images.decode import Pixels
from ctcdsl.images.resize import CachedImages, resize_shorter, resized_size
from tests.support.runs import run_training
from tests.support.tiny import Blots, blot, tiny_recipe


def blots(width: int, height: int) -> Pixels:
    return np.array(blot(1, (width, height), 3))


def test_the_shorter_side_is_what_was_asked() -> None:
    assert resized_size(500, 375, 256) == (341, 256)
    assert resized_size(375, 500, 256) == (256, 341)
    assert resized_size(20, 20, 91) == (91, 91)
    assert resize_shorter(blots(40, 30), 15).shape == (15, 20, 3)


@pytest.mark.parametrize("size", [(64, 48), (33, 70), (10, 9), (500, 375), (1000, 700), (25, 24)])
def test_scaling_is_pillow_s_antialiased_one(size: tuple[int, int]) -> None:
    pixels = blots(*size)
    theirs = Image.fromarray(pixels).resize(resized_size(*size, 24), Image.Resampling.BILINEAR)
    apart = resize_shorter(pixels, 24).astype(int) - np.asarray(theirs)
    assert np.abs(apart).max() <= 1  # of 255: both round twice, and their weights too
    assert abs(apart.mean()) < 0.1


def test_pixels_that_must_not_be_written_to_are_scaled_as_others_are() -> None:
    pixels, fixed = blots(40, 30), blots(40, 30)
    fixed.flags.writeable = False  # as those of raw packs
    for shorter in (15, 30, 44):
        assert np.array_equal(resize_shorter(fixed, shorter), resize_shorter(pixels, shorter))
    assert np.array_equal(fixed, pixels)


def test_each_image_is_decoded_once(tmp_path: Path) -> None:
    seen: list[int] = []

    class Counted(Blots):
        def pixels(self, index: int) -> Pixels:
            seen.append(index)
            return super().pixels(index)

    run_training(tmp_path, tiny_recipe(epochs=2), train_set=Counted())
    assert sorted(seen) == list(range(24))


def test_a_large_set_keeps_none() -> None:
    images = CachedImages(Blots(), 14, limit=1000)
    assert np.array_equal(images.pixels(3), images.pixels(3))
    assert images.pixels(3) is not images.pixels(3)
    assert min(images.pixels(3).shape[:2]) == 14
