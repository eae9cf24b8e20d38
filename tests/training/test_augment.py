import numpy as np
import pytest
from PIL import Image

from ctcdsl.training.augment import Draw, draw, order, scaled, scaled_size, training_view
from tiny import blot


def test_choices_depend_on_seed_epoch_and_index_alone() -> None:
    assert draw(1, 2, 3) == draw(1, 2, 3)
    others = {draw(*key) for key in [(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4), (3, 2, 1)]}
    assert len(others) == 5


def test_choices_are_spread_as_they_should() -> None:
    draws = [draw(0, 1, index) for index in range(2000)]
    for values in ([d.top for d in draws], [d.left for d in draws], [d.mirror for d in draws]):
        assert np.histogram(values, 4, (0, 1))[0].min() > 400
    colours = np.array([d.colour for d in draws])
    assert np.abs(colours.mean(axis=0)).max() < 0.1
    assert np.abs(np.cov(colours.T) - np.eye(3)).max() < 0.1


def test_every_epoch_shows_every_image_in_an_order_of_its_own() -> None:
    first, second, other = order(0, 1, 50), order(0, 2, 50), order(1, 1, 50)
    assert sorted(first) == list(range(50))
    assert first == order(0, 1, 50)
    assert first != second
    assert first != other


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
    choice = Draw(*place, 0.9, (0, 0, 0))
    view = training_view(image, choice, crop=(20, 18), shorter=24, anywhere=True)
    assert np.abs(view.astype(int) - naive).max() <= 1  # rounding of the cut's borders


def test_a_crop_of_an_image_of_that_size_is_exact() -> None:
    image = blot(1, (30, 24), 3)
    choice = Draw(0.5, 0.5, 0.9, (0, 0, 0))
    view = training_view(image, choice, crop=(20, 20), shorter=24, anywhere=True)
    assert np.array_equal(view, np.asarray(image)[2:22, 5:25])
    centre = training_view(image, choice, crop=(20, 21), shorter=24, anywhere=False)
    assert np.array_equal(centre, np.asarray(image)[2:22, 4:25])


@pytest.mark.parametrize("size", [(24, 24), (24, 40), (31, 24)])
def test_pixels_of_a_raw_pack_are_cut_as_a_decoded_image_is(size: tuple[int, int]) -> None:
    image = blot(1, size, 3)
    raw = np.asarray(image)
    for number, shorter in ((1, 24), (2, 30)):
        choice = draw(0, 1, number)
        cuts = [
            training_view(each, choice, crop=(20, 18), shorter=shorter, anywhere=True)
            for each in (image, raw)
        ]
        assert np.array_equal(cuts[0], cuts[1])
        assert np.array_equal(scaled(image, shorter), scaled(raw, shorter))


def test_all_places_are_reached() -> None:
    gradient = Image.fromarray(np.arange(24 * 24, dtype=np.uint16).reshape(24, 24).astype(np.uint8))
    found = set()
    for index in range(400):
        view = training_view(gradient, draw(0, 1, index), crop=(21, 21), shorter=24, anywhere=True)
        found.add(int(view[0, 0]))
    assert found == {24 * y + x for y in range(4) for x in range(4)}
