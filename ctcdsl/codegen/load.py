"""Generated source to a live module: the one place of the compiler that loads torch."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, Any

from ctcdsl.check import CheckedNetwork
from ctcdsl.codegen.names import class_name
from ctcdsl.codegen.pytorch import generate

if TYPE_CHECKING:
    from torch import nn


def build_module(checked: CheckedNetwork) -> nn.Module:
    """Generate, execute and instantiate the PyTorch module of a network.

    The module is the one that `ctcdsl compile` writes, so what is trained is what is
    read. Its source is known to `linecache`: tracebacks and `inspect` show it.
    """
    source = generate(checked)
    file = f"<generated from {checked.name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": f"ctcdsl.generated.{class_name(checked.name)}"}
    exec(compile(source, file, "exec"), namespace)
    module: nn.Module = namespace[class_name(checked.name)]()
    return module
