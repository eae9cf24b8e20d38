"""One step of gradient descent."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from ctcdsl.training.batches import Batch
from ctcdsl.training.colour import Statistics, colour_shift, network_input
from ctcdsl.training.recipe import Recipe
from ctcdsl.training.ten_view import autocast


class Descent:
    """Gradient descent with momentum on the weights of `model`, which is on `device`.

    L2 decay applies to weights alone, not to biases and norms. The paper names one decay
    and not what it applies to.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, device: torch.device) -> None:
        weights = [each for each in model.parameters() if each.ndim > 1]
        others = [each for each in model.parameters() if each.ndim <= 1]
        self._model, self._recipe, self._device = model, recipe, device
        self.optimizer = torch.optim.SGD(
            [
                {"params": weights, "weight_decay": recipe.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=recipe.schedule.rate(1),
            momentum=recipe.momentum,
            fused=True,  # one pass over memory a step: on a CPU the step is bound by it
        )

    def set_rate(self, rate: float) -> None:
        """Use this learning rate from now on."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self, batch: Batch, statistics: Statistics) -> tuple[float, int]:
        """Learn from `batch`: its mean cross entropy, and how many of its images were mistaken.

        A loss that is not finite changes no weight.
        """
        labels = batch.labels.to(self._device, non_blocking=True)
        draws = batch.draws.to(self._device, non_blocking=True)
        inputs = network_input(
            batch.pixels.to(self._device, non_blocking=True),
            statistics,
            self._recipe.pixel_divisor,
            colour_shift(draws, statistics, self._recipe.colour_sigma),
        )
        with autocast(self._recipe, self._device):
            logits = self._model(inputs)
        loss = functional.cross_entropy(logits.float(), labels)
        value = loss.item()
        if math.isfinite(value):
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self.optimizer.step()
        return value, int((logits.argmax(dim=1) != labels).sum().item())
