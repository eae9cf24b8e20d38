"""Norms folded and branches fused before a network is written: passes that keep its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from ctcdsl.checking import Network
from ctcdsl.passes.manager import run_pass
from ctcdsl.passes.rewrites.fold_bn import FoldBatchNorm
from ctcdsl.passes.rewrites.repvgg_fuse import RepVggFuse
from ctcdsl.passes.weights import transfer_state
from ctcdsl.text import SpecError

_NOT_APPLICABLE = "CTC405"


class Folded(NamedTuple):
    """A network for inference, its tensors, and what was done to it."""

    network: Network
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()


def folded(network: Network, tensors: Mapping[str, Tensor]) -> Folded:
    """The network with fused branches and folded batch norms, as far as it has any.

    Raises:
        UserError: CTC408 the tensors are another network's; CTC418 they are not finite.
    """
    steps = []
    current = network
    for applied in (RepVggFuse(), FoldBatchNorm()):
        try:
            steps.append(run_pass(current, applied))
        except SpecError as failure:
            if failure.diagnostics[0].code != _NOT_APPLICABLE:
                raise
        else:
            current = steps[-1].after
    if not steps:
        return Folded(network, tensors)
    transferred = transfer_state(steps, current, tensors, "weights")
    return Folded(current, transferred.state, tuple(n for step in steps for n in step.notes))
