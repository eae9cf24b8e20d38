"""Random choices: functions of (seed, epoch, index), spread as they should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from ctcdsl.images.resize import resize_shorter
from ctcdsl.images.sampling import augment_params, cut_crop, epoch_order
from tests.support.tiny import blot


def numbers(seed: int, epoch: int, indices: Sequence[int]) -> NDArray[np.float64]:
    """(images, 6): all that is drawn."""
    found = augment_params(seed, epoch, indices)
    return np.column_stack([found.crop_positions, found.mirror, found.colour])


def test_choices_depend_on_seed_epoch_and_index_alone() -> None:
    everything = numbers(1, 2, range(100))
    for some in ([3], [99, 0, 3], range(7, 80, 11)):
        assert np.array_equal(numbers(1, 2, some), everything[list(some)])
    keys = [(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4), (3, 2, 1), (0, 0, 0), (2**63, 2, 3)]
    each = np.concatenate([numbers(seed, epoch, [index]) for seed, epoch, index in keys])
    assert len(np.unique(each)) == each.size
    assert numbers(1, 2, []).shape == (0, 6)


def test_the_stream_is_that_of_splitmix64() -> None:
    """Against the generator as published: a state that grows, and a mixing of it."""
    state = int(np.random.SeedSequence([2, 7, 3]).generate_state(1, np.uint64)[0])
    gamma, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    state = state * gamma & mask
    expected = []
    for _ in range(7 * 5 + 3):
        value = state
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & mask
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB & mask
        expected.append(((value ^ (value >> 31)) >> 11) / 2**53)
        state = (state + gamma) & mask
    found = augment_params(7, 3, range(6))
    assert [*found.crop_positions[5], found.mirror[5]] == expected[35:]
    assert [*found.crop_positions[0], found.mirror[0]] == expected[:3]


@pytest.mark.parametrize(
    "found",
    [
        numbers(0, 1, range(200_000)),
        numbers(3, 90, range(1_000_000, 1_200_000)),
        np.concatenate([numbers(seed, 1, [5]) for seed in range(20_000)]),
        np.concatenate([numbers(0, epoch, [0]) for epoch in range(20_000)]),
    ],
    ids=["images", "later images", "seeds", "epochs"],
)
def test_choices_are_spread_as_they_should(found: NDArray[np.float64]) -> None:
    images = len(found)
    uniform, normal = found[:, :3], found[:, 3:]
    assert uniform.min() >= 0
    assert uniform.max() < 1
    for values in uniform.T:
        counts = np.histogram(values, 20, (0, 1))[0]
        assert ((counts - images / 20) ** 2).sum() / (images / 20) < 50  # chi-squared, 19 degrees
    for values in normal.T:
        below = [(values < edge).mean() for edge in (-2, -1, 0, 1, 2)]
        assert below == pytest.approx([0.0228, 0.1587, 0.5, 0.8413, 0.9772], abs=2 / images**0.5)
    bound = 5 / images**0.5
    assert np.abs(np.corrcoef(found.T) - np.eye(6)).max() < bound
    following = np.corrcoef(found[:-1].T, found[1:].T)[:6, 6:]  # one image and the next
    assert np.abs(following).max() < bound


def test_every_epoch_shows_every_image_in_an_order_of_its_own() -> None:
    first, second, other = epoch_order(0, 1, 50), epoch_order(0, 2, 50), epoch_order(1, 1, 50)
    assert sorted(first) == list(range(50))
    assert first == epoch_order(0, 1, 50)
    assert first != second
    assert first != other


@pytest.mark.parametrize("size", [(64, 48), (10, 9), (24, 24), (24, 40)])
def test_a_crop_is_part_of_the_scaled_image(size: tuple[int, int]) -> None:
    whole = resize_shorter(np.array(blot(1, size, 3)), 24)
    height, width, _ = whole.shape
    for place in ((0.0, 0.0), (0.999, 0.999), (0.4, 0.7)):
        top, left = int(place[0] * (height - 19)), int(place[1] * (width - 17))
        view = cut_crop(whole, place, (20, 18))
        assert np.array_equal(view, whole[top : top + 20, left : left + 18])
    centre = cut_crop(whole, None, (20, 17))
    top, left = (height - 20) // 2, (width - 17) // 2
    assert np.array_equal(centre, whole[top : top + 20, left : left + 17])


def test_all_places_are_reached() -> None:
    gradient = np.arange(24 * 24, dtype=np.uint16).reshape(24, 24).astype(np.uint8)
    pixels = np.dstack([gradient] * 3)
    found = set()
    for down, right in augment_params(0, 1, range(400)).crop_positions.tolist():
        view = cut_crop(pixels, (down, right), (21, 21))
        found.add(int(view[0, 0, 0]))
    assert found == {24 * y + x for y in range(4) for x in range(4)}
