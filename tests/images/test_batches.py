"""What a step is given: the same whoever reads it, from wherever on, and by however many."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ctcdsl.distributed.processes import Shard
from ctcdsl.images.batch_plan import num_batches
from ctcdsl.images.batches import _AHEAD, Batch, full_image_batches, training_batches
from ctcdsl.images.colour import measure, mirror
from ctcdsl.images.decode import Pixels
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.image_set import ImageSet, Subset
from ctcdsl.images.resize import resize_shorter
from ctcdsl.images.sampling import augment_params, epoch_order
from ctcdsl.images.threads import NAME, reading_threads
from ctcdsl.recipe import Recipe
from tests.support.tiny import Blots, decode_file, refused, said, tiny_recipe, write_folder_atomic

CROP = (12, 10)


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    return ImageFolder.scan(write_folder_atomic(tmp_path, 6, size=(27, 19)))


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert not [each.name for each in threading.enumerate() if each.name.startswith(NAME)]


def reference(images: ImageSet, recipe: Recipe, index: int, epoch: int) -> Pixels:
    """A view as the network is to see it, by the plainest calls."""
    whole, choice = (
        resize_shorter(images.pixels(index), recipe.resize_for(CROP)),
        augment_params(5, epoch, [index]),
    )
    ((down, right),) = choice.crop_positions
    top = int(down * (whole.shape[0] - CROP[0] + 1))
    left = int(right * (whole.shape[1] - CROP[1] + 1))
    view = whole[top : top + CROP[0], left : left + CROP[1]]
    return view[:, ::-1] if choice.mirror[0] < recipe.flip else view


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("resize", [14, 19])  # of 27x19 images: scaled, and only cut
def test_batches_are_what_the_draws_say(folder: ImageFolder, workers: int, resize: int) -> None:
    recipe = tiny_recipe(workers=workers, resize=resize)
    batches = list(training_batches(folder, recipe, crop=CROP, epoch=4))
    assert [len(batch.labels) for batch in batches] == [7, 7, 4]
    assert num_batches(18, 7) == 3
    indices = epoch_order(recipe.seed, 4, len(folder))
    for step, batch in enumerate(batches):
        assert batch.pixels.dtype == torch.uint8
        assert batch.pixels.is_contiguous(memory_format=torch.channels_last)
        seen = mirror(batch.pixels, batch.mirrored)
        assert seen.is_contiguous(memory_format=torch.channels_last)
        for slot, index in enumerate(indices[7 * step :][:7]):
            assert np.array_equal(seen[slot].permute(1, 2, 0), reference(folder, recipe, index, 4))
            assert batch.labels[slot] == folder.label(index)
            assert np.array_equal(batch.colour_draws[slot], augment_params(5, 4, [index]).colour[0])
    assert 0 < sum(int(batch.mirrored.sum()) for batch in batches) < 18
    assert not _equal(batches, list(training_batches(folder, recipe, crop=CROP, epoch=5)))


def test_choosing_on_a_gpu_mirrors_as_flipping_on_a_cpu_does() -> None:
    pixels = torch.randint(256, (5, 3, 4, 6), dtype=torch.uint8)
    flags = torch.tensor([True, False, False, True, True])
    chosen = torch.where(flags[:, None, None, None], pixels.flip(-1), pixels)
    assert torch.equal(mirror(pixels, flags), chosen)
    assert mirror(pixels[:0], flags[:0]).shape == (0, 3, 4, 6)


def _equal(first: list[Batch], second: list[Batch]) -> bool:
    return all(
        torch.equal(one, other)
        for batches in zip(first, second, strict=True)
        for one, other in zip(*batches, strict=True)
    )


class Counting(Blots):
    """Remembers which images were asked for."""

    asked: list[int]

    def pixels(self, index: int) -> Pixels:
        self.asked.append(index)
        return super().pixels(index)


def counting() -> Counting:
    images = Counting(each=20)
    object.__setattr__(images, "asked", [])
    return images


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_epoch_reads_only_what_is_left(workers: int) -> None:
    images, recipe = counting(), tiny_recipe(workers=workers)
    whole = list(training_batches(images, recipe, crop=CROP, epoch=1))
    images.asked.clear()
    rest = list(training_batches(images, recipe, crop=CROP, epoch=1, first_step=6))
    assert _equal(rest, whole[6:])
    assert sorted(images.asked) == sorted(epoch_order(5, 1, 60)[42:])
    assert not list(training_batches(images, recipe, crop=CROP, epoch=1, first_step=9))


@pytest.mark.parametrize("world", [2, 3, 9])
def test_shares_together_are_the_batches_of_the_whole(world: int) -> None:
    images, recipe = Blots(each=5), tiny_recipe()  # 15 images: the last batch has 1
    whole = list(training_batches(images, recipe, crop=CROP, epoch=2))
    shares = [
        list(training_batches(images, recipe, crop=CROP, epoch=2, shard=Shard(rank, world)))
        for rank in range(world)
    ]
    assert {len(batches) for batches in shares} == {3}, "every rank takes every step"
    for step, batch in enumerate(whole):
        for rank, batches in enumerate(shares):
            assert all(
                torch.equal(mine, all_of[rank::world])
                for mine, all_of in zip(batches[step], batch, strict=True)
            )


@pytest.mark.parametrize("workers", [0, 2])
def test_whole_images_in_their_order_and_in_shares(folder: ImageFolder, workers: int) -> None:
    recipe = tiny_recipe(workers=workers)
    found = list(full_image_batches(folder, recipe, crop=CROP, batch=4))
    assert [len(each.labels) for each in found] == [4, 4, 4, 4, 2]
    images = [image for each in found for image in each.images]
    for index, image in enumerate(images):
        assert np.array_equal(image.permute(1, 2, 0), resize_shorter(folder.pixels(index), 14))
    second = list(full_image_batches(folder, recipe, crop=CROP, batch=4, shard=Shard(1, 2)))
    shared = [image for each in second for image in each.images]
    assert all(torch.equal(*pair) for pair in zip(shared, images[1::2], strict=True))
    assert torch.cat([each.labels for each in second]).tolist() == list(folder.labels[1::2])


def test_loading_leaves_torchs_random_numbers_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for workers in (0, 1):
        list(training_batches(Blots(), tiny_recipe(workers=workers), crop=CROP, epoch=1))
    assert torch.equal(before, torch.get_rng_state())


def test_a_batch_in_parts_is_the_batch() -> None:
    batch = next(training_batches(Blots(), tiny_recipe(), crop=CROP, epoch=1))
    parts = [batch.subset(0, 3), batch.subset(3, 6), batch.subset(6, 9)]
    assert [len(part.labels) for part in parts] == [3, 3, 1]
    assert _equal([Batch(*map(torch.cat, zip(*parts, strict=True)))], [batch])
    assert _equal([batch.to(torch.device("cpu"))], [batch])


def test_memory_is_bounded() -> None:
    images = counting()
    batches = training_batches(images, tiny_recipe(workers=2, batch=4), crop=CROP, epoch=1)
    next(batches)
    for _ in range(200):  # what may be read ahead is read soon
        threading.Event().wait(0.005)
        if len(images.asked) == 4 * (_AHEAD + 1):
            break
    threading.Event().wait(0.05)
    assert len(images.asked) == 4 * (_AHEAD + 1)
    batches.close()  # type: ignore[attr-defined]


# Images that cannot be read


def damage(root: Path, *names: str) -> None:
    for name in names:
        (root / name).write_bytes(b"\xff\xd8 nothing")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_image_is_replaced_by_the_next_one(folder: ImageFolder, workers: int) -> None:
    recipe = tiny_recipe(workers=workers, max_corrupt=0.2)
    whole = list(training_batches(folder, recipe, crop=CROP, epoch=1))
    damage(folder.root, "blue/2.jpg", "cyan/4.jpg", "cyan/5.jpg")  # indices 8, 16 and 17
    reported: list[tuple[str, str]] = []
    found = list(
        training_batches(
            folder, recipe, crop=CROP, epoch=1, on_replaced=lambda *each: reported.append(each)
        )
    )
    pixels, labels = (torch.cat([batch[field] for batch in found]) for field in (0, 1))
    before = torch.cat([batch.pixels for batch in whole])
    for slot, index in enumerate(epoch_order(5, 1, 18)):
        taken = {8: 9, 16: 0, 17: 0}.get(index, index)  # the last is followed by the first
        assert labels[slot] == folder.label(taken)
        if taken == index:
            assert torch.equal(pixels[slot], before[slot])
        else:
            (place,), image = (
                augment_params(5, 1, [index]).crop_positions,
                resize_shorter(folder.pixels(taken), 14),
            )
            top = int(place[0] * (image.shape[0] - 12 + 1))
            left = int(place[1] * (image.shape[1] - 10 + 1))
            cut = image[top : top + 12, left : left + 10]
            assert np.array_equal(pixels[slot].permute(1, 2, 0), cut)
    assert sorted(name for name, _ in reported) == ["blue/2.jpg", "cyan/4.jpg", "cyan/5.jpg"]
    assert all("cannot read the image" in reason for _, reason in reported)
    resumed = training_batches(folder, recipe, crop=CROP, epoch=1, first_step=1)
    assert _equal(list(resumed), found[1:])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_too_thin_to_be_enlarged_is_a_bad_one(folder: ImageFolder, workers: int) -> None:
    recipe = tiny_recipe(workers=workers, max_corrupt=0.2)
    Image.new("RGB", (1, 200_000)).save(folder.root / "blue" / "2.jpg", "PNG")
    reported: list[tuple[str, str]] = []
    batches = training_batches(
        folder, recipe, crop=CROP, epoch=1, on_replaced=lambda *each: reported.append(each)
    )
    assert sum(len(batch.labels) for batch in batches) == 18
    assert [name for name, _ in reported] == ["blue/2.jpg"]
    assert "it is 1x200000, and would be resized to 14x2800000" in reported[0][1]
    assert measure(folder, 18, shorter=14)
    with refused("CTC603") as found:
        list(full_image_batches(folder, recipe, crop=CROP, batch=4))
    assert "blue/2.jpg" in said(found[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_more_bad_images_than_the_limit_end_training(folder: ImageFolder, workers: int) -> None:
    recipe = tiny_recipe(workers=workers, max_corrupt=0.1)  # of 18: one
    damage(folder.root, "blue/2.jpg")
    assert len(list(training_batches(folder, recipe, crop=CROP, epoch=1))) == 3
    damage(folder.root, "amber/0.jpg")
    with refused("CTC631") as found:
        list(training_batches(folder, recipe, crop=CROP, epoch=1))
    assert "2 images of 18" in found[0].message
    for word in ("blue/2.jpg", "amber/0.jpg", "--max-corrupt", "data check"):
        assert word in said(found[0])
    with refused("CTC631"):
        list(training_batches(folder, replace(recipe, max_corrupt=0.0), crop=CROP, epoch=1))


def test_nothing_but_bad_images_ends_training(folder: ImageFolder) -> None:
    damage(folder.root, *folder.names)
    with refused("CTC631"):
        next(training_batches(folder, tiny_recipe(max_corrupt=1.0), crop=CROP, epoch=1))


@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_test_a_bad_image_is_an_error(folder: ImageFolder, workers: int) -> None:
    damage(folder.root, "amber/1.jpg", "amber/3.jpg", "cyan/1.jpg")
    subset = Subset.of(folder, range(10))
    with refused("CTC603", "CTC603") as found:
        list(full_image_batches(subset, tiny_recipe(workers=workers), crop=CROP, batch=10))
    assert str(folder.root / "amber" / "3.jpg") in said(found[1])


def test_an_image_that_may_not_be_read_is_not_replaced(
    folder: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with refused("CTC604"):
        decode_file(folder.root / folder.names[0])
    with refused("CTC604"):
        next(training_batches(folder, tiny_recipe(max_corrupt=1.0), crop=CROP, epoch=1))


def test_a_gpu_leaves_the_cores_to_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(12)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert reading_threads(None, for_gpu=False) == 0
    assert reading_threads(None, for_gpu=True) == 12
    assert reading_threads(3, for_gpu=True) == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert reading_threads(None, for_gpu=True) == 3
