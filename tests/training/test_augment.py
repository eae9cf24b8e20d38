import numpy as np
import pytest
from PIL import Image

from ctcdsl.training.augment import scaled, scaled_size, training_view
from ctcdsl.training.draws import draws
from tiny import blot


def test_the_shorter_side_is_what_was_asked() -> None:
    assert scaled_size(500, 375, 256) == (341, 256)
    assert scaled_size(375, 500, 256) == (256, 341)
    assert scaled_size(20, 20, 91) == (91, 91)
    assert scaled(blot(0, (40, 30), 0), 15).shape == (15, 20, 3)


@pytest.mark.parametrize("size", [(64, 48), (33, 70), (10, 9), (24, 24)])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.999, 0.999), (0.4, 0.7)])
def test_a_crop_is_part_of_the_scaled_image(
    size: tuple[int, int], place: tuple[float, float]
) -> None:
    image = blot(1, size, 3)
    whole = image.resize(scaled_size(*size, 24), Image.Resampling.BILINEAR)
    top = int(place[0] * (whole.height - 20 + 1))
    left = int(place[1] * (whole.width - 18 + 1))
    naive = np.asarray(whole)[top : top + 20, left : left + 18].astype(int)
    view = training_view(image, place, crop=(20, 18), shorter=24)
    assert np.abs(view.astype(int) - naive).max() <= 1  # rounding of the cut's borders


def test_a_crop_of_an_image_of_that_size_is_exact() -> None:
    image = blot(1, (30, 24), 3)
    view = training_view(image, (0.5, 0.5), crop=(20, 20), shorter=24)
    assert np.array_equal(view, np.asarray(image)[2:22, 5:25])
    centre = training_view(image, None, crop=(20, 21), shorter=24)
    assert np.array_equal(centre, np.asarray(image)[2:22, 4:25])


@pytest.mark.parametrize("size", [(24, 24), (24, 40), (31, 24)])
def test_pixels_of_a_raw_pack_are_cut_as_a_decoded_image_is(size: tuple[int, int]) -> None:
    image = blot(1, size, 3)
    raw = np.asarray(image)
    for place, shorter in (((0.2, 0.9), 24), ((0.7, 0.4), 30)):
        cuts = [training_view(each, place, crop=(20, 18), shorter=shorter) for each in (image, raw)]
        assert np.array_equal(cuts[0], cuts[1])
        assert np.array_equal(scaled(image, shorter), scaled(raw, shorter))


def test_all_places_are_reached() -> None:
    gradient = Image.fromarray(np.arange(24 * 24, dtype=np.uint16).reshape(24, 24).astype(np.uint8))
    found = set()
    for down, right in draws(0, 1, range(400)).places.tolist():
        view = training_view(gradient, (down, right), crop=(21, 21), shorter=24)
        found.add(int(view[0, 0]))
    assert found == {24 * y + x for y in range(4) for x in range(4)}
