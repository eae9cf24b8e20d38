"""Predictions by the views of a test: the same code, so the same speed and the same numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, overload

from ctcdsl.evaluation.evaluate import evaluate
from ctcdsl.evaluation.evaluation import TrainedNetwork
from ctcdsl.evaluation.views import counted
from ctcdsl.execution.allocator import steady_allocator
from ctcdsl.execution.events import Callback
from ctcdsl.execution.prepare import crop_of, find_device
from ctcdsl.execution.transfer import move_module
from ctcdsl.exporters.evaluate import trained_of
from ctcdsl.exporters.exported import open_exported
from ctcdsl.metrics.html import as_html
from ctcdsl.metrics.tables import Table
from ctcdsl.prediction.images import GivenImages
from ctcdsl.recipe import Precision
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import store
from ctcdsl.runs.run import network_of
from ctcdsl.text import Diagnostic, UserError
from ctcdsl.text.plural import plural

MOST = 5
"""The most classes that are given of an image."""


class Guess(NamedTuple):
    """A class, and how likely it is: 0 to 1."""

    name: str
    probability: float


class Prediction(NamedTuple):
    """An image, and its likeliest classes, the likeliest first."""

    image: str
    guesses: tuple[Guess, ...]

    @property
    def name(self) -> str:
        """The likeliest class."""
        return self.guesses[0].name

    @property
    def probability(self) -> float:
        """How likely that is."""
        return self.guesses[0].probability

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"image": self.image, "classes": [guess._asdict() for guess in self.guesses]}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Predictions(Sequence[Prediction]):
    """Predictions in the order of the images; those that could not be read are left out."""

    network: str
    views: int
    predictions: tuple[Prediction, ...]
    failed: tuple[Diagnostic, ...] = ()
    """What is wrong with the images that could not be read."""
    images: GivenImages
    """Those that were asked for, and could be read or not."""
    indices: tuple[int, ...]
    """The number of each prediction's image in `images`."""

    def __len__(self) -> int:
        return len(self.predictions)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Prediction, ...]: ...
    def __getitem__(self, index: int | slice) -> Prediction | tuple[Prediction, ...]:
        return self.predictions[index]

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    def table(self) -> Table:
        """A row an image: its name, then classes and their probabilities in percent."""
        count = len(self.predictions[0].guesses) if self.predictions else 1
        numbers = [""] if count == 1 else [f" {number}" for number in range(1, count + 1)]
        titles = ["image", *(f"{word}{n}" for n in numbers for word in ("class", "%"))]
        rows = tuple(
            (
                prediction.image,
                *(
                    cell
                    for guess in prediction.guesses
                    for cell in (guess.name, f"{100 * guess.probability:.1f}")
                ),
            )
            for prediction in self.predictions
        )
        left = frozenset(title for title in titles if not title.startswith("%"))
        return Table(tuple(titles), rows, left)

    def __repr__(self) -> str:
        return f"<Predictions of {self._summary()}>"

    def _repr_html_(self) -> str:
        return as_html(self.table(), caption=self._summary())

    def _summary(self) -> str:
        failed = f", {plural(len(self.failed), 'image')} not readable" if self.failed else ""
        views = counted(1 if self.views == 1 else 10)
        return f"{self.network}: {plural(len(self), 'image')}, {views}{failed}"


class OpenedNetwork(NamedTuple):
    """A trained network, and the names of its outputs: numbers where none are known."""

    trained: TrainedNetwork
    classes: tuple[str, ...]


def open_network(path: str | os.PathLike[str], precision: Precision | None) -> OpenedNetwork:
    """The network of a run's newest checkpoint, of a checkpoint, or of an exported file.

    Raises:
        UserError: CTC610, CTC626 there is no checkpoint; CTC765, CTC767 the file cannot be used.
    """
    if os.path.isfile(path):
        model = open_exported(path, precision or "float32")
        trained, classes = trained_of(model), model.description.classes
        return OpenedNetwork(trained, classes or tuple(map(str, range(trained.network.classes))))
    saved = checkpoints.load(Path(path))
    trained = TrainedNetwork.load(saved, network_of(saved.identity, store.run_of(Path(path))))
    chosen = precision or saved.recipe.precision
    recipe = replace(saved.recipe, precision=chosen, compile="off")
    return OpenedNetwork(replace(trained, recipe=recipe), saved.identity.classes)


def predict_images(
    trained: TrainedNetwork,
    images: GivenImages,
    *,
    views: int,
    top: int,
    batch: int | None,
    workers: int | None,
    device: str,
    callback: Callback,
) -> Predictions:
    """The likeliest classes of each image; softmax outputs are averaged over its views.

    Raises:
        UserError: None of the images can be read; CTC616 there is no such device; CTC605 `batch`
            or `workers` is out of range.
    """
    is_file = trained.statistics is None
    where = find_device("cpu" if is_file else device)
    recipe = replace(trained.recipe, workers=workers, batch=batch or trained.recipe.batch)
    move_module(trained.module, where)
    with steady_allocator(where):
        scores = evaluate(
            trained.module,
            images,
            crop=crop_of(trained.network),
            views=1 if views == 1 else 10,
            recipe=recipe,
            statistics=trained.statistics,
            callback=callback,
            device=where,
            network=None if is_file else trained.network,
        )
    failed = tuple(entry for index in sorted(images.failures) for entry in images.failures[index])
    if len(images.failures) == len(images):
        raise UserError(*failed)
    found = [
        Prediction(
            images.name(index),
            tuple(
                Guess(scores.classes[label], probability)
                for label, probability in list(zip(labels, likely, strict=True))[:top]
            ),
        )
        for index, labels, likely in zip(
            scores.indices.tolist(), scores.top.tolist(), scores.probabilities.tolist(), strict=True
        )
    ]
    kept = tuple(index for index in range(len(images)) if index not in images.failures)
    return Predictions(
        network=trained.network.name,
        views=views,
        predictions=tuple(found[index] for index in kept),
        failed=failed,
        images=images,
        indices=kept,
    )
