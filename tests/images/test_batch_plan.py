"""How an epoch is divided where a network needs two images at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ctcdsl.distributed.processes import Shard
from ctcdsl.execution.interrupt import Interrupted
from ctcdsl.images import batch_plan
from ctcdsl.images.batch_plan import (
    batch_size_note,
    micro_batch_sizes,
    num_batches,
    probe,
    split_batches,
)
from tests.support.runs import interrupt_at, run_training, same_weights
from tests.support.tiny import Blots, Recorder, refused, tiny_net, tiny_recipe


def pooled_net() -> nn.Sequential:
    """A batch norm behind a global pool."""
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        *(nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(6, 3)),
    )


def test_which_networks_need_two_images() -> None:
    image = torch.zeros(1, 3, 12, 12)
    assert probe(tiny_net(), image)[1] == 1
    assert probe(pooled_net(), image)[1] == 2
    assert probe(nn.Sequential(*list(pooled_net())[:4]), image)[1] == 1
    vector = nn.Sequential(nn.Flatten(), nn.Linear(432, 6), nn.BatchNorm1d(6))
    assert probe(vector, image)[1] == 2


@pytest.mark.parametrize("fewest", [1, 2])
def test_every_image_is_trained_once_and_none_alone(fewest: int) -> None:
    for images in range(fewest, 40):
        for batch in range(fewest, 12):
            groups = split_batches(range(images), batch, fewest)
            assert num_batches(images, batch, fewest) == len(groups)
            assert [each for group in groups for each in group] == list(range(images))
            for world in (1, 2, 3, 8):
                for group in groups:
                    shares = [Shard(rank, world).of(group, fewest) for rank in range(world)]
                    assert sorted(each for share in shares for each in share) == group
                    for share in filter(None, shares):
                        parts = micro_batch_sizes(len(share), 3, fewest)
                        assert sum(parts) == len(share)
                        assert min(parts) >= fewest
                        assert len(parts) <= 3


def test_parts_are_as_small_as_asked_where_they_can_be() -> None:
    assert micro_batch_sizes(32, 4) == [8, 8, 8, 8]
    assert micro_batch_sizes(7, 3) == [3, 2, 2]
    assert micro_batch_sizes(7, 3, 2) == [3, 2, 2]
    assert micro_batch_sizes(5, 8, 2) == [3, 2]
    assert micro_batch_sizes(0, 8, 2) == []


@pytest.mark.parametrize(("batch", "accumulate"), [(13, 1), (13, 4), (26, 20), (2, 2)])
def test_a_rest_of_one_is_trained_and_resumes_exactly(
    tmp_path: Path, batch: int, accumulate: int
) -> None:
    """27 images."""
    recipe = tiny_recipe(epochs=2, batch=batch, accumulate=accumulate)
    recorder = Recorder()
    outcome = run_training(tmp_path / "a", recipe, model=pooled_net(), callback=recorder)
    assert [each.code for each in recorder.warnings] == ["CTC914"]
    assert outcome.rows[-1].images == 54
    with pytest.raises(Interrupted):
        run_training(tmp_path / "b", recipe, model=pooled_net(), callback=interrupt_at(2, 1))
    run_training(tmp_path / "b", recipe, model=pooled_net(), resume=True)
    assert same_weights(tmp_path / "a", tmp_path / "b")


def test_a_run_that_stopped_before_a_rest_of_one_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As versions that kept the rest apart left it: the epoch goes without this image."""
    recipe = tiny_recipe(epochs=1, batch=13)
    with monkeypatch.context() as patch:
        patch.setattr(
            "ctcdsl.training.checks.probe", lambda model, image: (probe(model, image)[0], 1)
        )
        with pytest.raises(Interrupted):
            run_training(tmp_path, recipe, model=pooled_net(), callback=interrupt_at(1, 2))
    row = run_training(tmp_path, recipe, model=pooled_net(), resume=True).rows[-1]
    assert 0 < row.train_loss < 10


def test_no_batch_of_two_is_refused_at_once(tmp_path: Path) -> None:
    with refused("CTC618") as found:
        run_training(tmp_path, tiny_recipe(batch=1), model=pooled_net())
    assert "a batch of 1" in found[0].message
    with refused("CTC618") as found:
        batch_plan.require_batches(tiny_recipe(batch=8), 1, 2)
    assert "the training set has 1 image" in found[0].notes
    run_training(tmp_path / "b", tiny_recipe(batch=1, epochs=1), train_set=Blots(each=2))


def test_what_is_noted() -> None:
    assert batch_size_note(tiny_recipe(batch=8), 17, 1, 1) is None
    assert batch_size_note(tiny_recipe(batch=8), 16, 2, 2) is None
    large = batch_size_note(tiny_recipe(batch=1000), 120, 1, 1)
    assert large is not None
    assert "the batch is 1000 and the training set has 120 images" in large.notes[0]
    assert large.hints == ("--batch 15 would give more steps",)
    shared = batch_size_note(tiny_recipe(batch=8), 17, 8, 2)
    assert shared is not None
    assert "a batch of 8 goes to 4 of 8 processes" in shared.notes
