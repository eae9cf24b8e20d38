"""A model of the errors that networks reached: ridge regression on their features.

The penalty is the one whose leave-one-out error is least. How good the model is, is measured
around that choice: each network is predicted by a model of the others, penalty and all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctcdsl.checking import Network
from ctcdsl.estimates.features import FEATURES, features
from ctcdsl.estimates.scores import Score
from ctcdsl.metrics.metric import Metric
from ctcdsl.spaces.objectives import Objective
from ctcdsl.text import error

PREDICTED: Metric[float] = Metric(
    key="predicted",
    title="predicted top-1 %",
    unit="%",
    convention="Predicted from results of other networks.",
    by_layer=lambda workload: (),
    total=sum,
    text="{:.1f}".format,
    number=False,
)
"""What `--rank predicted` compares: a model gives its value, and no layer has one."""
LEAST = 8
"""So many networks a model needs at least."""
SHARE = 0.9
"""Of the error of the mean, that of predictions must be less: pure noise reaches so little in 3 to
8 of 100 cases, of 16 to 8 networks."""
_PENALTIES = 10.0 ** np.arange(-3, 3.5, 0.5)
Floats = NDArray[np.float64]


class _Ridge(NamedTuple):
    """Features are centred and scaled; the mean of the errors is not penalised."""

    centre: Floats
    scale: Floats
    weights: Floats
    inverse: Floats
    mean: float
    results: int

    @classmethod
    def fit(cls, rows: Floats, errors: Floats) -> _Ridge:
        centre, scale = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        values, mean, count = (rows - centre) / scale, float(errors.mean()), len(errors)
        best: tuple[float, Floats] | None = None
        for penalty in _PENALTIES:
            inverse = np.linalg.inv(values.T @ values + penalty * np.eye(rows.shape[1]))
            hat = values @ inverse @ values.T + 1 / count
            left_out = (errors - mean - (hat - 1 / count) @ (errors - mean)) / (1 - np.diag(hat))
            loss = float(np.mean(left_out**2))
            if best is None or loss < best[0]:
                best = loss, inverse
        assert best is not None
        weights = best[1] @ values.T @ (errors - mean)
        return cls(centre, scale, weights, best[1], mean, count)

    def predict(self, row: Floats) -> tuple[float, float]:
        """The error, and its variance as a multiple of that of one result."""
        values = (row - self.centre) / self.scale
        variance = 1 + 1 / self.results + values @ self.inverse @ values
        return self.mean + float(values @ self.weights), float(variance)


class Surrogate:
    """Predicts top-1 errors in percent from results of other networks.

    `count` is the number of results, `leave_one_out` the root mean square of the errors of
    predictions of each from the others, `of_mean` the same of their mean as the prediction.
    """

    def __init__(self, networks: Sequence[Network], errors: Sequence[float]) -> None:
        """Fit a model.

        Args:
            networks: Those that were trained, by one recipe, for one number of classes.
            errors: Their top-1 errors in percent.

        Raises:
            UserError: CTC742 they are too few; CTC744 the predictions of each from the others are
                not a tenth better than the mean of the others.
        """
        self.count = len(networks)
        if self.count < LEAST:
            raise error(
                "CTC742",
                f"{self.count} results are too few for a prediction",
                hint=f"it takes {LEAST} networks at least, trained by one recipe",
            )
        self.classes = networks[0].classes
        self._rows = np.array([features(network) for network in networks])
        measured = np.array(errors, dtype=float)
        others = [np.arange(self.count) != k for k in range(self.count)]
        left = [_Ridge.fit(self._rows[k], measured[k]) for k in others]
        found = [model.predict(row) for model, row in zip(left, self._rows, strict=True)]
        missed = measured - [mean for mean, _ in found]
        self.leave_one_out = float(np.sqrt(np.mean(missed**2)))
        baseline = [own - measured[k].mean() for own, k in zip(measured, others, strict=True)]
        self.of_mean = float(np.sqrt(np.mean(np.square(baseline))))
        if not self.leave_one_out < SHARE * self.of_mean:
            raise error(
                "CTC744",
                "the results predict nothing: of each from the others, a model is wrong by"
                f" {self.leave_one_out:.2f} points, and the mean of the others by"
                f" {self.of_mean:.2f}",
                hint="train more networks, and such that differ more in cost and shape",
            )
        variances = np.array([variance for _, variance in found])
        self._noise = float(np.sqrt(np.mean(missed**2 / variances)))
        self._model = _Ridge.fit(self._rows, measured)

    def predict(self, network: Network) -> Score:
        """The top-1 error of a network in percent, and the deviation of the prediction.

        Raises:
            UserError: CTC743 the network is of another number of classes.
        """
        if network.classes != self.classes:
            raise error(
                "CTC743",
                f"the results are of {self.classes} classes, and {network.name} has"
                f" {network.classes}",
                hint="`classes` in a spec says how many its networks have",
            )
        mean, variance = self._model.predict(np.array(features(network)))
        return Score(mean, self._noise * float(np.sqrt(variance)))

    def objective(self) -> Objective:
        """The prediction as what a front compares: less is better."""
        return Objective(PREDICTED, less=True, of=lambda network: self.predict(network).mean)

    def beyond(self, network: Network) -> tuple[str, ...]:
        """The features of a network that are not between those of the results."""
        row, low, high = features(network), self._rows.min(axis=0), self._rows.max(axis=0)
        slack = 1e-9
        return tuple(
            name
            for name, own, least, most in zip(FEATURES, row, low, high, strict=True)
            if not least - slack <= own <= most + slack
        )

    def __repr__(self) -> str:
        return (
            f"<Surrogate of {self.count} results: leave-one-out {self.leave_one_out:.2f},"
            f" mean {self.of_mean:.2f}>"
        )
