"""Rewrites: the paper's layer replacements and others, applied by name and held to promises."""

from ctcdsl.passes.base import Pass, PassResult, Promise, refuse
from ctcdsl.passes.manager import Contract, Interval, Step, require_within, run_pass, run_passes

__all__ = [
    "Contract",
    "Interval",
    "Pass",
    "PassResult",
    "Promise",
    "Step",
    "refuse",
    "require_within",
    "run_pass",
    "run_passes",
]
