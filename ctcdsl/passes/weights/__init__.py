"""Weights transferred through rewrites, and how exact that was.

The one part of the passes that loads torch; it is imported where there are weights.
"""

from ctcdsl.passes.weights.equivalence import Exactness, verify_outputs
from ctcdsl.passes.weights.tensors import (
    Tensors,
    Weights,
    from_state,
    parameterised,
    same_weights,
    to_state,
)
from ctcdsl.passes.weights.transfer import (
    TransferredWeights,
    TransferResult,
    TransfersWeights,
    require_transfer,
    transfer_chain,
    transfer_state,
)

__all__ = [
    "Exactness",
    "Tensors",
    "TransferResult",
    "TransferredWeights",
    "TransfersWeights",
    "Weights",
    "from_state",
    "parameterised",
    "require_transfer",
    "same_weights",
    "to_state",
    "transfer_chain",
    "transfer_state",
    "verify_outputs",
]
