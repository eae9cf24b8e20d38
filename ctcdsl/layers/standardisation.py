"""Weight standardisation: the tag `ws` of a convolution, and `wsconv` in styles."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.layers.arguments import Real
from ctcdsl.ops.convolution import STANDARDISATION_EPS


class Standardisation(NamedTuple):
    """Each filter less its mean, over the root of its variance and `eps`.

    The variance is that of all weights of the filter, not corrected for their mean: of one weight
    it is 0 (Qiao et al. 2019, Eqn. 11, with timm's eps inside the root).
    """

    eps: float = STANDARDISATION_EPS


EPS = Real("eps", 1e-12, 1, "the eps of `ws`", optional=True)
"""What the tag takes in parentheses."""

CONVOLUTIONS = MappingProxyType({"conv": None, "wsconv": Standardisation()})
"""What a style calls its convolutions."""
