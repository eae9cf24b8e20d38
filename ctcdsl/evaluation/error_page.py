"""A page of the errors that were made with most confidence: one HTML file, without other files.

A network that is wrong and sure of it is what one learns from: a wrong label, a picture of two
things, a class that is seen by its background.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ctcdsl.evaluation.confusion import most_confused
from ctcdsl.evaluation.scores import Scores
from ctcdsl.evaluation.views import counted
from ctcdsl.images.image_set import ImageSet
from ctcdsl.storage.atomic import write_atomic

_THUMBNAIL = (320, 200)
"""Width and height that a picture on the page fits into, in pixels of the file."""
_PAIRS = 25


class Prediction(NamedTuple):
    """A class that was thought likely, and how likely."""

    name: str
    probability: float
    right: bool


class Misclassified(NamedTuple):
    """An image, what it shows, and what it was taken for."""

    name: str
    label: str
    predicted: str
    likely: float
    """The probability of the class it was taken for."""
    of_label: float
    """That of its own class."""
    guesses: tuple[Prediction, ...]
    picture: str
    """The image as a ``data:`` URI."""


class Row(NamedTuple):
    """A class and its errors."""

    name: str
    images: int
    wrong: int
    error: float


def worst(scores: Scores, limit: int) -> list[int]:
    """The rows of the wrongly classified images, most confident errors first, at most so many.

    Confidence is how much likelier the wrong class was than the right one.
    """
    lead = (scores.probabilities[:, 0] - scores.label_probabilities).tolist()
    errors = [row for row, correct in enumerate(scores.correct.tolist()) if not correct]
    return sorted(errors, key=lambda row: (-lead[row], row))[:limit]


def misclassified(scores: Scores, images: ImageSet, limit: int) -> list[Misclassified]:
    """The worst errors with their pictures. Raises `UserError` where an image cannot be read."""
    classes = images.classes
    results = []
    for row in worst(scores, limit):
        label = int(scores.labels[row])
        tops, probabilities = scores.top[row].tolist(), scores.probabilities[row].tolist()
        guesses = [
            Prediction(classes[top], probability, top == label)
            for top, probability in zip(tops, probabilities, strict=True)
        ]
        if label not in tops:
            guesses.append(
                Prediction(classes[label], float(scores.label_probabilities[row]), right=True)
            )
        index = int(scores.indices[row])
        results.append(
            Misclassified(
                name=images.name(index),
                label=classes[label],
                predicted=classes[tops[0]],
                likely=probabilities[0],
                of_label=float(scores.label_probabilities[row]),
                guesses=tuple(guesses),
                picture=_thumbnail(images, index),
            )
        )
    return results


def write_page(
    path: Path,
    *,
    scores: Scores,
    images: ImageSet,
    facts: Sequence[tuple[str, str]],
    limit: int,
) -> None:
    """Write the page of the `limit` worst errors on `images` as HTML to `path`.

    It needs no other file and no network, runs no script, and what comes from the data is text
    on it. `facts` are shown as they are, a name and a value each.

    Raises `UserError` CTC608 where it cannot be written, CTC603 where an image cannot be read.
    """
    classes = images.classes
    counts = zip(classes, scores.class_images.tolist(), scores.top1_correct.tolist(), strict=True)
    rows = [Row(name, n, n - correct, (n - correct) / n) for name, n, correct in counts if n]
    pairs = [
        (classes[label], classes[predicted], number)
        for label, predicted, number in most_confused(scores.confusion, _PAIRS)
    ]
    shown = misclassified(scores, images, limit)
    page = _render(
        title=scores.name,
        split=scores.split,
        views=counted(scores.views),
        images=scores.images,
        wrong=scores.images - int(scores.top1_correct.sum()),
        top1=scores.top1_error,
        topk=scores.top5_error,
        k=scores.k,
        misclassified=shown,
        pairs=pairs,
        rows=sorted(rows, key=lambda row: (-row.error, row.name)),
        facts=facts,
    )
    write_atomic(path, page.encode())


def _thumbnail(images: ImageSet, index: int) -> str:
    image = Image.fromarray(images.pixels(index))
    image.thumbnail(_THUMBNAIL)
    content = BytesIO()
    # small pictures are cheap, and JPEG would blur what little they show
    small = max(image.size) <= 64
    image.save(content, "PNG" if small else "JPEG", quality=85)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{b64encode(content.getvalue()).decode()}"


def _render(**values: object) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ctcdsl.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    return environment.get_template("worst.html.jinja").render(values)
