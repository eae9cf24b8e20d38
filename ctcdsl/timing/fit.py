"""Fits the law of each kind of operation to measured times.

The linear part minimises relative errors under the bound that no coefficient is negative. What
remains, the logarithm of measured over predicted, is the mean of a Gaussian process over the
proportions: length scales by the marginal likelihood (Rasmussen & Williams 2006, Eqn. 5.8), the
same for hot and cold, so that predictions compute one kernel for both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from ctcdsl.metrics.operation_time import (
    Counts,
    Law,
    counts_of,
    kind_of,
    proportions_of,
)
from ctcdsl.timing.operations import OperationTime

_FEWEST = 8
"""Operations from which on a kind has a process: fewer say too little."""
_STEPS, _RATE = 60, 0.1
_LEAST_NOISE, _MOST_SIGNAL = 1e-4, 1.0
"""Variances of logarithms: 1 % of a time, and a factor of e."""
_SCALE, _PRIOR = 2.0, 0.02
"""Length scales, over the deviation of their proportion, tend to this as strongly."""


def fit_laws(
    times: Sequence[OperationTime], batch: int, progress: Callable[[str], None]
) -> dict[str, Law]:
    """The law of each kind among operations that were timed on a batch."""
    kinds: dict[str, list[OperationTime]] = {}
    for one in times:
        kinds.setdefault(kind_of(one.node), []).append(one)
    laws: dict[str, Law] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # these matrices are small: more threads only wait for each other
    try:
        for number, (kind, same) in enumerate(kinds.items()):
            progress(f"laws: {number} of {len(kinds)}")
            laws[kind] = _law(same, batch)
    finally:
        torch.set_num_threads(threads)
    return laws


def _law(times: Sequence[OperationTime], batch: int) -> Law:
    counts = [counts_of(one.node, batch) for one in times]
    proportions = [proportions_of(one.node, batch) for one in times]
    hot = _linear(counts, [one.hot for one in times])
    cold = _linear(counts, [one.cold for one in times])
    residuals = torch.tensor(
        [
            [log(one.hot / _dot(hot, count)), log(one.cold / _dot(cold, count))]
            for one, count in zip(times, counts, strict=True)
        ],
        dtype=torch.float64,
    )
    columns = list(zip(*proportions, strict=True))
    lowest, highest = tuple(map(min, columns)), tuple(map(max, columns))
    if len(times) < _FEWEST:
        return Law(hot, cold, (1.0,) * len(lowest), (), (), (), lowest, highest)
    process = _process(torch.tensor(proportions, dtype=torch.float64), residuals)
    scales = tuple(process.scales.tolist())
    points = tuple(
        tuple(value / scale for value, scale in zip(point, scales, strict=True))
        for point in proportions
    )
    hot_weights, cold_weights = (tuple(column) for column in process.weights.T.tolist())
    return Law(hot, cold, scales, points, hot_weights, cold_weights, lowest, highest)


def _linear(counts: Sequence[Counts], seconds: Sequence[float]) -> Counts:
    """Coefficients from 0 on that predict each time to about the same share of it.

    An error counts by the geometric mean of time and prediction: over time alone, laws that
    predict too little would be favoured.
    """
    matrix = torch.tensor(counts, dtype=torch.float64)
    times = torch.tensor(seconds, dtype=torch.float64)
    weights = 1 / times
    law = _not_negative(matrix * weights[:, None], times * weights)
    for _ in range(3):
        predicted = (matrix @ law).clamp(min=1e-9)
        weights = (times * predicted).rsqrt()
        law = _not_negative(matrix * weights[:, None], times * weights)
    a, b, c, d, e = law.tolist()
    return a, b, c, d, e


def _not_negative(matrix: Tensor, target: Tensor) -> Tensor:
    """Least squares with coefficients from 0 on: the best of all subsets that have them."""
    columns = matrix.shape[1]
    best, least = torch.zeros(columns, dtype=matrix.dtype), float(target.square().sum())
    for size in range(1, columns + 1):
        for subset in map(list, combinations(range(columns), size)):
            part = matrix[:, subset]
            solution = torch.linalg.lstsq(part, target[:, None], driver="gelsd").solution[:, 0]
            error = float((part @ solution - target).square().sum())
            if error < least and bool((solution >= 0).all()):
                least, best = error, torch.zeros_like(best)
                best[subset] = solution
    return best


class _Process(NamedTuple):
    """Length scales, and the weights of each point for hot and cold: (points, 2)."""

    scales: Tensor
    weights: Tensor


def _process(points: Tensor, residuals: Tensor) -> _Process:
    """The Gaussian process of the residuals, (points, 2), with the likeliest scales."""
    usual = _SCALE * (points.std(dim=0) + 1e-3)
    scales = usual.log().requires_grad_()
    signal = residuals.var(dim=0).clamp(min=1e-4).log().requires_grad_()
    noise = torch.full((2,), log(0.01), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([scales, signal, noise], lr=_RATE)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        kernel = _kernel(points / scales.exp())
        loss = _PRIOR * (scales - usual.log()).square().sum()
        for column in range(2):
            matrix = signal[column].exp() * kernel + _diagonal(noise[column], len(points))
            factor = torch.linalg.cholesky(matrix)
            solved = torch.cholesky_solve(residuals[:, column : column + 1], factor)[:, 0]
            loss = loss + 0.5 * residuals[:, column] @ solved + factor.diagonal().log().sum()
        torch.autograd.backward(loss)
        optimizer.step()
        with torch.no_grad():
            signal.clamp_(max=log(_MOST_SIGNAL))
            noise.clamp_(min=log(_LEAST_NOISE))
    with torch.no_grad():
        kernel = _kernel(points / scales.exp())
        weights = [
            signal[column].exp()
            * torch.linalg.solve(
                signal[column].exp() * kernel + _diagonal(noise[column], len(points)),
                residuals[:, column],
            )
            for column in range(2)
        ]
        return _Process(scales.exp(), torch.stack(weights, dim=1))


def _diagonal(noise: Tensor, size: int) -> Tensor:
    return (noise.exp() + _LEAST_NOISE) * torch.eye(size, dtype=torch.float64)


def _kernel(scaled: Tensor) -> Tensor:
    """Matérn's kernel of order 3/2 between all points, as `matern` has it."""
    squares = (scaled[:, None] - scaled[None]).square().sum(dim=2)
    distances = (3 * squares + 1e-12).sqrt()  # the root of 0 has no gradient
    return (1 + distances) * torch.exp(-distances)


def _dot(law: Counts, counts: Counts) -> float:
    return sum(a * b for a, b in zip(law, counts, strict=True))
