import numpy as np
import pytest
from PIL import Image

from ctcdsl.images.decode import Pixels
from ctcdsl.images.resize import resize_shorter, resized_size
from ctcdsl.images.sampling import augment_params, cut_crop
from tests.support.tiny import blot


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


@pytest.mark.parametrize("size", [(64, 48), (10, 9), (24, 24), (24, 40)])
def test_a_crop_is_part_of_the_scaled_image(size: tuple[int, int]) -> None:
    pixels = blots(*size)
    whole = resize_shorter(pixels, 24)
    height, width, _ = whole.shape
    for place in ((0.0, 0.0), (0.999, 0.999), (0.4, 0.7)):
        top, left = int(place[0] * (height - 19)), int(place[1] * (width - 17))
        view = cut_crop(whole, place, (20, 18))
        assert np.array_equal(view, whole[top : top + 20, left : left + 18])
    centre = cut_crop(whole, None, (20, 17))
    top, left = (height - 20) // 2, (width - 17) // 2
    assert np.array_equal(centre, whole[top : top + 20, left : left + 17])


def test_pixels_that_must_not_be_written_to_are_scaled_as_others_are() -> None:
    pixels, fixed = blots(40, 30), blots(40, 30)
    fixed.flags.writeable = False  # as those of raw packs
    for shorter in (15, 30, 44):
        assert np.array_equal(resize_shorter(fixed, shorter), resize_shorter(pixels, shorter))
    assert np.array_equal(fixed, pixels)


def test_all_places_are_reached() -> None:
    gradient = np.arange(24 * 24, dtype=np.uint16).reshape(24, 24).astype(np.uint8)
    pixels = np.dstack([gradient] * 3)
    found = set()
    for down, right in augment_params(0, 1, range(400)).crop_positions.tolist():
        view = cut_crop(pixels, (down, right), (21, 21))
        found.add(int(view[0, 0, 0]))
    assert found == {24 * y + x for y in range(4) for x in range(4)}
