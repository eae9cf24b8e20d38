"""Generated source to a live module: the one place of the compiler that loads torch."""

from __future__ import annotations

import hashlib
import linecache
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ctcdsl.checking import Network
from ctcdsl.codegen.helpers import template
from ctcdsl.codegen.names import class_name
from ctcdsl.codegen.pytorch import generate
from ctcdsl.codegen.render import render
from ctcdsl.ops.calls import Call

if TYPE_CHECKING:
    from torch import nn

_PACKAGE = "ctcdsl.generated."


def build_module(network: Network, **overrides: Any) -> nn.Module:
    """Generate, execute and instantiate the PyTorch module of a network.

    `overrides` are arguments of its class, such as `num_classes=10`.

    The module is the one that `ctcdsl compile` writes, so what is trained is what is
    read. Its source is known to `linecache`: tracebacks and `inspect` show it.
    """
    source = generate(network)
    file = f"<generated from {network.name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    namespace: dict[str, Any] = {
        "__name__": f"ctcdsl.generated.{class_name(network.name)}_{digest}"
    }
    exec(compile(source, file, "exec", dont_inherit=True), namespace)
    module: nn.Module = namespace[class_name(network.name)](**overrides)
    return module


def build_operation(call: Call) -> nn.Module:
    """The module of one operation, as a network's module makes it by this call."""
    import torch

    namespace: dict[str, Any] = {"torch": torch, "nn": torch.nn, "Tensor": torch.Tensor}
    if not call.function.startswith("nn."):
        exec(render(f"helpers/{template(call.function)}.py"), namespace)
    module: nn.Module = eval(str(call.render()), namespace)
    return module


def make_importable(module: nn.Module) -> None:
    """Let the classes of built modules in `module` be found by import, as torch.compile does.

    Others stay out of `sys.modules`, which would keep each of them for good.
    """
    for kind in {type(part) for part in module.modules()}:
        name = kind.__module__
        if name.startswith(_PACKAGE) and name not in sys.modules:
            sys.modules[name] = ModuleType(name)
            # Of a method that is inherited, or wrapped, the names would be another module's.
            own = (value for value in vars(kind).values() if isinstance(value, FunctionType))
            written = next(each for each in own if each.__globals__["__name__"] == name)
            sys.modules[name].__dict__.update(written.__globals__)
