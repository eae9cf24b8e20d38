"""Trainings by two processes that talk by gloo, for the tests."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ctcdsl.text.diagnostic import UserError
from ctcdsl.training.distributed import joined
from ctcdsl.training.interrupt import Interrupted
from ctcdsl.training.recipe import Recipe
from runs import run_training
from tiny import tiny_net

Event = tuple[int, bool, int, int]
"""A signal that a process sends itself: its rank, whether while training, at which forward pass
of that kind, the signal's number."""

_CONTEXT = multiprocessing.get_context("forkserver")
# What takes seconds to import; the tests' own modules the server does not find.
_CONTEXT.set_forkserver_preload(["ctcdsl.training.loop", "torch.distributed.rendezvous"])


def normed_net() -> nn.Module:
    """With all that might come to differ from rank to rank: a batch norm and dropout."""
    return nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), tiny_net())


def plain_net() -> nn.Module:
    return tiny_net(dropout=0.0)


def train_by(
    run: Path,
    recipe: Recipe,
    *,
    world: int = 2,
    net: Callable[[], nn.Module] = normed_net,
    event: Event | None = None,
    of_rank: tuple[dict[str, Any], ...] = (),
    seconds: float = 30.0,
    **others: Any,
) -> list[int | None]:
    """Train; the exit codes of the processes, None for one that has not ended in time."""
    port = _free_port()
    processes: list[BaseProcess] = [
        _CONTEXT.Process(
            target=_train,
            args=(rank, world, port, run, recipe, net, event),
            kwargs={**others, **(of_rank[rank] if of_rank else {})},
        )
        for rank in range(world)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(seconds)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    return codes


def _train(
    rank: int,
    world: int,
    port: int,
    run: Path,
    own: Recipe,
    net: Callable[[], nn.Module],
    event: Event | None,
    **others: Any,
) -> None:
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    torch.rand(rank)  # random numbers are not to come from what was before
    model = net()
    if event is not None and event[0] == rank:
        _arrange(model, event)
    try:
        with joined() as ranks:
            run_training(run, others.pop("recipe", own), model=model, ranks=ranks, **others)
    except Interrupted:
        os._exit(130)
    except UserError as error:
        (run.parent / f"said{rank}").write_text(error.diagnostics[0].code)
        os._exit(1)


def _arrange(model: nn.Module, event: Event) -> None:
    _, training, left, number = event

    def count(*arguments: object) -> None:
        nonlocal left
        left -= model.training == training
        if left == 0 and model.training == training:
            os.kill(os.getpid(), number)

    model.register_forward_hook(count)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


KILL, TERM = int(signal.SIGKILL), int(signal.SIGTERM)
