"""Weights carried through rewrites, and how exact that was.

The one part of the passes that loads torch; it is imported where weights are at hand.
"""

from ctcdsl.passes.weights.equivalence import Exactness, verify_outputs
from ctcdsl.passes.weights.tensors import Tensors, Weights, bearing, joined, split, unchanged
from ctcdsl.passes.weights.transfer import CarriesWeights, Journey, carry_through, require_carriers

__all__ = [
    "CarriesWeights",
    "Exactness",
    "Journey",
    "Tensors",
    "Weights",
    "bearing",
    "carry_through",
    "joined",
    "require_carriers",
    "split",
    "unchanged",
    "verify_outputs",
]
