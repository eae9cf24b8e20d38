"""Trainings and tests by several processes that talk by gloo, for the tests."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
import torch.distributed as dist
from torch import nn

from ctcdsl.distributed.torchrun import join_processes
from ctcdsl.execution.interrupt import Interrupted, StopWatcher
from ctcdsl.recipe import Recipe
from ctcdsl.text.diagnostic import UserError
from tests.support.runs import run_training
from tests.support.tiny import tiny_net

Event = tuple[int, bool, int, int]
"""A signal that a process sends itself: its rank, whether while training, at which forward pass
of that kind, the signal's number."""

ROOT = Path(__file__).parents[2]

_CONTEXT = multiprocessing.get_context("forkserver")
# What takes seconds to import, in the first step too; the tests' own modules it does not find.
_CONTEXT.set_forkserver_preload(
    [
        "ctcdsl.cli.eval",
        "ctcdsl.cli.train",
        "ctcdsl.training.loop",
        "torch._dynamo",
        "torch.distributed.rendezvous",
    ]
)


def normed_net() -> nn.Module:
    """With all that might come to differ from rank to rank: a batch norm and dropout."""
    return nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), tiny_net())


def plain_net() -> nn.Module:
    return tiny_net(dropout=0.0)


def by_ranks(works: Sequence[Callable[[], object]], seconds: float = 30.0) -> list[int | None]:
    """Do each work in a process of its own, of those that `joined` joins.

    Returns their exit codes, None for one that has not ended in time.
    """
    port = _free_port()
    processes: list[BaseProcess] = [
        _CONTEXT.Process(target=_one, args=(rank, len(works), port, work))
        for rank, work in enumerate(works)
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


def train_by(
    run: Path,
    recipe: Recipe,
    *,
    world: int = 2,
    net: Callable[[], nn.Module] = normed_net,
    event: Event | None = None,
    of_rank: tuple[dict[str, Any], ...] = (),
    **others: Any,
) -> list[int | None]:
    """Train by `run_training`; `of_rank` has what only one process is given.

    A file `said{rank}` beside the run gets the code of the error that a process ended with.
    """
    own = of_rank or ({},) * world
    return by_ranks(
        [
            partial(_train, rank, run, net, event, **{"recipe": recipe, **others, **own[rank]})
            for rank in range(world)
        ]
    )


def command_by(
    folder: Path, *arguments: Sequence[str | Path], event: tuple[int, int] | None = None
) -> Said:
    """Run `ctcdsl` with the arguments of each process; `event`: a rank, and a signal in its test.

    What it prints goes to files in `folder`.
    """
    codes = by_ranks(
        [
            partial(_command, rank, folder, [str(each) for each in some], event)
            for rank, some in enumerate(arguments)
        ]
    )
    out, err = (
        "".join((folder / f"{kind}{rank}").read_text() for rank in range(len(arguments)))
        for kind in ("out", "err")
    )
    assert "Traceback" not in err
    return Said(codes, out, err)


class Said(NamedTuple):
    """What all processes printed, and their exit codes."""

    codes: list[int | None]
    out: str
    err: str


def torchrun(*arguments: str) -> subprocess.Popen[str]:
    """What torchrun really starts: two processes."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )


def _one(rank: int, world: int, port: int, work: Callable[[], object]) -> None:
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    torch.rand(rank)  # random numbers are not to come from what was before
    work()


def _train(
    rank: int, run: Path, net: Callable[[], nn.Module], event: Event | None, **others: Any
) -> None:
    model = net()
    if event is not None and event[0] == rank:
        _arrange(model, event)
    try:
        with join_processes() as processes:
            run_training(run, model=model, processes=processes, **others)
    except Interrupted:
        _leave(130)
    except UserError as error:
        (run.parent / f"said{rank}").write_text(error.diagnostics[0].code)
        _leave(1)


def _command(
    rank: int, folder: Path, arguments: list[str], event: tuple[int, int] | None
) -> NoReturn:
    from ctcdsl.cli.main import run

    if event is not None and event[0] == rank:
        _arrange_in_test(event[1])
    with (
        (folder / f"out{rank}").open("w") as out,
        (folder / f"err{rank}").open("w") as err,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run(arguments)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End as a process does that ends by itself; those of multiprocessing skip `atexit`."""
    if dist.is_initialized():
        dist.destroy_process_group()
    os._exit(code)


def _arrange_in_test(number: int) -> None:
    testing = StopWatcher.on_validation

    def signalled(self: StopWatcher, done: int, total: int) -> None:
        os.kill(os.getpid(), number)
        testing(self, done, total)

    StopWatcher.on_validation = signalled  # type: ignore[method-assign]


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
