"""Work by several processes, which torchrun starts: joining, adding up, stopping together.

All that touches `torch.distributed` is here; `Processes` does nothing for a process alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from ctcdsl.distributed.gradients import FlatGradients
from ctcdsl.distributed.shares import SINGLE_SHARD, Shard
from ctcdsl.text.diagnostic import Diagnostic, UserError

T = TypeVar("T")

TIMEOUT = timedelta(minutes=10)
"""Longer than one process may let the others wait: compiling, or writing a checkpoint."""

_ASK_EVERY = 0.5  # seconds: a question to another machine


class StopRequested(KeyboardInterrupt):
    """Every process has agreed to stop after the same step."""


class PeerLost(UserError):
    """CTC662: another process has ended."""


class Processes:
    """The processes that work together: here one, for which all this is nothing."""

    shard: Shard = SINGLE_SHARD
    """The part of every batch, and of the test, that is this process's."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes and shows what there is to write and show."""
        return self.shard.rank == 0

    @property
    def is_distributed(self) -> bool:
        """Whether there are others."""
        return self.shard.world > 1

    def device(self, device: torch.device) -> torch.device:
        """The device of this process, where the run computes on `device`."""
        return device

    def seed_step(self, seed: int, epoch: int, step: int) -> None:
        """Prepare the random numbers of a step. One process goes on where its last step ended."""

    def add_gradients(self, parameters: Iterable[nn.Parameter], numbers: Tensor) -> Tensor:
        """Give every process the sum of all gradients; returns the sums of the `numbers`.

        They are few, and on the device of the gradients, as their sums are. A parameter without
        a gradient counts as zero.
        """
        return numbers

    def broadcast(self, value: T) -> T:
        """The leader's `value`."""
        return value

    def by_leader(self, work: Callable[[], T]) -> T:
        """What `work` returns to the leader, which alone does it.

        A `UserError` of it is raised on every process; `StopRequested` where it was interrupted.
        """
        return work()

    def gather(self, work: Callable[[], T]) -> list[T]:
        """What `work` returns to each process, in their order; each calls this with its own part.

        A `UserError` or `StopRequested` of one is raised on every process; `should_leave` tells the
        others, so that they need not finish first.
        """
        return [work()]

    def require_same(self, what: str) -> None:
        """Raise `UserError` CTC663 unless `what` is the same everywhere."""

    def broadcast_buffers(self, model: nn.Module) -> None:
        """Give every process the leader's buffers, the running statistics of batch norms."""

    def stop_requested(self, requested: bool) -> bool:
        """Whether any process was `asked` to stop: for work whose steps differ in number."""
        return requested

    def barrier(self) -> None:
        """Until all have come so far."""

    def is_first_to_report(self, text: str) -> bool:
        """Whether no other process has said `text` yet."""
        return True


SINGLE_PROCESS = Processes()
_joined: list[Processes] = []
"""The processes that were joined and not left, for calls within calls."""


class _TorchProcesses(Processes):
    """One of several processes."""

    def __init__(self, shard: Shard, local: int, store: Store) -> None:
        self.shard = shard
        self._local, self._store = local, store
        self._sum: FlatGradients | None = None
        self._ask_again = 0.0

    def device(self, device: torch.device) -> torch.device:
        if device.type != "cuda":
            return device
        if self._local >= torch.cuda.device_count():
            raise UserError(
                Diagnostic(
                    code="CTC616",
                    message=f"process {self._local + 1} of this machine has no GPU: there are"
                    f" {torch.cuda.device_count()}",
                    hints=("start as many processes as there are GPUs: --nproc-per-node gpu",),
                )
            )
        own = torch.device("cuda", self._local)
        torch.cuda.set_device(own)
        return own

    def seed_step(self, seed: int, epoch: int, step: int) -> None:
        """Fix them by seed, epoch, step and rank: one checkpoint serves all processes."""
        text = f"{seed} {epoch} {step} {self.shard.rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.blake2b(text, digest_size=7).digest()))

    def add_gradients(self, parameters: Iterable[nn.Parameter], numbers: Tensor) -> Tensor:
        if self._sum is None:
            some = [each for each in parameters if each.requires_grad]
            self._sum = FlatGradients(some, len(numbers))
        self._sum.pack(numbers)
        with _peers_required():
            dist.all_reduce(self._sum.flat)
        return self._sum.unpack()

    def broadcast(self, value: T) -> T:
        held = [value if self.is_main else None]
        with _peers_required():
            dist.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        assert held[0] is not None
        return held[0]

    def by_leader(self, work: Callable[[], T]) -> T:
        done: _Outcome[T] = _Outcome()
        if self.is_main:
            try:
                done = _Outcome(value=work())
            except UserError as error:
                done = _Outcome(errors=error.diagnostics)
            except KeyboardInterrupt:
                done = _Outcome(stopped=True)
        return self.broadcast(done).result()

    def gather(self, work: Callable[[], T]) -> list[T]:
        try:
            done = _Outcome(value=work())
        except PeerLost:
            raise
        except UserError as error:
            done = _Outcome(errors=error.diagnostics)
        except StopRequested:  # a second signal is none: it gets out at once
            done = _Outcome(stopped=True)
        if done.errors or done.stopped:
            self.stop_requested(True)
        of_all: list[_Outcome[T]] = [done] * self.shard.world
        with _peers_required():
            dist.all_gather_object(of_all, done)
        of_all.sort(key=lambda each: not each.errors)  # stable; others left because of an error
        return [each.result() for each in of_all]

    def require_same(self, what: str) -> None:
        if len(set(self.gather(lambda: what))) > 1:
            raise UserError(_differently())

    def broadcast_buffers(self, model: nn.Module) -> None:
        with _peers_required():
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def stop_requested(self, requested: bool) -> bool:
        if not requested and time.monotonic() < self._ask_again:
            return False
        self._ask_again = time.monotonic() + _ASK_EVERY
        with _peers_required():
            if requested:
                self._store.set("ctcdsl/leave", "")
            return requested or bool(self._store.check(["ctcdsl/leave"]))

    def barrier(self) -> None:
        with _peers_required():  # not barrier(), which would need to be told the GPU
            dist.all_reduce(torch.zeros(1))

    def is_first_to_report(self, text: str) -> bool:
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        try:
            return self._store.add(f"ctcdsl/said/{digest}", 1) == 1
        except RuntimeError:  # whoever kept the store is gone
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome(Generic[T]):
    """How a piece of work ended, in a form that can be sent to other processes."""

    value: T | None = None
    errors: tuple[Diagnostic, ...] = ()
    stopped: bool = False

    def result(self) -> T:
        """What it returned. Raises `UserError` or `StopRequested` where it did not."""
        if self.errors:
            raise UserError(*self.errors)
        if self.stopped:
            raise StopRequested
        return cast("T", self.value)


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Join the processes that torchrun has started, once; without torchrun, this one is alone.

    GPUs talk by NCCL, all else goes by gloo. Raises `UserError` CTC661 where they do not come
    together.
    """
    if _joined:
        yield _joined[0]
        return
    environment = os.environ
    world = int(environment.get("WORLD_SIZE", "1")) if "RANK" in environment else 1
    if world == 1:
        yield SINGLE_PROCESS
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store, rank, world = next(iter(rendezvous("env://", timeout=TIMEOUT)))
        # torchrun may keep one store over restarts: addresses of the dead must not be found in it.
        store = PrefixStore(environment.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            Diagnostic(
                code="CTC661",
                message="the processes do not come together",
                notes=(_first_sentence(error),),
                hints=("start them with torchrun, with the same rendezvous on every machine",),
            )
        ) from error
    try:
        local = int(environment.get("LOCAL_RANK", rank))
        _joined.append(_TorchProcesses(Shard(rank, world), local, store))
        yield _joined[0]
    finally:
        _joined.clear()
        dist.destroy_process_group()


@contextmanager
def _peers_required() -> Iterator[None]:
    """Turns what torch says where another process is gone into CTC662."""
    try:
        yield
    except RuntimeError as error:
        raise PeerLost(
            Diagnostic(
                code="CTC662",
                message="another process is gone",
                notes=(_first_sentence(error),),
                hints=("what it said tells why; a training goes on by --resume",),
            )
        ) from error


def _first_sentence(error: Exception) -> str:
    """What torch says, without the place in its source and the advice that follows."""
    line = (str(error) or type(error).__name__).splitlines()[0]
    return re.sub(r"^\[[^]]*\]\s*", "", line).partition(". ")[0]


def _differently() -> Diagnostic:
    return Diagnostic(
        code="CTC663",
        message="the processes were not started alike",
        notes=("spec, recipe, data, or what lies in the run's folder differ",),
        hints=(
            "give every machine the same command, the same data, and a folder for the run that"
            " all machines share",
        ),
    )
