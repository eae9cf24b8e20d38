"""Scores of a network that was not trained, by their names."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean, stdev
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ctcdsl.checking import Network

if TYPE_CHECKING:
    from torch import nn

DRAWS = 3
"""So many initialisations a score is the mean of."""


class Score(NamedTuple):
    """The mean of a score over initialisations, and their standard deviation."""

    mean: float
    deviation: float

    @property
    def text(self) -> str:
        """As in `542.1 ± 2.0`."""
        return f"{self.mean:.1f} ± {self.deviation:.1f}"


class Kind(NamedTuple):
    """A kind of score: its title, and its value of a module with new weights, by a seed."""

    title: str
    of: Callable[[nn.Module, Network, int], float]


def _naswot(module: nn.Module, network: Network, seed: int) -> float:
    from ctcdsl.estimates.naswot import naswot

    return naswot(module, network, seed)


def _synflow(module: nn.Module, network: Network, seed: int) -> float:
    from ctcdsl.estimates.synflow import synflow

    return synflow(module, network)


SCORES = MappingProxyType(
    {"naswot": Kind("NASWOT", _naswot), "synflow": Kind("log synflow", _synflow)}
)
"""Of each kind more is said to be better; torch is loaded when one is taken."""


def score_network(network: Network, kind: str, *, seed: int = 0, draws: int = DRAWS) -> Score:
    """A score of a network: the mean over modules with weights drawn by seeds from `seed` on.

    Raises:
        UserError: CTC741 the network has no such score.
    """
    import torch

    from ctcdsl.codegen.load import build_module

    values: list[float] = []
    with torch.random.fork_rng(devices=[]):
        for each in range(seed, seed + draws):
            torch.manual_seed(each)
            values.append(SCORES[kind].of(build_module(network), network, each))
    return Score(fmean(values), stdev(values) if draws > 1 else 0.0)
