"""One picture of a run: how it learned, what ten views are, and what it predicts.

matplotlib loads when `draw_run` is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ctcdsl.evaluation.scores import Scores
from ctcdsl.evaluation.views import VIEW_NAMES, centre_view, counted, views
from ctcdsl.images.colour import grey
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.resize import read_resized
from ctcdsl.images.sampling import Crop
from ctcdsl.runs.log import Row
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase, SubFigure

_ROWS, _COLUMNS = 3, 9  # of predictions
_NAME_LENGTH = 17
_CHECK, _CROSS = "\N{CHECK MARK}", "\N{BALLOT X}"
_INK, _QUIET = "#222222", "#767676"
_LOSS, _ERROR = "#0072b2", "#b84a00"  # distinct to the colour-blind, and by line style
_RIGHT, _WRONG = "#2b7a4b", "#b84a00"


def draw_run(
    path: Path,
    *,
    rows: Sequence[Row],
    rows_split: str,
    scores: Scores,
    images: ImageSet,
    crop: Crop,
    shorter: int,
    channels: int = 3,
) -> None:
    """Write the picture of a run as PNG: learning curve, ten views, predictions.

    `rows` is the run's log (without any the curve is left out), whose tests are of `rows_split`;
    `scores` a test on `images`;
    `shorter` the side an image is scaled to before `crop` is cut (`Recipe.resize_for`).
    Predictions are shown of images spread evenly over the set, not of chosen ones, so that about
    as many of them are wrong as the error says.

    Raises `UserError` CTC608 where it cannot be written, CTC603 where an image cannot be read.
    """
    from matplotlib.figure import Figure

    split = scores.split
    title = (
        f"{scores.name}: {counted(scores.views)},"
        f" {split} top-1 error {100 * scores.top1_error:.1f}%"
    )
    figure = Figure(figsize=(13.5, 10.6), dpi=110, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.07, h_pad=0.07)
    _title(figure, title, fontsize=15, weight="bold")
    (top,), (bottom,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(0.8, 1.22))
    ((left, right),) = top.subfigures(1, 2, squeeze=False, width_ratios=(1.0, 1.16))
    count = min(_ROWS * _COLUMNS, len(images))
    shown = [number * len(images) // count for number in range(count)]
    wholes = {index: _whole(images, index, shorter, channels) for index in shown}
    liveliest = max(wholes, key=lambda index: float(wholes[index].float().std()))
    _draw_curve(left.subplots(), rows, rows_split, len(images.classes))
    _draw_views(right, views(wholes[liveliest], crop), split, images.name(liveliest))
    centres = {index: centre_view(whole, crop)[0] for index, whole in wholes.items()}
    _draw_predictions(bottom, scores, split, images.classes, centres)
    with warnings.catch_warnings():  # a class name may be in a script that the font lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        write_atomic(path, lambda file: figure.savefig(file, format="png"))


def _draw_curve(axes: Axes, rows: Sequence[Row], split: str, classes: int) -> None:
    """Train loss on the left scale, error of `split` on the right one, chance, the rate's steps."""
    from matplotlib.ticker import MaxNLocator

    if not rows:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no log, so no learning curve", ha="center", color=_QUIET)
        return
    epochs = [row.epoch for row in rows]
    losses = [row.train_loss for row in rows]
    errors = [100 * row.test_top1_error for row in rows]
    chance = 100 * (1 - 1 / classes)
    percent = axes.twinx()
    axes.plot(epochs, losses, color=_LOSS, marker="o", markersize=4, linewidth=2)
    percent.plot(
        epochs, errors, color=_ERROR, marker="s", markersize=4, linewidth=2, linestyle="--"
    )
    percent.axhline(chance, color=_QUIET, linewidth=1, linestyle=":")
    percent.annotate(
        f"chance {chance:.1f} %",
        (1.0, chance),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        color=_QUIET,
    )
    for before, row in pairwise(rows):
        if row.learning_rate != before.learning_rate:
            axes.axvline(row.epoch - 0.5, color="#d0d0d0", linewidth=1, zorder=0)
            axes.annotate(
                f"rate {row.learning_rate:g}",
                (row.epoch - 0.5, 1.01),
                xycoords=("data", "axes fraction"),
                ha="center",
                fontsize=8,
                color=_QUIET,
            )
    axes.set_title(
        f"Learning: {split} error {errors[-1]:.1f} %"
        f" after {plural(epochs[-1], 'epoch')} (centre view)",
        fontsize=11,
        loc="left",
        pad=18,  # room for the rates
        color=_INK,
    )
    axes.set_xlabel("epoch", color=_INK)
    axes.set_ylabel("training loss (nats), solid", color=_LOSS)
    percent.set_ylabel(f"{split} top-1 error (%), dashed", color=_ERROR)
    axes.set_ylim(bottom=0)
    percent.set_ylim(0, min(104.0, max(1.0, chance, *errors) * 1.12))
    axes.set_xlim(min(epochs) - 0.6, max(epochs) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for each in (axes, percent):
        each.spines["top"].set_visible(False)
        each.tick_params(colors=_INK, labelsize=9)


def _draw_views(figure: SubFigure, ten: Tensor, split: str, name: str) -> None:
    """The ten views of an image, the flipped ones below."""
    shown = name if len(name) <= 48 else "…" + name[-47:]
    _title(figure, f"The ten views of one {split} image ({shown})")
    for axes, view, place in zip(figure.subplots(2, 5).flat, ten, VIEW_NAMES, strict=True):
        _show(axes, view)
        axes.set_xlabel(place.replace(", ", ",\n"), fontsize=9, color=_INK)


def _draw_predictions(
    figure: SubFigure,
    scores: Scores,
    split: str,
    classes: Sequence[str],
    shown: Mapping[int, Tensor],
) -> None:
    """Images of `split` by index with the class each was taken for; a wrong one is crossed out."""
    _title(
        figure,
        f"Predictions ({counted(scores.views)}): {len(shown)} of "
        f"{plural(scores.images, f'{split} image')}, evenly spaced; over all of them top-1 error "
        f"{100 * scores.top1_error:.1f} %, top-{scores.k} error {100 * scores.top5_error:.1f} %",
    )
    cells = list(figure.subplots(_ROWS, _COLUMNS).flat)
    for axes, (index, view) in zip(cells, shown.items(), strict=False):
        predicted, label = int(scores.top[index, 0]), int(scores.labels[index])
        right = predicted == label
        color = _RIGHT if right else _WRONG
        lines = [
            f"{_CHECK if right else _CROSS} {_short(classes[predicted])}",
            f"{100 * scores.probabilities[index, 0]:.0f} %",
            *([] if right else [f"is {_short(classes[label])}"]),
        ]
        _show(axes, view)
        axes.set_xlabel(
            "\n".join(lines),
            fontsize=8.5,
            color=color,
            weight="normal" if right else "bold",
            parse_math=False,
        )
        for spine in axes.spines.values():
            spine.set(color=color, linewidth=1.2 if right else 2.6)
            spine.set_linestyle("solid" if right else (0, (3, 1.5)))
    for axes in cells[len(shown) :]:
        axes.set_axis_off()


def _whole(images: ImageSet, index: int, shorter: int, channels: int) -> Tensor:
    """uint8 (3, H, W), in grey for a network of one channel."""
    pixels = read_resized(images, index, shorter)
    seen = pixels.copy() if channels == 3 else grey(pixels).repeat(3, axis=2)
    return torch.from_numpy(seen).permute(2, 0, 1)


def _show(axes: Axes, view: Tensor) -> None:
    axes.imshow(view.permute(1, 2, 0).numpy())
    axes.set_xticks([])
    axes.set_yticks([])


def _title(figure: FigureBase, text: str, *, fontsize: float = 11, weight: str = "normal") -> None:
    title = figure.suptitle(text, fontsize=fontsize, weight=weight, color=_INK, x=0.012, ha="left")
    title.set_parse_math(False)  # a "$" in a name is a dollar


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"
