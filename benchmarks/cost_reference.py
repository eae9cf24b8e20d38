"""Counts what a module computes, from the definitions, as it runs once."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

import torch
from cost_tools import Elements
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


class _Functions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the values of rectifiers and those that averages read, of modules or not."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.__name__.split(".")[0].strip("_")
        if name in ("relu", "adaptive_avg_pool2d", "mean"):
            self.values["relu" if name == "relu" else "averaged"] += args[0].numel()
        return func(*args, **(kwargs or {}))


def measure(model: nn.Module, images: Tensor) -> Elements:
    """The elements of one pass."""
    seen: Counter[str] = Counter()

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        values, places = output.numel(), prod(output.shape[2:])
        match module:
            case nn.Conv2d() | nn.Linear():
                seen["macs"] += module.weight.numel() * places
                seen["biases"] += values * (module.bias is not None)
            case nn.BatchNorm2d():
                seen["norms"] += values
                seen["norm_weights"] += sum(weight.numel() for weight in module.parameters())
            case nn.ReLU():
                seen["relu"] += values
            case nn.ReLU6():
                seen["relu6"] += values
            case nn.MaxPool2d():
                seen["pooled"] += inputs[0].numel()
                assert isinstance(module.kernel_size, int)
                seen["compared_in_a_row"] += values * (module.kernel_size - 1)
            case nn.AdaptiveAvgPool2d():
                seen["averaged"] += inputs[0].numel()
                seen["averages"] += values

    for module in model.modules():
        module.register_forward_hook(hook)
    with torch.no_grad(), _Functions() as functions:
        model(images)
    for kind, of_all in functions.values.items():
        seen[f"{kind}_by_function"] = of_all - seen[kind]
    return Elements(**{field: seen[field] for field in Elements._fields})
