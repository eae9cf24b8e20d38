"""Processes started by torchrun: joining them, and what they do together by `torch.distributed`."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import count
from typing import Generic, Self, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from ctcdsl.distributed.gradients import FlatGradients
from ctcdsl.distributed.processes import (
    SINGLE_PROCESS,
    PeerLost,
    Processes,
    Shard,
    StopRequested,
)
from ctcdsl.text import Diagnostic, UserError, error

T = TypeVar("T")

TIMEOUT = timedelta(minutes=10)
"""Longer than the others ever wait for a process: it compiles, or writes a checkpoint."""

_CHECK_SECONDS = 0.5  # between questions to another machine

_joined: list[Processes] = []  # of the block of `join_processes` that is entered
_blocks = count()


class _TorchProcesses(Processes):
    """One of several processes."""

    def __init__(self, shard: Shard, local: int, store: Store) -> None:
        self.shard = shard
        self._local, self._store = local, store
        self._sum: FlatGradients | None = None
        self._next_check = 0.0

    def device(self, device: torch.device) -> torch.device:
        if device.type != "cuda":
            return device
        if self._local >= torch.cuda.device_count():
            raise error(
                "CTC616",
                f"process {self._local + 1} of this machine has no GPU: there are"
                f" {torch.cuda.device_count()}",
                hint="start as many processes as there are GPUs: --nproc-per-node gpu",
            )
        device = torch.device("cuda", self._local)
        torch.cuda.set_device(device)
        return device

    def seed_step(self, seed: int, epoch: int, step: int) -> None:
        """Fix them by seed, epoch, step and rank: one checkpoint serves all processes."""
        text = f"{seed} {epoch} {step} {self.shard.rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.blake2b(text, digest_size=7).digest()))

    def add_gradients(self, parameters: Iterable[nn.Parameter], numbers: Tensor) -> Tensor:
        if self._sum is None:
            trained = [parameter for parameter in parameters if parameter.requires_grad]
            self._sum = FlatGradients(trained, len(numbers))
        self._sum.pack(numbers)
        with _peers_required():
            dist.all_reduce(self._sum.flat)
        return self._sum.unpack()

    def broadcast(self, value: T) -> T:
        values = [value if self.is_main else None]
        with _peers_required():
            dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
        assert values[0] is not None
        return values[0]

    def on_main(self, work: Callable[[], T]) -> T:
        outcome: _Outcome[T] = _Outcome()
        if self.is_main:
            outcome = _Outcome.of(work, KeyboardInterrupt)
        return self.broadcast(outcome).result()

    def gather(self, work: Callable[[], T]) -> list[T]:
        # A second signal is another KeyboardInterrupt: it ends this process at once.
        outcome = _Outcome.of(work, StopRequested)
        if outcome.errors or outcome.stopped:
            self.stop_requested(True)
        outcomes: list[_Outcome[T]] = [outcome] * self.shard.world
        with _peers_required():
            dist.all_gather_object(outcomes, outcome)
        # Errors first: other processes stopped because of them. The sort is stable.
        outcomes.sort(key=lambda outcome: not outcome.errors)
        return [outcome.result() for outcome in outcomes]

    def require_same(self, value: str) -> None:
        if len(set(self.gather(lambda: value))) > 1:
            raise error(
                "CTC663",
                "processes have different arguments",
                notes=("spec, recipe, data, or the contents of the run's folder differ",),
                hint="give every machine the same command, the same data, and a folder for the run"
                " that all machines share",
            )

    def broadcast_buffers(self, model: nn.Module) -> None:
        with _peers_required():
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def stop_requested(self, requested: bool) -> bool:
        if not requested and time.monotonic() < self._next_check:
            return False
        self._next_check = time.monotonic() + _CHECK_SECONDS
        with _peers_required():
            if requested:
                self._store.set("ctcdsl/stop", "")
            return requested or bool(self._store.check(["ctcdsl/stop"]))

    def barrier(self) -> None:
        with _peers_required():  # not dist.barrier(), which would need the GPU
            dist.all_reduce(torch.zeros(1))

    def is_first_to_report(self, text: str, default: bool) -> bool:
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        try:
            return self._store.add(f"ctcdsl/reported/{digest}", 1) == 1
        except RuntimeError:  # the process that kept the store has ended
            return default


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome(Generic[T]):
    """How some work ended, in a form that can be sent to other processes."""

    value: T | None = None
    errors: tuple[Diagnostic, ...] = ()
    stopped: bool = False

    @classmethod
    def of(cls, work: Callable[[], T], stop: type[KeyboardInterrupt]) -> Self:
        """How `work` ends here, `stop` being what interrupts it. Raises `PeerLost`."""
        try:
            return cls(value=work())
        except PeerLost:
            raise
        except UserError as cause:
            return cls(errors=cause.diagnostics)
        except stop:
            return cls(stopped=True)

    def result(self) -> T:
        """What the work returned. Raises `UserError` or `StopRequested` where it did not return."""
        if self.errors:
            raise UserError(*self.errors)
        if self.stopped:
            raise StopRequested
        return cast("T", self.value)


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Work with the processes that torchrun has started; without torchrun, this one is alone.

    They may do so several times, each time from the beginning; within such a block the same
    processes are given again. Raises `UserError` CTC661 where they cannot connect.
    """
    if _joined:
        yield _joined[0]
        return
    environment = os.environ
    if "RANK" not in environment or int(environment.get("WORLD_SIZE", "1")) == 1:
        yield SINGLE_PROCESS
        return
    store, shard = _connected()
    local = int(environment.get("LOCAL_RANK", shard.rank))
    # Stops that were requested in an earlier block must not be found again.
    block = PrefixStore(f"block {next(_blocks)}", store)
    _joined.append(_TorchProcesses(shard, local, block))
    try:
        yield _joined[0]
    finally:
        _joined.clear()


@lru_cache(maxsize=1)
def _connected() -> tuple[Store, Shard]:
    """The store that all processes share, and which of them this one is, until it ends.

    GPUs communicate by NCCL, all else goes by gloo.
    """
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store, rank, world = next(iter(rendezvous("env://", timeout=TIMEOUT)))
        # torchrun may keep one store over restarts: addresses of the dead must not be found in it.
        store = PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=TIMEOUT)
    except (RuntimeError, ValueError) as cause:
        raise error(
            "CTC661",
            "the processes cannot connect",
            notes=(_first_sentence(cause),),
            hint="start them with torchrun, with the same rendezvous on every machine",
        ) from cause
    atexit.register(dist.destroy_process_group)
    return store, Shard(rank, world)


@contextmanager
def _peers_required() -> Iterator[None]:
    """Raise `PeerLost` for what torch raises where another process has ended."""
    try:
        yield
    except RuntimeError as cause:
        raise PeerLost(
            *error(
                "CTC662",
                "lost connection to another process",
                notes=(_first_sentence(cause),),
                hint="its own message says why it ended; --resume continues a training",
            ).diagnostics
        ) from cause


def _first_sentence(cause: Exception) -> str:
    """What torch says, without the place in its source and the advice that follows."""
    line = (str(cause) or type(cause).__name__).splitlines()[0]
    return re.sub(r"^\[[^]]*\]\s*", "", line).partition(". ")[0]
