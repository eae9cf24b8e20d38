"""One step of gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ctcdsl.distributed.processes import SINGLE_PROCESS, Processes
from ctcdsl.execution.compiled import compile_as_error, forward_of
from ctcdsl.execution.precision import autocast
from ctcdsl.execution.transfer import AsyncRead
from ctcdsl.images.batch_plan import micro_batch_sizes
from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import Statistics, colour_shift, preprocess
from ctcdsl.recipe import Recipe
from ctcdsl.training.stages import parameter_groups


class StepResult(NamedTuple):
    """What a step measured before it changed the weights."""

    loss: float
    """Mean cross entropy of the batch, in nats."""
    num_errors: int
    """How many of its images were classified wrongly."""
    logits: Tensor
    """Of the last micro-batch; of several processes, this one's."""
    stop: bool = False
    """Whether a process wants all to stop after this step."""


class PendingStep:
    """A step that was given to the device; perhaps it is not done yet."""

    def __init__(self, numbers: Tensor, logits: Tensor) -> None:
        self._numbers, self._logits = AsyncRead(numbers), logits

    def result(self) -> StepResult:
        """Its numbers; waits until it is done."""
        loss, num_errors, stops = self._numbers.tensor().tolist()
        return StepResult(loss, int(num_errors), self._logits, stops > 0)


class TrainStep:
    """Gradient descent with momentum on the weights of `model`, which is on `device`."""

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        device: torch.device,
        processes: Processes = SINGLE_PROCESS,
        min_images: int = 1,
    ) -> None:
        self._model, self._recipe, self._device, self._processes = model, recipe, device, processes
        self._min_images = min_images  # images that the network needs at a time
        self._forward = forward_of(model, recipe.compile)
        self.optimizer = torch.optim.SGD(
            parameter_groups(model, recipe),
            lr=recipe.schedule.rate(1),
            momentum=recipe.momentum,
            fused=True,  # one pass over memory a step: on a CPU the step is bound by it
        )

    def set_rate(self, rate: float) -> None:
        """Use this learning rate from now on, or its multiple where a stage has one."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]

    def step(
        self,
        batch: Batch,
        statistics: Statistics,
        *,
        batch_size: int | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> PendingStep:
        """Learn from `batch`, on the device, in as many micro-batches as the recipe says.

        On a GPU this returns before the step is done, and nothing in it waits. Each micro-batch
        counts by its images, so the gradient is that of the batch but for rounding. Only batch
        norms differ, which normalise each micro-batch by itself, and dropout draws other masks.
        A loss that is not finite changes no weight.

        Of several processes each brings its shard, perhaps empty, of a batch of `batch_size`
        images, and `stop` says whether it was asked to stop; all learn the same from all of it.
        """
        images = len(batch.labels)
        batch_size = images if batch_size is None else batch_size
        numbers = torch.zeros(3, dtype=torch.float64, device=self._device)
        logits = torch.empty(0, 1)
        self.optimizer.zero_grad()
        start = 0
        for size in micro_batch_sizes(images, self._recipe.accumulate, self._min_images):
            micro_batch = batch.subset(start, start + size)
            start += size
            with compile_as_error(self._recipe.compile):
                loss, logits = self._loss(micro_batch, statistics)
                weighted = loss * (size / batch_size)
                torch.autograd.backward(weighted)
            numbers[0] += weighted.detach()
            numbers[1] += (logits.argmax(dim=1) != micro_batch.labels).sum()
        numbers[2].fill_(float(stop()))
        numbers = self._processes.add_gradients(self._model.parameters(), numbers)
        # Fused kernels leave the weights alone where this is 1: as for torch's GradScaler.
        self.optimizer.found_inf = (~numbers[0].isfinite()).to(torch.float32)  # type: ignore[attr-defined]
        self.optimizer.step()
        return PendingStep(numbers, logits)

    def _loss(self, batch: Batch, statistics: Statistics) -> tuple[Tensor, Tensor]:
        """Mean cross entropy and logits."""
        inputs = preprocess(
            batch.pixels,
            statistics,
            self._recipe.pixel_divisor,
            colour_shift(batch.colour_draws, statistics, self._recipe.colour_sigma),
            batch.mirrored,
        )
        with autocast(self._recipe.precision, self._device):
            logits = self._forward(inputs)
        # A copy, since the memory of a CUDA graph's output is that of the next step's, too.
        seen = logits.detach().clone()
        return functional.cross_entropy(logits.float(), batch.labels), seen
