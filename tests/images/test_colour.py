import numpy as np
import pytest
import torch

from ctcdsl.images.colour import Statistics, colour_shift, measure, preprocess
from ctcdsl.images.resize import resize_shorter
from tests.support.tiny import Blots

STATISTICS = Statistics(
    mean=(100.0, 110.0, 120.0),
    deviations=(60.0, 20.0, 5.0),
    axes=((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0)),
)


def test_mean_and_axes_are_those_of_all_pixels() -> None:
    images = Blots(each=10)
    pixels = np.concatenate(
        [images.pixels(index).reshape(-1, 3) for index in range(len(images))]
    ).astype(np.float64)
    found = measure(images, 1000, shorter=16)
    assert np.allclose(found.mean, pixels.mean(axis=0))
    axes, covariance = np.array(found.axes), np.cov(pixels.T, bias=True)
    assert np.allclose(axes @ axes.T, np.eye(3))
    assert np.allclose(axes @ covariance @ axes.T, np.diag(np.square(found.deviations)))
    assert list(found.deviations) == sorted(found.deviations, reverse=True)


def test_a_sample_is_spread_over_the_set() -> None:
    images, seen = Blots(each=10), []
    found = measure(images, 4, shorter=16, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    chosen = [images.pixels(index) for index in (0, 7, 15, 22)]
    assert np.allclose(found.mean, np.mean(chosen, axis=(0, 1, 2)))
    assert found == measure(images, 4, shorter=16)


def test_every_image_counts_the_same() -> None:
    class Two(Blots):
        def __len__(self) -> int:
            return 2

    big, small = Blots(size=(60, 16)).pixels(0), Blots(size=(16, 16)).pixels(1)
    both = Two()
    object.__setattr__(both, "pixels", lambda index: (big, small)[index])
    expected = (big.mean(axis=(0, 1)) + small.mean(axis=(0, 1))) / 2
    assert np.allclose(measure(both, 2, shorter=16).mean, expected)


def test_images_are_scaled_as_in_training() -> None:
    images = Blots(each=10)
    found = measure(images, 30, shorter=7)
    small = [resize_shorter(images.pixels(index), 7) for index in range(30)]
    assert np.allclose(found.mean, np.mean(small, axis=(0, 1, 2)))


def test_the_network_sees_pixels_minus_mean_over_divisor() -> None:
    pixels = torch.randint(0, 256, (4, 3, 5, 6), dtype=torch.uint8)
    shift = torch.randn(4, 3)
    before = pixels.clone()
    inputs = preprocess(pixels, STATISTICS, 58.0, shift)
    mean = np.array(STATISTICS.mean)[None, :, None, None]
    naive = (pixels.numpy() - mean + shift.numpy()[:, :, None, None]) / 58.0
    assert np.allclose(inputs, naive, atol=1e-5)
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(pixels, before)
    assert np.allclose(preprocess(pixels, STATISTICS, 1.0), pixels.numpy() - mean, atol=1e-4)


def test_colours_move_along_the_axes() -> None:
    draws = torch.tensor([[1.0, 0.0, 0.0], [0.0, -2.0, 0.0], [1.0, 1.0, 1.0]])
    shift = colour_shift(draws, STATISTICS, 0.1)
    expected = torch.tensor([[3.6, 4.8, 0.0], [3.2, -2.4, 0.0], [2.0, 6.0, 0.5]])
    assert torch.allclose(shift, expected)
    assert torch.count_nonzero(colour_shift(draws, STATISTICS, 0.0)) == 0


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_colours_vary_as_the_training_set_does(sigma: float) -> None:
    draws = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    axes, deviations = np.array(STATISTICS.axes), np.array(STATISTICS.deviations)
    covariance = axes.T @ np.diag((sigma * deviations) ** 2) @ axes
    found = np.cov(colour_shift(draws, STATISTICS, sigma).T)
    assert np.abs(found - covariance).max() < 0.1 * covariance.max()
