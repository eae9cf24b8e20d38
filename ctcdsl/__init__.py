"""ctcdsl: CNNs the way papers write them, at a time cost you choose.

>>> import ctcdsl
>>> net = ctcdsl.load("E")
>>> ctcdsl.cost(net).relative_to(ctcdsl.cost("A"))
0.9898...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ctcdsl.api import (
        Cost,
        Diagnostic,
        Network,
        Report,
        Rewrite,
        SpecError,
        build,
        check,
        cost,
        generate,
        load,
        load_all,
        loads,
        rewrite,
    )

__all__ = [
    "Cost",
    "Diagnostic",
    "Network",
    "Report",
    "Rewrite",
    "SpecError",
    "build",
    "check",
    "cost",
    "generate",
    "load",
    "load_all",
    "loads",
    "rewrite",
]


def __getattr__(name: str) -> Any:
    """Load the library when a name of it is first asked for: `import ctcdsl` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'ctcdsl' has no attribute '{name}'")
    from ctcdsl import api

    value = getattr(api, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
