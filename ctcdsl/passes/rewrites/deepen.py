"""Net2Deeper: a layer that is the identity, to be trained into more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ctcdsl.checking import Network
from ctcdsl.ir import Conv, replace
from ctcdsl.layers.base import MAX_KERNEL
from ctcdsl.passes.base import Guarantee, PassResult
from ctcdsl.passes.padding import freeze_paddings, paddings_of
from ctcdsl.passes.stage_view import stage_convs, with_stage
from ctcdsl.text import error

if TYPE_CHECKING:
    from ctcdsl.passes.weights import Weights

_IDEMPOTENT = ("relu", "relu6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deepen:
    """Insert a convolution that is the identity, after a stage's last one or its `layer`-th.

    A filter of even size has no middle: two are inserted, and the first has the larger
    padding. The other order would cut a row and a column off the map and put zeros there.

    deepen:stage=2

        (7,64)/2 3/3 (2,128)x4 2/2 (3,256)
        (7,64)/2 3/3 (2,128)x4+(2,128,p1)+(2,128,p0) 2/2 (3,256)
    """

    name: ClassVar[str] = "deepen"
    summary: ClassVar[str] = "a convolution that is the identity, to be trained (Net2Deeper)"
    section: ClassVar[str] = "beyond the paper: Chen et al. 2016"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    stage: str
    layer: int | None = None
    size: int | None = None

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC404 after layers that no identity can follow."""
        index, at, conv = self._previous(network)
        size = conv.kernel[0] if self.size is None else self.size
        if not 1 <= size <= MAX_KERNEL:
            raise error("CTC402", f"a filter size must be from 1 to {MAX_KERNEL:,}, not {size}")
        if self.size is None and conv.kernel[0] != conv.kernel[1]:
            raise error(
                "CTC404",
                f"`{conv.origin.text}` is not square, and its identity is to have its size",
                at=conv.origin,
                hint="give the option `size`",
            )
        same = replace(
            conv, kernel=(size, size), stride=(1, 1), padding=None, groups=1, dilation=(1, 1)
        )
        pads = [size // 2] if size % 2 else [size // 2, size // 2 - 1]
        stage = network.architecture.stages[index]
        nodes = (*stage.elements[: at + 1], *[same] * len(pads), *stage.elements[at + 1 :])
        paddings = {}
        for (s, k), sides in paddings_of(network).items():
            paddings[s, k + len(pads) if s == index and k > at else k] = sides
        paddings |= {(index, at + n): (pad, pad) for n, pad in enumerate(pads, start=1)}
        architecture = with_stage(network.architecture, index, replace(stage, elements=nodes))
        return PassResult(freeze_paddings(architecture, paddings))

    def _previous(self, network: Network) -> tuple[int, int, Conv]:
        """The convolution that the identity follows: its stage, its index, itself."""
        index, (*_, at) = stage_convs(network, self.stage, self.layer)
        conv = network.architecture.stages[index].elements[at]
        assert isinstance(conv, Conv)
        problem = ""
        hint = "relu and relu6 change nothing the second time: choose such a `layer`"
        if conv.preactivation:
            problem = "has its activation before it: a layer after it gets no rectified map"
        elif conv.activation is None or conv.activation.word not in _IDEMPOTENT:
            problem = f"ends in {conv.activation}, which applied twice is another"
            if conv.activation is None:
                problem = "has no activation, and a layer after it has none"
        elif conv.norm is not None and conv.norm.word != "bn":
            problem = f"has a {conv.norm.title}, which no weights make the identity"
        elif conv.standardisation is not None:
            problem = "has standardised filters, which no weights make the identity"
            hint = "choose a `layer` that is not standardised"
        if problem:
            raise error(
                "CTC404",
                f"`{conv.origin.text}` {problem}",
                at=conv.origin,
                hint=hint,
            )
        return index, at, conv

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        """The weights of the deeper network."""
        from ctcdsl.passes.weights import parameterised
        from ctcdsl.passes.weights.convolutions import identity

        index, at, _ = self._previous(network=before)
        previous = before.stage(index)[at].name
        transferred: Weights = {}
        targets = iter(parameterised(after))
        for old in parameterised(before):
            transferred[next(targets).name] = weights[old.name]
            if old.name == previous:
                for _ in range(len(after.stage(index)) - len(before.stage(index))):
                    new = next(targets)
                    transferred[new.name] = identity(new)
        return transferred
