"""The weights: where they start and how a step moves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import measure
from ctcdsl.recipe import Recipe
from ctcdsl.training.initialise import initialise
from ctcdsl.training.step import TrainStep
from tests.support.runs import CPU, TRAIN
from tests.support.tiny import tiny_net, tiny_recipe


@pytest.mark.parametrize(
    ("recipe", "deviation"),
    [
        (Recipe(initialisation="gaussian", sigma=0.01), lambda fan_in: 0.01),
        (Recipe(initialisation="he"), lambda fan_in: (2 / fan_in) ** 0.5),
    ],
)
def test_initial_weights_are_gaussian_and_biases_zero(
    recipe: Recipe, deviation: Callable[[int], float]
) -> None:
    convolution, norm, fc = nn.Conv2d(16, 64, 5, groups=2), nn.BatchNorm2d(64), nn.Linear(300, 200)
    initialise(nn.Sequential(convolution, norm, fc), recipe)
    for weight, bias, fan_in in (
        (convolution.weight, convolution.bias, 8 * 25),
        (fc.weight, fc.bias, 300),
    ):
        weights = weight.detach().flatten()
        assert weights.std().item() == pytest.approx(deviation(fan_in), rel=0.03)
        assert abs(weights.mean().item()) < 0.03 * deviation(fan_in)
        within = (weights.abs() < weights.std()).double().mean().item()
        assert within == pytest.approx(0.683, abs=0.02), "a normal distribution"
        assert bias is not None
        assert torch.count_nonzero(bias) == 0
    assert torch.equal(norm.weight, torch.ones(64))


def test_decay_is_on_weights_alone() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    groups = TrainStep(model, Recipe(), CPU).optimizer.param_groups
    shapes = [[tuple(each.shape) for each in group["params"]] for group in groups]
    assert shapes == [[(4, 3, 3, 3), (2, 4)], [(4,), (4,), (4,), (2,)]]
    assert [group["weight_decay"] for group in groups] == [0.0005, 0.0]


def test_a_step_is_momentum_descent_by_hand() -> None:
    fc = nn.Linear(3, 2, bias=False)
    recipe = tiny_recipe(colour_sigma=0.0, weight_decay=0.1, momentum=0.5, rate=0.3)
    statistics = measure(TRAIN, 3, shorter=16)
    train_step = TrainStep(nn.Sequential(nn.Flatten(), fc), recipe, CPU)
    pixels = torch.tensor([[200, 20, 90], [10, 250, 60]], dtype=torch.uint8)[:, :, None, None]
    inputs = (pixels[:, :, 0, 0].double() - torch.tensor(statistics.mean)) / recipe.pixel_divisor
    labels = torch.tensor([0, 1])
    weights = fc.weight.detach().double().clone()
    velocity = torch.zeros_like(weights)
    for rate in (0.3, 0.3, 0.03):
        train_step.set_rate(rate)
        train_step.step(
            Batch(pixels, labels, torch.randn(2, 3), torch.tensor([True, False])), statistics
        )
        error = (inputs @ weights.T).softmax(1) - torch.eye(2)
        velocity = 0.5 * velocity + error.T @ inputs / 2 + 0.1 * weights
        weights = weights - rate * velocity
        assert torch.allclose(fc.weight.double(), weights, atol=1e-5)


def test_a_loss_that_is_not_finite_changes_no_weight() -> None:
    model = tiny_net()
    train_step = TrainStep(model, tiny_recipe(), CPU)
    before = [each.detach().clone() for each in model.parameters()]
    pixels, labels = torch.zeros(2, 3, 12, 12, dtype=torch.uint8), torch.tensor([0, 1])
    batch = Batch(pixels, labels, torch.full((2, 3), torch.inf), torch.tensor([True, False]))
    assert not np.isfinite(train_step.step(batch, measure(TRAIN, 3, shorter=16)).result().loss)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
