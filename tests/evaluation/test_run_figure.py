import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from ctcdsl.evaluation.evaluate import Scores, evaluate
from ctcdsl.evaluation.run_figure import draw_run
from ctcdsl.images.colour import measure
from ctcdsl.runs.log import Row
from tests.support.tiny import Blots, Recorder, refused, said, tiny_net, tiny_recipe


def rows(epochs: int) -> list[Row]:
    return [
        Row(
            epoch=epoch,
            steps=4 * epoch,
            images=27 * epoch,
            learning_rate=0.01 if epoch < 3 else 0.001,
            train_loss=2.0 / epoch,
            train_top1_error=0.5,
            test_loss=1.0,
            test_top1_error=0.6 / epoch,
            test_top5_error=0.0,
            images_per_second=100.0,
            data_wait=0.1,
            seconds=1.0,
        )
        for epoch in range(1, epochs + 1)
    ]


def scores_on(images: Blots) -> Scores:
    torch.manual_seed(0)
    return evaluate(
        tiny_net(len(images.classes)),
        images,
        crop=(12, 12),
        views=10,
        recipe=tiny_recipe(),
        statistics=measure(images, 10, shorter=16),
        callback=Recorder(),
        device=torch.device("cpu"),
    )


def drawn(
    path: Path, monkeypatch: pytest.MonkeyPatch, images: Blots, scores: Scores, epochs: int = 4
) -> Figure:
    """The figure that `draw_run` writes to `path`."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    draw_run(
        path,
        rows=rows(epochs),
        rows_split="val",
        scores=scores,
        images=images,
        crop=(12, 12),
        shorter=14,
    )
    return figures[0]


def labels(figure: Figure) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes]


def test_right_and_wrong_are_marked_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = Blots(each=9)  # 27 images, as many as the grid has cells
    found = scores_on(images)
    every_third = (torch.arange(27) % 3 == 0).long()
    scores = replace(found, labels=(found.top[:, 0] + every_third) % 3)
    texts = [
        text
        for text in labels(drawn(tmp_path / "run.png", monkeypatch, images, scores))
        if "%" in text
    ]
    assert sum(text.startswith("\N{CHECK MARK}") for text in texts) == 18
    assert sum(text.startswith("\N{BALLOT X}") for text in texts) == 9
    for index, text in enumerate(texts):
        predicted, label = int(scores.top[index, 0]), int(scores.labels[index])
        lines = text.split("\n")
        assert lines[0][2:] == images.classes[predicted]
        assert lines[1] == f"{100 * float(scores.probabilities[index, 0]):.0f} %"
        assert lines[2:] == ([] if predicted == label else [f"is {images.classes[label]}"])


def test_the_curve_shows_the_log_and_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = Blots()
    figure = drawn(tmp_path / "run.png", monkeypatch, images, scores_on(images))
    curve, percent = (
        next(axes for axes in figure.axes if word in axes.get_ylabel())
        for word in ("loss", "error")
    )
    assert np.array_equal(curve.lines[0].get_ydata(), [2.0, 1.0, 2 / 3, 0.5])
    assert np.allclose(percent.lines[0].get_ydata(), [60, 30, 20, 15])
    words = [text.get_text() for axes in (curve, percent) for text in axes.texts]
    assert "chance 66.7 %" in words
    assert "rate 0.001" in words


def test_the_picture_is_a_png_of_some_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = Blots(each=1)  # fewer images than cells, and an only epoch
    figure = drawn(tmp_path / "run.png", monkeypatch, images, scores_on(images), epochs=1)
    assert sum("%" in text for text in labels(figure)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run.png"]
    with Image.open(tmp_path / "run.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert min(picture.size) > 1000
        assert len(picture.convert("RGB").getcolors(2**24) or []) > 100


def test_without_a_log_the_rest_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = drawn(tmp_path / "run.png", monkeypatch, Blots(), scores_on(Blots()), epochs=0)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words == ["no log, so no learning curve"]
    assert sum("%" in text for text in labels(figure)) == 24


def test_class_names_are_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("$\\frac{1$", "猫と犬と鳥", "a_very_long_name_that_does_not_fit")
    images = Blots(names)
    figure = drawn(tmp_path / "run.png", monkeypatch, images, scores_on(images))
    text = "".join(labels(figure))
    assert "a_very_long_name…" in text
    assert "does_not_fit" not in text


def test_a_picture_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refused("CTC608") as found:
        drawn(tmp_path / "nowhere" / "run.png", monkeypatch, Blots(), scores_on(Blots()))
    assert "run.png" in said(found[0])


def test_matplotlib_loads_only_to_draw() -> None:
    code = "import sys, ctcdsl.evaluation.run_figure; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
