import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ctcdsl.training.augment import Draw, draw, order, scaled, scaled_size, training_view
from ctcdsl.training.batches import (
    Batch,
    _Loaded,
    _TestViews,
    _TrainingViews,
    _Views,
    steps,
    training_batches,
)
from ctcdsl.training.data import ImageFolder
from ctcdsl.training.ten_view import views
from tiny import Blots, blot, refused, said, tiny_recipe, write_folder


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
    view = training_view(image, choice, crop=(20, 18), shorter=24, flip=0.5, anywhere=True)
    assert np.abs(view.astype(int) - naive).max() <= 1  # rounding of the cut's borders


def test_a_crop_of_an_image_of_that_size_is_exact() -> None:
    image = blot(1, (30, 24), 3)
    choice = Draw(0.5, 0.5, 0.9, (0, 0, 0))
    view = training_view(image, choice, crop=(20, 20), shorter=24, flip=0.5, anywhere=True)
    assert np.array_equal(view, np.asarray(image)[2:22, 5:25])
    centre = training_view(image, choice, crop=(20, 21), shorter=24, flip=0.5, anywhere=False)
    assert np.array_equal(centre, np.asarray(image)[2:22, 4:25])


def test_half_of_the_crops_are_mirrored() -> None:
    image = blot(1, (24, 24), 3)
    plain, mirrored = (
        training_view(
            image, Draw(0, 0, m, (0, 0, 0)), crop=(20, 20), shorter=24, flip=0.5, anywhere=True
        )
        for m in (0.5, 0.49)
    )
    assert np.array_equal(mirrored, plain[:, ::-1])
    assert not np.array_equal(mirrored, plain)


def test_all_places_are_reached() -> None:
    gradient = Image.fromarray(np.arange(24 * 24, dtype=np.uint16).reshape(24, 24).astype(np.uint8))
    found = set()
    for index in range(400):
        view = training_view(
            gradient, draw(0, 1, index), crop=(21, 21), shorter=24, flip=0.0, anywhere=True
        )
        found.add(int(view[0, 0]))
    assert found == {24 * y + x for y in range(4) for x in range(4)}


def test_batches_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    folder = ImageFolder.scan(write_folder(tmp_path, 5))
    alone, helped = (
        list(training_batches(folder, tiny_recipe(workers=n), crop=(12, 12), epoch=4))
        for n in (0, 2)
    )
    assert [len(batch.labels) for batch in alone] == [7, 7, 1]
    assert steps(15, 7) == 3
    assert _equal(alone, helped)
    other_epoch = list(training_batches(folder, tiny_recipe(), crop=(12, 12), epoch=5))
    assert not _equal(alone, other_epoch)


def _equal(first: list[Batch], second: list[Batch]) -> bool:
    return all(
        torch.equal(one, other)
        for batches in zip(first, second, strict=True)
        for one, other in zip(*batches, strict=True)
    )


def test_a_batch_is_what_its_draws_say() -> None:
    images, recipe = Blots(), tiny_recipe()
    batch = next(training_batches(images, recipe, crop=(12, 10), epoch=2))
    assert (batch.pixels.shape, batch.pixels.dtype) == ((7, 3, 12, 10), torch.uint8)
    for row, index in enumerate(order(recipe.seed, 2, len(images))[:7]):
        choice = draw(recipe.seed, 2, index)
        view = training_view(
            images.image(index), choice, crop=(12, 10), shorter=14, flip=0.5, anywhere=True
        )
        assert np.array_equal(batch.pixels[row].permute(1, 2, 0), view)
        assert batch.labels[row] == images.label(index)
        assert torch.equal(batch.draws[row], torch.tensor(choice.colour))


def test_loading_leaves_torchs_random_numbers_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(training_batches(Blots(), tiny_recipe(), crop=(12, 12), epoch=1))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_image_is_named_from_wherever_it_was_read(tmp_path: Path, workers: int) -> None:
    folder = ImageFolder.scan(write_folder(tmp_path, 3))
    bad = tmp_path / "cyan" / "1.jpg"
    bad.write_bytes(bad.read_bytes()[:-200])
    with refused("CTC603") as found:
        list(training_batches(folder, tiny_recipe(workers=workers), crop=(12, 12), epoch=1))
    assert str(bad) in said(found[0])


def test_what_goes_to_workers_can_be_pickled() -> None:
    """Where processes are not forked, they get their images this way."""
    training = _Loaded(_TrainingViews(Blots(), tiny_recipe(), (12, 12), 14, 3))
    testing = _Loaded(_TestViews(Blots(), 14, partial(views, crop=(12, 12))))
    for source in (training, testing):
        here, there = source[4], pickle.loads(pickle.dumps(source))[4]
        assert isinstance(here, _Views)
        assert torch.equal(here.pixels, there.pixels)
        assert here[1:] == there[1:]
