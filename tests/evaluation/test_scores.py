"""Whole numbers, the confusion matrix, and the parts of a test put together again."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from ctcdsl.distributed.processes import Shard
from ctcdsl.evaluation.confusion import Confused, matrix, most_confused
from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.evaluation.scores import Scores, merged
from ctcdsl.images.colour import measure
from tests.support.tiny import Blots, Recorder, tiny_net, tiny_recipe


def scores(
    labels: list[int],
    predicted: list[int],
    classes: int = 4,
    label_probabilities: torch.Tensor | None = None,
) -> Scores:
    """Each image is surely of one class; the second guess is the class behind it."""
    top = torch.tensor([[p, (p + 1) % classes] for p in predicted])
    right = torch.tensor(labels) == torch.tensor(predicted)
    return Scores.of(
        views=10,
        classes=tuple(map(str, range(classes))),
        indices=torch.arange(len(labels)),
        labels=torch.tensor(labels),
        top=top,
        probabilities=torch.tensor([[0.75, 0.25]] * len(labels)),
        label_probabilities=(
            torch.where(right, 0.75, 0.25) if label_probabilities is None else label_probabilities
        ),
    )


LABELS, PREDICTED = [0, 0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 1, 2, 1, 0, 2, 1, 1]


def test_errors_are_counts() -> None:
    found = scores(LABELS, PREDICTED)
    counts = found.counts
    assert counts.class_images.tolist() == [4, 2, 3, 0]
    assert counts.top1_correct.tolist() == [1, 1, 1, 0]
    assert counts.top5_correct.tolist() == [1, 2, 3, 0]
    assert (found.images, found.k) == (9, 2)
    assert found.top1_error == 6 / 9
    assert found.top5_error == 3 / 9
    assert found.class_errors == (3 / 4, 1 / 2, 2 / 3, None)
    assert found.loss == pytest.approx(-(3 * math.log(0.75) + 6 * math.log(0.25)) / 9, abs=1e-8)


def test_the_confusion_matrix() -> None:
    found = scores(LABELS, PREDICTED).confusion
    assert matrix(found, 4) == [[1, 2, 1, 0], [1, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0]]
    assert sum(each.images for each in found) == 9
    assert most_confused(found, 3) == [Confused(0, 1, 2), Confused(2, 1, 2), Confused(0, 2, 1)]
    assert len(most_confused(found, 99)) == 4, "hits are no errors"
    assert most_confused(scores([1, 2], [1, 2]).confusion, 9) == []


def test_counts_of_parts_add_up_in_any_order() -> None:
    torch.manual_seed(0)
    labels, predicted = torch.randint(0, 9, (2, 1000)).tolist()
    whole = scores(labels, predicted, 9)
    parts = [scores(labels[k::7], predicted[k::7], 9).counts for k in range(7)]
    total = sum(reversed(parts[1:]), parts[0])
    for name in ("class_images", "top1_correct", "top5_correct"):
        assert torch.equal(getattr(total, name), getattr(whole.counts, name)), name
    assert total.loss == whole.loss, "not only nearly"
    assert total.class_errors == whole.class_errors


def test_a_loss_that_is_no_number_shows() -> None:
    found = scores([0, 1], [0, 1], label_probabilities=torch.tensor([0.75, math.nan]))
    assert math.isnan(found.loss)
    assert found.non_finite == 1
    assert math.isnan((scores([0], [0]) + found).loss)
    underflowed = scores([0, 1], [0, 1], label_probabilities=torch.tensor([0.75, 0.0]))
    assert math.isfinite(underflowed.loss)


@pytest.mark.parametrize("world", [2, 3, 40])
def test_shares_of_a_test_make_the_whole(world: int) -> None:
    images, model = Blots(each=4), tiny_net()
    test = partial(
        evaluate,
        model,
        images,
        crop=(12, 12),
        views=10,
        recipe=tiny_recipe(batch=20),
        statistics=measure(images, 10, shorter=16),
        device=torch.device("cpu"),
    )
    whole = test(callback=Recorder())
    recorders = [Recorder() for _ in range(world)]
    parts = [test(callback=recorders[r], shard=Shard(r, world)) for r in range(world)]
    assert sum(part.images for part in parts) == len(images), "none is tested twice"
    assert recorders[0].tested[-1] == (parts[0].images, parts[0].images)
    again = merged(parts[::-1])
    for name in ("indices", "labels", "top"):
        assert torch.equal(getattr(again, name), getattr(whole, name)), name
    assert torch.allclose(again.probabilities, whole.probabilities)
    summed = sum((part.counts for part in parts[1:]), parts[0].counts)
    assert summed.top1_error == whole.top1_error
    assert summed.class_errors == whole.class_errors
    assert summed.loss == pytest.approx(whole.loss, rel=1e-6)


def test_what_does_not_belong_together_is_not_merged() -> None:
    with pytest.raises(ValueError, match="two shards"):
        merged([scores([0], [0]), scores([1], [1])])
    with pytest.raises(ValueError, match="one test"):
        merged([scores([0], [0]), scores([1], [1], classes=5)])


def test_of_no_images_there_is_no_error() -> None:
    empty = Scores.of(
        views=1,
        classes=("a", "b", "c"),
        indices=torch.empty(0, dtype=torch.int64),
        labels=torch.empty(0, dtype=torch.int64),
        top=torch.empty((0, 3), dtype=torch.int64),
        probabilities=torch.empty((0, 3)),
        label_probabilities=torch.empty(0),
    )
    assert math.isnan(empty.top1_error) and math.isnan(empty.loss)
    assert empty.class_errors == (None, None, None)
    assert empty.confusion == ()
