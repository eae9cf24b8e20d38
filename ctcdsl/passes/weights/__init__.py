"""Weights carried through rewrites, and how exact that was.

The one part of the passes that loads torch; it is imported where weights are at hand.
"""

from ctcdsl.passes.weights.equivalence import Exactness, verify_outputs
from ctcdsl.passes.weights.tensors import Tensors, Weights, joined, parameterised, split, unchanged
from ctcdsl.passes.weights.transfer import (
    TransferResult,
    TransfersWeights,
    carry_through,
    require_carriers,
)

__all__ = [
    "Exactness",
    "Tensors",
    "TransferResult",
    "TransfersWeights",
    "Weights",
    "carry_through",
    "joined",
    "parameterised",
    "require_carriers",
    "split",
    "unchanged",
    "verify_outputs",
]
