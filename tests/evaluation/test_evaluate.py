import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.evaluation.scores import Scores
from ctcdsl.evaluation.views import VIEW_NAMES, Views, centre_view, views
from ctcdsl.execution.precision import autocast, for_evaluation
from ctcdsl.images.colour import Statistics, measure
from ctcdsl.images.decode import Pixels
from ctcdsl.images.resize import resize_shorter
from tests.support.tiny import Blots, Recorder, tiny_net, tiny_recipe

CPU = torch.device("cpu")


def naive_views(image: NDArray[np.uint8], height: int, width: int) -> list[NDArray[np.uint8]]:
    """The ten views of an image (H, W, 3), each with its flip, by name."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    by_name = {
        "top left": image[:height, :width],
        "top right": image[:height, -width:],
        "bottom left": image[-height:, :width],
        "bottom right": image[-height:, -width:],
        "centre": image[top : top + height, left : left + width],
    }
    flipped = {f"{name}, flipped": view[:, ::-1] for name, view in by_name.items()}
    return [{**by_name, **flipped}[name] for name in VIEW_NAMES]


@pytest.mark.parametrize("size", [(13, 17), (12, 12), (30, 12)])
def test_ten_views_are_the_corners_the_centre_and_their_flips(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    found = views(tensor, (12, 10))
    assert (found.shape, found.dtype) == ((10, 3, 12, 10), torch.uint8)
    assert len(set(VIEW_NAMES)) == 10
    for view, expected in zip(found, naive_views(image, 12, 10), strict=True):
        assert np.array_equal(view.permute(1, 2, 0), expected)
    assert torch.equal(centre_view(tensor, (12, 10))[0], found[4])


def test_an_image_smaller_than_the_crop_is_scaled_up() -> None:
    small = Blots(size=(6, 5))
    scores = _evaluate(tiny_net(), small, 10)
    assert scores.images == len(small)


@pytest.mark.parametrize("count", [1, 10])
def test_scores_are_those_of_the_averaged_softmax(count: Views) -> None:
    images, model = Blots(each=5), tiny_net()
    found = _evaluate(model, images, count)
    statistics = measure(images, 100, shorter=16)
    model.eval()
    losses, wrong = [], []
    for index in range(len(images)):
        whole = resize_shorter(images.pixels(index), 14)
        cuts = naive_views(whole, 12, 12)
        cuts = cuts if count == 10 else cuts[4:5]
        pixels = (np.stack(cuts).astype(np.float64) - np.array(statistics.mean)) / 58.0
        with torch.no_grad():
            logits = model(torch.tensor(pixels, dtype=torch.float32).permute(0, 3, 1, 2))
        probabilities = logits.softmax(1).mean(0)
        losses.append(-math.log(probabilities[images.label(index)]))
        wrong.append(int(probabilities.argmax()) != images.label(index))
        ranked = probabilities.sort(descending=True)
        assert found.top[index].tolist() == ranked.indices.tolist()
        assert torch.allclose(found.probabilities[index], ranked.values, atol=1e-5)
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert found.top1_error == pytest.approx(np.mean(wrong))
    assert found.labels.tolist() == [images.label(index) for index in range(len(images))]
    assert (found.views, found.images) == (count, 15)


class Fixed(nn.Module):
    """Gives image N the N-th row of logits, whatever it shows."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits, self.next = logits, 0

    def forward(self, inputs: Tensor) -> Tensor:
        rows = self.logits[self.next : self.next + len(inputs)]
        self.next += len(inputs)
        return rows


def test_errors_are_counted_by_hand() -> None:
    images = Blots(tuple("abcde"), each=2)  # labels 0 1 2 3 4 0 1 2 3 4, seven outputs
    logits = torch.arange(7, 0, -1.0).repeat(10, 1)  # always 0, then 1, 2, 3, 4
    logits[9] = torch.tensor([7.0, 6, 5, 4, 0, 3, 2])  # label 4 comes last
    found = _evaluate(Fixed(logits), images, 1)
    assert found.k == 5
    assert found.top1_error == pytest.approx(0.8)
    assert found.top5_error == pytest.approx(0.1)
    assert found.class_errors == (0.0, 1.0, 1.0, 1.0, 1.0, None, None)
    assert found.top[0].tolist() == [0, 1, 2, 3, 4]


def test_with_few_classes_top_5_is_top_k() -> None:
    found = _evaluate(tiny_net(), Blots(), 10)
    assert found.k == 3
    assert found.top5_error == 0.0
    assert found.top.shape == (24, 3)


def test_a_broken_network_shows_in_the_loss() -> None:
    logits = torch.zeros(24, 3)
    logits[5, 1] = math.nan
    assert math.isnan(_evaluate(Fixed(logits), Blots(), 1).loss)
    certain = torch.zeros(24, 3)
    certain[:, 1] = 1e4  # so sure that the other probabilities underflow
    assert math.isfinite(_evaluate(Fixed(certain), Blots(), 1).loss)


def test_testing_reports_and_leaves_the_model_as_it_was() -> None:
    model, recorder = tiny_net(), Recorder()
    model.train()
    first = _evaluate(model, Blots(), 10, recorder)
    assert model.training
    assert recorder.tested[-1] == (24, 24)
    assert [done for done, _ in recorder.tested] == list(range(2, 25, 2)), "20 views, 2 images"
    second = _evaluate(model.eval(), Blots(), 10)
    assert not model.training
    assert torch.equal(first.probabilities, second.probabilities), "no dropout in a test"


def _evaluate(
    model: nn.Module, images: Blots, count: Views, recorder: Recorder | None = None
) -> Scores:
    return evaluate(
        model,
        images,
        crop=(12, 12),
        views=count,
        recipe=tiny_recipe(batch=20),
        statistics=measure(images, 100, shorter=16),
        callback=recorder or Recorder(),
        device=CPU,
    )


def test_statistics_matter() -> None:
    image = Image.new("RGB", (14, 14), (10, 20, 30))

    class One(Blots):
        def __len__(self) -> int:
            return 1

        def pixels(self, index: int) -> Pixels:
            return np.array(image)

    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append(inputs)
            return torch.zeros(len(inputs), 3)

    mean = Statistics((10.0, 20.0, 30.0), (1.0, 1.0, 1.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    evaluate(
        Spy(),
        One(),
        crop=(12, 12),
        views=10,
        recipe=tiny_recipe(),
        statistics=mean,
        callback=Recorder(),
        device=CPU,
    )
    assert seen[0].shape == (10, 3, 12, 12)
    assert torch.count_nonzero(seen[0]) == 0


def test_weights_are_rounded_once_and_alike() -> None:
    """Autocast rounds the same weights for every batch: the bits must be the same."""
    torch.manual_seed(0)
    first = tiny_net()
    assert isinstance(first, nn.Sequential)
    model = nn.Sequential(first[:3], nn.BatchNorm2d(6), first[3:]).eval()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    copied = for_evaluation(model, "bf16")
    images = torch.randn(4, 3, 12, 12)
    with torch.inference_mode(), autocast("bf16", CPU):
        assert torch.equal(copied(images), model(images))
    kinds = {name: each.dtype for name, each in copied.state_dict().items()}
    assert kinds["0.0.weight"] == kinds["2.5.weight"] == torch.bfloat16
    assert copied.state_dict()["1.weight"].data_ptr() == model.state_dict()["1.weight"].data_ptr()
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert for_evaluation(model, "float32") is model
