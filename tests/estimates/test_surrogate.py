"""Errors predicted from results of other networks."""

from __future__ import annotations

from itertools import product
from math import log
from pathlib import Path

import numpy as np
import pytest

import ctcdsl
from ctcdsl.estimates.features import FEATURES, features
from ctcdsl.estimates.surrogate import Surrogate
from ctcdsl.text import UserError
from tests.conftest import ROOT

CIFAR = ROOT / "benchmarks" / "cifar"
SMALL = sorted(CIFAR.glob("*.ctc"))
RESULTS = CIFAR / "compare.csv"


def net(depth: int, width: int, kernel: int = 3, classes: int = 10) -> ctcdsl.Network:
    text = f"net D{depth}W{width}\ninput 3x16x16\nclasses {classes}\nstyle conv-relu\n"
    return ctcdsl.loads(f"{text}(3,16)/2 ({kernel},{width})x{depth}\nhead: gap fc")


GRID = [net(depth, width) for depth, width in product((1, 2, 4, 6), (16, 24, 32, 48))]


def error_of(network: ctcdsl.Network) -> float:
    """What a made-up training gives: fewer errors with depth and parameters."""
    return 60 - 4 * log(ctcdsl.cost(network).depth) - 3 * log(network.params)


def failure(networks: list[ctcdsl.Network], errors: list[float]) -> str:
    with pytest.raises(UserError) as found:
        Surrogate(networks, errors)
    return str(found.value)


def test_features() -> None:
    found = dict(zip(FEATURES, features(net(3, 32, 1)), strict=True))
    cost = ctcdsl.cost(net(3, 32, 1))
    assert found["MACs"] == log(cost.macs) and found["parameters"] == log(cost.params)
    assert found["depth"] == log(4)
    assert found["width"] == pytest.approx((log(16) + 3 * log(32)) / 4)
    assert found["kernel size"] == pytest.approx(log(3) / 4)
    assert found["1x1 convolutions"] == 0.75


def test_a_law_of_the_features_is_found() -> None:
    model = Surrogate(GRID, [error_of(network) for network in GRID])
    assert model.leave_one_out < 0.1 * model.of_mean
    between = net(3, 40)
    assert model.predict(between).mean == pytest.approx(error_of(between), abs=0.3)
    assert model.beyond(between) == ()


def test_leaving_one_out_is_what_it_says() -> None:
    """Each result predicted by a model of the others, penalty and all."""
    rng = np.random.default_rng(0)
    errors = [error_of(network) + rng.normal() for network in GRID]
    model = Surrogate(GRID, errors)
    missed, of_mean = [], []
    for k, network in enumerate(GRID):
        others = [*GRID[:k], *GRID[k + 1 :]], [*errors[:k], *errors[k + 1 :]]
        missed.append(errors[k] - Surrogate(*others).predict(network).mean)
        of_mean.append(errors[k] - np.mean(others[1]))
    assert model.leave_one_out == pytest.approx(np.sqrt(np.mean(np.square(missed))))
    assert model.of_mean == pytest.approx(np.sqrt(np.mean(np.square(of_mean))))


def test_the_deviation_is_that_of_predictions() -> None:
    """Of new networks about two of three are within it, and nearly all within three."""
    rng = np.random.default_rng(1)
    within: list[float] = []
    for _ in range(30):
        model = Surrogate(GRID, [error_of(network) + rng.normal() for network in GRID])
        for depth, width in ((3, 20), (5, 40), (2, 28)):
            found, real = model.predict(net(depth, width)), error_of(net(depth, width))
            within.append(abs(real + rng.normal() - found.mean) / found.deviation)
    assert 0.55 < np.mean(np.array(within) < 1) < 0.85
    assert np.mean(np.array(within) < 3) > 0.97


def test_it_knows_less_of_what_was_not_trained() -> None:
    model = Surrogate(GRID, [error_of(network) for network in GRID])
    inside, outside = net(3, 32), net(20, 200, 1)
    assert model.beyond(inside) == ()
    assert set(model.beyond(outside)) == set(FEATURES)
    assert model.predict(outside).deviation > 3 * model.predict(inside).deviation


def test_results_that_are_too_few_or_say_nothing() -> None:
    errors = [error_of(network) for network in GRID]
    assert "CTC742" in failure(GRID[:7], errors[:7])
    assert "7 results are too few" in failure(GRID[:7], errors[:7])
    assert "CTC744" in failure(GRID, [30.0] * len(GRID))
    text = failure([GRID[0]] * 8, errors[:8])
    assert "CTC744" in text and "the mean of the others by" in text


def test_noise_is_seldom_taken_for_a_law() -> None:
    rng, refused = np.random.default_rng(2), 0
    for _ in range(60):
        try:
            Surrogate(GRID, list(rng.normal(30, 1, len(GRID))))
        except UserError:
            refused += 1
    assert refused >= 54


def test_the_measured_results_predict_better_than_their_mean() -> None:
    """The ten networks that were trained on CIFAR-10."""
    model = ctcdsl.fit_results(RESULTS, SMALL)
    assert model.count == 10
    assert model.leave_one_out == pytest.approx(1.47, abs=0.02)
    assert model.of_mean == pytest.approx(2.16, abs=0.01)
    assert repr(model).startswith("<Surrogate of 10 results: leave-one-out 1.4")
    with pytest.raises(UserError, match=r"CTC743.*10 classes, and A has 1000"):
        model.predict(ctcdsl.load("A"))


def test_names_of_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = Path("runs.csv")
    rows = "".join(f"{n.name},{error_of(n)}\n" for n in GRID)
    table.write_text(f"network,top-1 %\n{rows}", encoding="utf-8")
    for network in GRID[1:]:
        Path(f"{network.name}.ctc").write_text(str(network), encoding="utf-8")
    with pytest.raises(UserError, match=r"CTC743.*no spec of `D1W16`: their") as found:
        ctcdsl.fit_results(table)
    assert "--trained" in str(found.value)
    with pytest.warns(ctcdsl.SpecWarning, match="CTC951"):
        ctcdsl.load("D1W24")
    assert ctcdsl.fit_results(table, GRID[:1]).count == len(GRID)
    other = ctcdsl.loads(str(GRID[0]).replace("(3,16)/2", "(5,16)/2"))
    with pytest.raises(UserError, match=r"CTC743.*two different networks are named `D1W16`"):
        ctcdsl.fit_results(table, [GRID[0], other])
    wrong = [net(1, 16, classes=9)]
    with pytest.raises(UserError, match=r"CTC743.*different tasks, of 9 and 10 classes"):
        ctcdsl.fit_results(table, wrong)


def test_names_of_built_in_networks(tmp_path: Path) -> None:
    errors = {"A": 37.4, "B": 35.7, "D": 34.5, "E": 33.8, "F": 35.5, "I": 33.9, "J": 32.9}
    table = tmp_path / "paper.csv"
    rows = "".join(f"{name},{top1}\n" for name, top1 in {**errors, "J'": 32.2}.items())
    table.write_text(f"network,top-1 %\n{rows}", encoding="utf-8")
    model = ctcdsl.fit_results(table)
    assert model.count == 8
    # Depth explains these, and D+16 is 25 layers deep: the model does not know that errors rise.
    deep = ctcdsl.rewrite("D", "repeat-last:times=16").network
    assert "depth" in model.beyond(deep)
