"""Scores as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from ctcdsl.evaluation.confusion import Confused
    from ctcdsl.evaluation.scores import Scores

_MATRIX = 20
"""Classes up to which the whole confusion matrix fits on a terminal."""
_CLASSES, _WORST = 40, 20
"""With more classes than that, only the worst of them are shown."""
_PAIRS = 15
_TAKEN_FOR = 3


def as_text(scores: Scores) -> Iterator[str]:
    """Lines: the errors, each class, which are confused, and the matrix where it is small."""
    from ctcdsl.evaluation.confusion import most_confused
    from ctcdsl.evaluation.views import counted

    entries, classes = scores.confusion, scores.classes
    errors, chances = [f"top-1 error {100 * scores.top1_error:.2f}%"], [chance(len(classes))]
    if len(classes) > scores.k:  # else every image is among them
        errors.append(f"top-{scores.k} error {100 * scores.top5_error:.2f}%")
        chances.append(chance(len(classes), scores.k))
    by_chance = f" (chance {' and '.join(chances)})" if len(classes) > 1 else ""
    yield (
        f"{scores.name}: {plural(scores.images, f'{scores.split} image')}, {counted(scores.views)}:"
        f" {', '.join(errors)}{by_chance}"
    )
    labels = list(range(len(classes)))
    images, class_errors = scores.class_images.tolist(), scores.class_errors
    folded = len(classes) - _WORST if len(classes) > _CLASSES else 0
    if folded:
        labels.sort(key=lambda label: 1 if (error := class_errors[label]) is None else -error)
        del labels[_WORST:]
    width = max(5, *(len(classes[label]) for label in labels))
    yield f"  {'class'.ljust(width)}   error  images  taken for"
    by_label: dict[int, list[Confused]] = {}
    for entry in most_confused(entries, len(entries)):
        by_label.setdefault(entry.label, []).append(entry)
    for label in labels:
        error = class_errors[label]
        shown = "      -" if error is None else f"{100 * error:6.1f}%"
        others = by_label.get(label, [])
        words = [f"{classes[to]} {number}" for _, to, number in others[:_TAKEN_FOR]]
        if len(others) > _TAKEN_FOR:
            words.append("…")
        line = f"  {classes[label].ljust(width)} {shown}  {images[label]:6}  {', '.join(words)}"
        yield line.rstrip()
    if folded:
        yield f"  … and {plural(folded, 'class')} with smaller errors; --format json has all"
    if pairs := most_confused(entries, _PAIRS):
        yield ""
        yield "most confused"
        wide = max(len(classes[label]) for label, _, _ in pairs)
        to = max(len(classes[predicted]) for _, predicted, _ in pairs)
        for label, predicted, number in pairs:
            yield f"  {classes[label].ljust(wide)} → {classes[predicted].ljust(to)}  {number:4}"
    if 2 < len(classes) <= _MATRIX:
        yield ""
        yield from _matrix(classes, entries)


def chance(classes: int, k: int = 1) -> str:
    """The error of guessing `k` of the classes, in percent."""
    return f"{100 * (1 - k / classes):.1f}%"


def _matrix(classes: tuple[str, ...], entries: tuple[Confused, ...]) -> Iterator[str]:
    """A row a class; columns have numbers, since the names would not fit."""
    from ctcdsl.evaluation.confusion import matrix

    rows = matrix(entries, len(classes))
    cell = max(3, *(len(str(number)) + 1 for row in rows for number in row))
    width = max(map(len, classes))
    yield "confusion: a row for each class, a column for each class it was taken for"
    numbers = "".join(str(number).rjust(cell) for number in range(1, len(classes) + 1))
    yield f"     {' ' * width}{numbers}"
    for number, (title, row) in enumerate(zip(classes, rows, strict=True), start=1):
        cells = "".join((str(images) if images else "·").rjust(cell) for images in row)
        yield f"  {number:2} {title.ljust(width)}{cells}"
