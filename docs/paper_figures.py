"""The figures that the text of He & Sun 2015 states, and ours beside them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple, Self

import ctcdsl

MODELS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "B'", "D'", "E'", "J'")
TABLE5 = ("alexnet_ungrouped", "zf_fast", "cnn_f", "sppnet_zf5")
TABLE6 = ("cnn_m", "cnn_s", "sppnet_o5", "sppnet_o7", "vgg16", "googlenet")
PEERS = (*TABLE5, *TABLE6)
ERRORS = {
    "A": "37.4 / 15.9",
    "B": "35.7 / 14.9",
    "D": "34.5 / 13.9",
    "E": "33.8 / 13.3",
    "F": "35.5 / 14.8",
    "G": "– / 14.7",
    "I": "33.9 / 13.5",
    "J": "32.9 / 12.5",
    "J'": "32.2 / 12.0",
    "J' 90": "31.8 / 11.8",
    "alexnet_ungrouped": "37.6 / 16.0",
    "sppnet_o7": "– / 11.1",
    "vgg16": "28.1 / 9.3",
    "googlenet": "– / 9.15",
}
"""Top-1 and top-5 error on ImageNet by 10 views, after 75 epochs, of Tables 5 and 6 after 90.

Of AlexNet and SPPnet (O7) the text gives the distance to J'."""
TEXT_COMPLEXITY = {
    "A": "1",
    "J'": "0.98",
    "alexnet_ungrouped of J'": "“40 % less” is J'",
    "vgg16 of J'": "over 20",
    "googlenet of J'": "2.1",
}
"""Relative to A, in Tables 5 and 6 to J'."""
RATIOS = {
    "J'": (0.41, 1.0),
    "alexnet_ungrouped": (0.50, 1.2),
    "zf_fast": (0.54, 1.3),
    "cnn_f": (0.30, 0.7),
    "sppnet_zf5": (0.55, 1.3),
    "cnn_m": (0.71, 1.7),
    "cnn_s": (1.23, 3.0),
    "sppnet_o5": (1.24, 3.0),
    "sppnet_o7": (1.85, 4.5),
    "vgg16": (9.6, 23.4),
    "googlenet": (3.2, 7.8),
}
"""Seconds of training a mini-batch of 128, and in brackets relative to J'."""
SECONDS = {name: f"{seconds:#.2g} ({ratio})" for name, (seconds, ratio) in RATIOS.items()}


@cache
def cost(name: str) -> ctcdsl.Cost:
    """The cost of a built-in network."""
    return ctcdsl.cost(name)


def relative(name: str, base: str) -> float:
    """The MACs of a network by Eqn. 1, relative to another's."""
    return cost(name).relative_to(cost(base))


class Times(NamedTuple):
    """What benchmarks/paper_times.py has measured."""

    recorded: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """From its file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def of(self, name: str) -> dict[str, Any] | None:
        """The times of a network; None where it was not measured."""
        found: dict[str, Any] | None = self.recorded["times"].get(name)
        return found

    def ratio(self, name: str) -> float:
        """The training time relative to steps of J' before and after it."""
        return float(median(self.recorded["times"][name]["relative"]))

    def seconds(self, name: str, task: str) -> float:
        """Training or test time of a mini-batch, the median of the rounds."""
        return float(median(self.recorded["times"][name][task]))

    def shown(self, name: str) -> str:
        """Seconds, and in brackets those relative to J', as the paper has them."""
        if self.of(name) is None:
            return "not measured"
        ratio = 1.0 if name == "J'" else self.ratio(name)
        return f"{self.seconds(name, 'train'):.1f} ({ratio:.1f})"

    def cells(self, name: str) -> tuple[str, str, str, str]:
        """Training relative to J', training, test, and one over the other."""
        train, test = (self.seconds(name, task) for task in ("train", "test"))
        return f"{self.ratio(name):.2f}", f"{train:.1f}", f"{test:.1f}", f"{train / test:.1f}"

    def share(self, name: str, kind: str) -> str:
        """The share of a kind of layers in a training step."""
        return f"{100 * self.recorded['times'][name]['shares'][kind]:.0f} %"

    def beside_convolutions(self, name: str) -> float:
        """The share of fully connected and pooling layers."""
        shares = self.recorded["times"][name]["shares"]
        return float(shares["fc"] + shares["pooling"])

    def training_over_test(self) -> float:
        """The mean of all networks."""
        return mean(
            self.seconds(name, "train") / self.seconds(name, "test")
            for name in self.recorded["times"]
        )

    @property
    def setting(self) -> str:
        """The device, as a sentence."""
        device, rounds = self.recorded["device"], len(self.recorded["times"]["J'"]["train"])
        threads = "1 thread" if device["threads"] == 1 else f"{device['threads']} threads"
        counted = "1 round" if rounds == 1 else f"the median of {rounds} rounds"
        return (
            f"{device['processor']}, {threads}, torch {device['torch']}, {device['precision']},"
            f" mini-batches of {self.recorded['batch']}, {counted}."
        )
