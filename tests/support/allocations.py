"""What torch allocates: the events of its profiler, as bytes that are alive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.execution.precision import autocast
from ctcdsl.execution.transfer import move_module

_LIBRARY = ("mkldnn_convolution", "_convolution", "convolution_backward", "addmm", "mm")
"""Operations whose own allocations, where they free them again, are oneDNN's work space."""
_PER_THREAD = ("native_batch_norm", "native_batch_norm_backward", "native_layer_norm_backward")
"""Operations that sum up in a buffer for each thread."""
CPU = torch.device("cpu")
_HALF = "AVX512" in torch.backends.cpu.get_cpu_capability()
"""Whether this CPU takes the kernels whose bfloat16 was measured."""


class Allocation(NamedTuple):
    """Bytes that were allocated, or freed where they are negative, and the operations around."""

    address: int
    size: int
    within: tuple[str, ...]


class Alive(NamedTuple):
    """The bytes that are alive after each allocation: of tensors, and with work space."""

    tensors: list[int]
    all: list[int]


def alive(run: Callable[[], object]) -> Alive:
    """What `run` allocates and does not free, as it runs."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    tree = profiler.profiler.kineto_results.experimental_event_tree()
    timed = sorted(_events(tree, ()), key=lambda pair: pair[0])
    events = [event for _, event in timed]
    work = _work_space(events)
    tensors = total = 0
    result = Alive([], [])
    for number, event in enumerate(events):
        total += event.size
        tensors += 0 if number in work else event.size
        result.all.append(total)
        result.tensors.append(tensors)
    return result


def _events(tree: Iterable[Any], within: tuple[str, ...]) -> Iterable[tuple[int, Allocation]]:
    for event in tree:
        if str(event.tag).endswith("Allocation"):
            fields = event.extra_fields
            yield event.start_time_ns, Allocation(fields.ptr, fields.alloc_size, within)
        yield from _events(event.children, (*within, event.name.removeprefix("aten::")))


def _work_space(events: list[Allocation]) -> set[int]:
    """The numbers of the events that are work space and no tensor."""
    born: dict[int, int] = {}
    work: set[int] = set()
    for number, event in enumerate(events):
        if event.size > 0:
            born[event.address] = number
        elif event.address in born:
            start = born.pop(event.address)
            within = events[start].within
            of_library = within[-1:] and within[-1] in _LIBRARY and within == event.within
            of_threads = within[-2:-1] == ("zeros",) and within[-3] in _PER_THREAD
            if of_library or of_threads:
                work |= {start, number}
    return work


@contextmanager
def two_threads() -> Iterator[None]:
    """On one thread torch takes other kernels for 1x1 convolutions of few images."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def require_kernels(precision: str) -> None:
    """Skip a test of bfloat16 where oneDNN has no kernels for it: torch then takes others."""
    if precision == "bf16" and not _HALF:
        pytest.skip("oneDNN computes in bfloat16 on CPUs with AVX-512 alone")


class Step:
    """A training step of a network's module as `ctcdsl.training` does it, or a forward pass."""

    def __init__(
        self, network: Network, batch: int, precision: str = "float32", optimizer: str = "sgd"
    ) -> None:
        self.model: nn.Module = build_module(network)
        move_module(self.model, CPU)
        self.images = torch.randn(batch, *network.input).to(memory_format=torch.channels_last)
        self._precision: Any = precision
        sides = () if network.nodes[-1].vector else tuple(network.output[1:])
        self.labels = torch.zeros(batch, *sides, dtype=torch.int64)
        parameters = list(self.model.parameters())
        self.optimizer: torch.optim.Optimizer
        if optimizer == "sgd":
            self.optimizer = torch.optim.SGD(parameters, lr=0.0, momentum=0.9, fused=True)
        else:
            self.optimizer = torch.optim.AdamW(parameters, lr=0.0, fused=True)

    def train(self) -> None:
        """Take a step."""
        self.optimizer.zero_grad()
        with autocast(self._precision, CPU):
            logits = self.model(self.images)
        loss = functional.cross_entropy(logits.float(), self.labels)
        torch.autograd.backward(loss)
        self.optimizer.step()

    def infer(self) -> Tensor:
        """Compute the output."""
        with torch.inference_mode(), autocast(self._precision, CPU):
            output: Tensor = self.model(self.images)
            return output

    def training(self) -> Alive:
        """The second step: the optimizer has its state, and gradients are freed."""
        self.model.train()
        with two_threads():
            self.train()
            self.optimizer.zero_grad()
            return alive(self.train)

    def inference(self) -> Alive:
        """A forward pass in evaluation mode."""
        self.model.eval()
        with two_threads():
            return alive(self.infer)
