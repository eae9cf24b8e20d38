"""Rewrites: the paper's layer replacements and others, applied by name and verified."""

from ctcdsl.passes.base import Guarantee, KeepsWeights, Pass, PassResult
from ctcdsl.passes.manager import Frozen, Interval, Step, require_within, run_pass, run_passes
from ctcdsl.text import error

__all__ = [
    "Frozen",
    "Guarantee",
    "Interval",
    "KeepsWeights",
    "Pass",
    "PassResult",
    "Step",
    "error",
    "require_within",
    "run_pass",
    "run_passes",
]
