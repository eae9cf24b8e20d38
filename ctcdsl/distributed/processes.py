"""What one process, or each of several, does alone or together with the others.

`Processes` is for a single process; `torchrun` has the implementation for several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ctcdsl.text import UserError

T = TypeVar("T")


class Shard(NamedTuple):
    """The images, or the subset of each batch, that one of several processes works on."""

    rank: int = 0
    world: int = 1

    def of(self, indices: Sequence[int], min_images: int = 1) -> list[int]:
        """Every `world`-th index from number `rank` on; all shards together are `indices`.

        Where a shard would have fewer than `min_images`, the first processes share all of them.
        """
        world = max(1, min(self.world, len(indices) // min_images))
        return list(indices[self.rank :: world]) if self.rank < world else []


SINGLE_SHARD = Shard()


class StopRequested(KeyboardInterrupt):
    """Every process has agreed to stop after the same step."""


class PeerLost(UserError):
    """CTC662: another process has ended."""


class Processes:
    """The processes that work together; this class is for one process alone."""

    shard: Shard = SINGLE_SHARD
    """The subset of every batch, and of the test, that is this process's."""

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return self.shard.rank == 0

    @property
    def is_distributed(self) -> bool:
        """Whether there are others."""
        return self.shard.world > 1

    def device(self, device: torch.device) -> torch.device:
        """The device of this process, where the run computes on `device`."""
        return device

    def seed_step(self, seed: int, epoch: int, step: int) -> None:
        """Prepare the random numbers of a step; one process continues those of its last step."""

    def add_gradients(self, parameters: Iterable[nn.Parameter], numbers: Tensor) -> Tensor:
        """Give every process the sum of all gradients; returns the sums of the `numbers`.

        They are few, and on the device of the gradients, as their sums are. A parameter without
        a gradient counts as zero.
        """
        return numbers

    def broadcast(self, value: T) -> T:
        """The main process's `value`."""
        return value

    def on_main(self, work: Callable[[], T]) -> T:
        """The result of `work`, which the main process alone does.

        Its `UserError` is raised on every process; `StopRequested` where it was interrupted.
        """
        return work()

    def gather(self, work: Callable[[], T]) -> list[T]:
        """The results of `work` on each process, by rank.

        A `UserError` or `StopRequested` of one is raised on every process; `stop_requested` is
        True on the others then, so that they need not finish first.
        """
        return [work()]

    def require_same(self, value: str) -> None:
        """Raise `UserError` CTC663 unless `value` is the same on all processes."""

    def broadcast_buffers(self, model: nn.Module) -> None:
        """Give every process the main one's buffers, the running statistics of batch norms."""

    def stop_requested(self, requested: bool) -> bool:
        """Whether a stop is `requested` on any process: for work whose steps differ in number."""
        return requested

    def barrier(self) -> None:
        """Wait until all processes are here."""

    def is_first_to_report(self, text: str, default: bool) -> bool:
        """Whether no other process has reported `text` yet; `default` if that cannot be known."""
        return True


SINGLE_PROCESS = Processes()
