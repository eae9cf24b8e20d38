"""A network's forward pass through torch.compile, where the recipe asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ctcdsl.codegen.load import make_importable
from ctcdsl.recipe import Compile
from ctcdsl.text import error

Forward = Callable[[Tensor], Tensor]
"""What a network makes of its input."""


def forward_of(model: nn.Module, compile: Compile) -> Forward:
    """`model` itself, or its forward pass compiled; it has the same weights.

    Each shape of input is compiled for itself when it first comes. Code for shapes of any size
    would be slower, and which shapes it served would depend on which came before: a resumed run
    could round otherwise than one that was never stopped.
    """
    if compile == "off":
        return model
    make_importable(model)
    mode = "reduce-overhead" if compile == "graphs" else None
    forward: Forward = torch.compile(model, dynamic=False, mode=mode)
    return forward


@contextmanager
def compile_as_error(compile: Compile) -> Iterator[None]:
    """Turns an error of torch.compile into `UserError` CTC617."""
    try:
        yield
    except RuntimeError as cause:
        if compile == "off" or not _of_compiler(cause):
            raise
        raise error(
            "CTC617",
            "torch.compile cannot compile the network here",
            notes=(_main_line(cause),),
            hint="leave out --compile: the results are the same but for rounding",
        ) from cause


def _main_line(cause: Exception) -> str:
    """The line of a compiler's message that says most."""
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    errors = (line for line in lines if "error" in line.lower() or "not found" in line.lower())
    return next(errors, lines[0] if lines else type(cause).__name__)


def _of_compiler(cause: RuntimeError) -> bool:
    from torch._dynamo.exc import TorchDynamoException  # loads in seconds: only where compiled

    return isinstance(cause, TorchDynamoException)
