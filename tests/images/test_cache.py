"""Images are decoded once in a run of a small set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctcdsl.images.decode import Pixels
from ctcdsl.images.resize import CachedImages
from tests.support.runs import run_training
from tests.support.tiny import Blots, tiny_recipe


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
