"""What fits a screen: lines of training, tables of classes, numbers with their nouns."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import torch
from rich.console import Console

from ctcdsl.cli.progress import Display, Fact, fit
from ctcdsl.cli.scores import as_text
from ctcdsl.evaluation.scores import Scores
from ctcdsl.execution.events import StepEnded, TrainingStarted
from ctcdsl.runs.log import Row
from ctcdsl.text.plural import plural

STEP = StepEnded(
    epoch=74, epochs=75, step=9999, steps=10010, learning_rate=0.0001, loss=2.3456,
    images_per_second=12345.0, data_wait=0.5, seconds_left=7000.0,
)  # fmt: skip
ROW = Row(
    epoch=75, steps=750750, images=96000000, learning_rate=0.0001, train_loss=2.34567,
    train_top1_error=0.5, test_loss=2.34567, test_top1_error=0.25678, test_top5_error=0.1,
    images_per_second=12345.0, data_wait=0.12, seconds=7000.0,
)  # fmt: skip


def shown(monkeypatch: pytest.MonkeyPatch, width: int, terminal: bool) -> Iterator[str]:
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=terminal, color_system=None)
    monkeypatch.setattr("ctcdsl.cli.progress.Console", lambda **_: console)
    monkeypatch.setattr("ctcdsl.cli.progress._PULSE", 0.0)
    with Display() as display:
        display.on_step(STEP)
        display._progress.refresh()
        display.on_validation(12345, 50000)
        display._progress.refresh()
        display.on_epoch_end(ROW)
    text = written.getvalue()
    for code in ("\x1b[2K", "\x1b[1A", "\x1b[?25l", "\x1b[?25h"):
        text = text.replace(code, "")
    return (line for line in text.replace("\r", "\n").splitlines() if line.strip())


@pytest.mark.parametrize(("width", "terminal"), [(40, True), (80, True), (200, True), (80, False)])
def test_lines_fit(monkeypatch: pytest.MonkeyPatch, width: int, terminal: bool) -> None:
    lines = list(shown(monkeypatch, width, terminal))
    assert max(len(line.rstrip()) for line in lines) <= width
    assert any(line.startswith("epoch 74/75") and "step 9999/10010" in line for line in lines)
    [ended] = {line for line in lines if line.startswith("epoch  75")}
    assert "top-1 error 25.7%" in ended and ("rate 0.0001" in ended) == (width == 200)
    assert width == 40 or "data wait 12%" in ended, "it waits, and that is what matters"


def test_what_matters_least_is_left_out_first() -> None:
    facts = (Fact("epoch 1"), Fact("slow", 2), Fact("loss 2", 1))
    assert [fit(facts, width) for width in (40, 15, 8, 3)] == [
        "epoch 1  slow  loss 2", "epoch 1  loss 2", "epoch 1", "epo",
    ]  # fmt: skip


def scores(classes: int, wrong: int) -> Scores:
    k, labels = min(5, classes), torch.arange(classes)
    top = (labels[:, None] + torch.arange(k)) % classes
    top[:wrong] = (top[:wrong] + 1) % classes
    probabilities = torch.full((classes, k), 1 / k)
    return Scores.of(
        name="N", views=1, classes=tuple(f"c{number}" for number in range(classes)),
        indices=labels, labels=labels, top=top,
        probabilities=probabilities, label_probabilities=probabilities[:, 0],
    )  # fmt: skip


def lines(classes: int, wrong: int = 1) -> list[str]:
    return list(as_text(scores(classes, wrong)))


def test_a_long_table_of_classes_is_folded() -> None:
    table = lines(1000, wrong=3)
    assert len(table) < 45
    assert [line.split()[:2] for line in table[2:6]] == [
        ["c0", "100.0%"], ["c1", "100.0%"], ["c2", "100.0%"], ["c3", "0.0%"],
    ]  # fmt: skip
    assert table[22] == "  … and 980 classes with smaller errors; --format json has all"
    assert not any("…" in line for line in lines(40))


def test_what_says_nothing_is_left_out() -> None:
    assert lines(1, wrong=0)[0] == "N: 1 test image, 1 view: top-1 error 0.00%"
    assert "top-5" not in lines(5)[0] and "(chance 80.0%)" in lines(5)[0]
    assert "top-5" in lines(6)[0] and "(chance 83.3% and 16.7%)" in lines(6)[0]


def test_a_resumed_run_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("ctcdsl.cli.progress.Console", lambda **_: Console(file=written))
    with Display() as display:
        display.on_training_started(
            TrainingStarted(
                epochs=1,
                first_epoch=2,
                first_step=1,
                steps=1,
                training_images=1,
                test_images=1,
                classes=1,
                device="cpu",
            )
        )
    assert written.getvalue() == (
        "1 training image, 1 test image, 1 class; 1 epoch of 1 step on cpu, all of them done\n"
    )


def test_numbers_have_their_nouns() -> None:
    nouns = ("epoch", "class", "branch", "network", "test image", "entry")
    assert [plural(1, noun) for noun in nouns] == [f"1 {noun}" for noun in nouns]
    assert [plural(2, noun) for noun in nouns] == [
        "2 epochs", "2 classes", "2 branches", "2 networks", "2 test images", "2 entries",
    ]  # fmt: skip
