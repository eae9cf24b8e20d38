"""One training step of a network at full size."""

from __future__ import annotations

import torch

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.execution.strided import prepare_for_training
from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import Statistics
from ctcdsl.recipe import Recipe
from ctcdsl.training.initialise import initialise
from ctcdsl.training.step import TrainStep


def loss_of_a_step(network: Network, precision: str) -> float:
    """The loss of two images; every parameter has a finite gradient."""
    cpu = torch.device("cpu")
    recipe = Recipe().with_fields({"batch": 2, "precision": precision})
    model = ctcdsl.build(network)
    initialise(model, recipe)
    prepare_for_training(model, cpu)
    _, height, width = network.input
    pixels = torch.randint(256, (2, height, width, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    batch = Batch(pixels, torch.arange(2), torch.zeros(2, 3), torch.arange(2) == 0)
    axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    statistics = Statistics((120.0,) * 3, (60.0, 20.0, 10.0), axes)
    loss = TrainStep(model, recipe, cpu).step(batch, statistics).result().loss
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    return loss
