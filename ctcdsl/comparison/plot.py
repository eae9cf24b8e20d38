"""One picture of a comparison: error against complexity, and how the networks learned.

matplotlib loads when `draw_comparison` is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctcdsl.comparison.results import Comparison, NetworkResult
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _QUIET = "#222222", "#767676"
# Okabe and Ito's, which the colour-blind tell apart; then the same with other marks and lines.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#222222")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_LINES = ("solid", (0, (5, 2)), (0, (1, 1.5)))


def draw_comparison(path: Path, comparison: Comparison) -> None:
    """Write the picture as PNG; a network without a finished run has only its learning curve.

    Bars and bands are the standard deviation over the seeds to both sides of their mean.

    Raises `UserError` CTC608 where it cannot be written.
    """
    from matplotlib.figure import Figure

    networks, split = comparison.networks, comparison.images.tested_on
    views = "10 views" if comparison.views == 10 else "centre view"
    bars = "; bars and bands: ± a standard deviation" if comparison.seeds > 1 else ""
    title = f"{plural(len(networks), 'network')}, {plural(comparison.seeds, 'seed')}{bars}"
    height = 5.6 + max(0, len(networks) - 18) * 0.2
    figure = Figure(figsize=(13.0, height), dpi=110, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    heading = figure.suptitle(title, fontsize=14, weight="bold", color=_INK, x=0.012, ha="left")
    heading.set_parse_math(False)  # a "$" in a name is a dollar
    left, right = figure.subplots(1, 2)
    _draw_errors(left, networks, split, views)
    _draw_curves(right, networks, split)
    handles, labels = right.get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    write_atomic(path, lambda file: figure.savefig(file, format="png"))


def _draw_errors(axes: Axes, networks: Sequence[NetworkResult], split: str, views: str) -> None:
    for index, network in enumerate(networks):
        if network.top1 is None:
            continue
        bar = None if network.top1.deviation is None else 100 * network.top1.deviation
        look = _look(index)
        axes.errorbar(
            network.relative,
            100 * network.top1.mean,
            yerr=bar,
            color=look["color"],
            marker=look["marker"],
            markersize=8,
            capsize=4,
            linewidth=1.6,
            linestyle="none",
        )
    first = networks[0].name
    _frame(axes, "Error against complexity")
    axes.set_xlabel(f"MACs relative to {first}", color=_INK, parse_math=False)
    axes.set_ylabel(f"{split} top-1 error (%), {views}", color=_INK)
    axes.margins(0.12)


def _draw_curves(axes: Axes, networks: Sequence[NetworkResult], split: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for index, network in enumerate(networks):
        curve = network.curve()
        epochs = [epoch for epoch, _ in curve]
        errors = [100 * spread.mean for _, spread in curve]
        widths = [100 * (spread.deviation or 0.0) for _, spread in curve]
        look = _look(index)
        axes.plot(epochs, errors, label=_label(network), markersize=5, linewidth=1.6, **look)
        axes.fill_between(
            epochs,
            [error - width for error, width in zip(errors, widths, strict=True)],
            [error + width for error, width in zip(errors, widths, strict=True)],
            color=look["color"],
            alpha=0.13,
            linewidth=0,
        )
    _frame(axes, "Learning")
    axes.set_xlabel("epoch", color=_INK)
    axes.set_ylabel(f"{split} top-1 error (%), centre view", color=_INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _label(network: NetworkResult) -> str:
    failed = len(network.results) - len(network.finished)
    text = f"{network.name}, {network.cost.depth} deep"
    return f"{text} ({failed} of {len(network.results)} failed)" if failed else text


def _look(index: int) -> dict[str, Any]:
    colour = index % len(_COLOURS)
    turn = index // len(_COLOURS)
    return {
        "color": _COLOURS[colour],
        "marker": _MARKS[(colour + turn) % len(_MARKS)],
        "linestyle": _LINES[turn % len(_LINES)],
    }


def _frame(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=11, loc="left", color=_INK)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=9)
