"""Weights carried through rewrites, and how exact that was.

The one part of the passes that loads torch; it is imported where weights are at hand.
"""

from ctcdsl.passes.weights.exactness import Exactness, verify_outputs
from ctcdsl.passes.weights.journey import CarriesWeights, Journey, carry_through, require_carriers
from ctcdsl.passes.weights.naming import Tensors, Weights, bearing, joined, split, unchanged

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
