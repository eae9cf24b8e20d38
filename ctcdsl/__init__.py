"""ctcdsl: CNNs the way papers write them, at a time cost you choose.

>>> import ctcdsl
>>> net = ctcdsl.load("E")
>>> ctcdsl.cost(net).relative_to(ctcdsl.cost("A"))
0.9898...
"""

from __future__ import annotations

import sys
from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False  # `import ctcdsl` takes a millisecond; with `typing` it would take several
if TYPE_CHECKING:
    from ctcdsl.api import (
        Cost,
        Network,
        Report,
        build,
        check,
        cost,
        diff,
        generate,
        load,
        load_all,
        loads,
        memory,
    )
    from ctcdsl.budgets import Budget
    from ctcdsl.deployment import Export, Prediction, Predictions, export, predict
    from ctcdsl.designs import Rewrite, explain_design, fit_results, report, rewrite, search
    from ctcdsl.execution.events import Callback
    from ctcdsl.experiments import (
        Benchmark,
        Comparison,
        Interrupted,
        Run,
        Scores,
        Sweep,
        bench,
        compare,
        evaluate,
        score,
        sweep,
        train,
    )
    from ctcdsl.metrics.difference import Difference
    from ctcdsl.metrics.memory import Memory
    from ctcdsl.passes.explanation import Explanation
    from ctcdsl.recipe import Recipe
    from ctcdsl.reporting.page import Page
    from ctcdsl.text import Diagnostic, SpecError, SpecWarning, UserError

__all__ = [
    "Benchmark",
    "Budget",
    "Callback",
    "Comparison",
    "Cost",
    "Diagnostic",
    "Difference",
    "Explanation",
    "Export",
    "Interrupted",
    "Memory",
    "Network",
    "Page",
    "Prediction",
    "Predictions",
    "Recipe",
    "Report",
    "Rewrite",
    "Run",
    "Scores",
    "SpecError",
    "SpecWarning",
    "Sweep",
    "UserError",
    "bench",
    "build",
    "check",
    "compare",
    "cost",
    "diff",
    "evaluate",
    "explain_design",
    "export",
    "fit_results",
    "generate",
    "load",
    "load_all",
    "loads",
    "memory",
    "predict",
    "report",
    "rewrite",
    "score",
    "search",
    "sweep",
    "train",
]

_MODULES = {  # of the names that are not in `ctcdsl.api`
    "Budget": "ctcdsl.budgets",
    "Callback": "ctcdsl.execution.events",
    "Difference": "ctcdsl.metrics.difference",
    "Explanation": "ctcdsl.passes.explanation",
    "Memory": "ctcdsl.metrics.memory",
    "Page": "ctcdsl.reporting.page",
    "Recipe": "ctcdsl.recipe",
    **dict.fromkeys(("Diagnostic", "SpecError", "SpecWarning", "UserError"), "ctcdsl.text"),
    **dict.fromkeys(
        ("Rewrite", "explain_design", "fit_results", "report", "rewrite", "search"),
        "ctcdsl.designs",
    ),
    **dict.fromkeys(
        (
            *("Benchmark", "Comparison", "Interrupted", "Run", "Scores", "Sweep"),
            *("bench", "compare", "evaluate", "score", "sweep", "train"),
        ),
        "ctcdsl.experiments",
    ),
    **dict.fromkeys(
        ("Export", "Prediction", "Predictions", "export", "predict"), "ctcdsl.deployment"
    ),
}
_WITH_TORCH = ("ctcdsl.deployment", "ctcdsl.execution.events", "ctcdsl.experiments")


def __getattr__(name: str) -> object:
    """Load the library when a name of it is first asked for: `import ctcdsl` costs nothing."""
    if name not in __all__:
        message = f"module 'ctcdsl' has no attribute '{name}'"
        raise AttributeError(message, name=name, obj=sys.modules[__name__])
    module = _MODULES.get(name, "ctcdsl.api")
    if module in _WITH_TORCH:
        from ctcdsl.text.packages import require_packages

        require_packages(f"ctcdsl.{name}", "torch", "numpy", "PIL", "safetensors")
    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names that can be used: without torch there is no training."""
    from importlib.util import find_spec

    names = (*__all__, "__version__")
    if find_spec("torch") is not None:
        return list(names)
    return [name for name in names if _MODULES.get(name) not in _WITH_TORCH]
