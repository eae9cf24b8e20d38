"""Training, evaluation and comparison from Python: arguments, callbacks, errors, no traces left."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ctcdsl
from ctcdsl.execution.events import TrainingStarted
from ctcdsl.text import Diagnostic
from tests.support.runs import same_weights
from tests.support.small import SPEC, make_place

NUMBERS: dict[str, Any] = {"recipe": "small", "batch": 6, "schedule": "2:0.01", "device": "cpu"}
DEEP = SPEC.replace("net Tiny", "net Deep").replace("(3,16", "(3,8,p1) (3,16")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_place(tmp_path)


@pytest.fixture
def run(place: Path) -> ctcdsl.Run:
    return ctcdsl.train("tiny.ctc", "data", run="run", **NUMBERS)


class Events(ctcdsl.Callback):
    """The names of the events in their order, and what some of them say."""

    def __init__(self, stop: Callable[[], None] | None = None) -> None:
        self.names: list[str] = []
        self.notes: list[str] = []
        self.warnings: list[Diagnostic] = []
        self.started: list[TrainingStarted] = []
        self.stop = stop

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_"):
            object.__getattribute__(self, "names").append(name)
        return object.__getattribute__(self, name)

    def on_note(self, text: str) -> None:
        self.notes.append(text)

    def on_warning(self, warning: Diagnostic) -> None:
        self.warnings.append(warning)

    def on_training_started(self, event: TrainingStarted) -> None:
        self.started.append(event)

    def on_epoch_end(self, row: object) -> None:
        if self.stop is not None:
            self.stop()


# ------------------------------------------------------------------------ train


def test_a_run_knows_what_was_trained(run: ctcdsl.Run, place: Path) -> None:
    assert (run.name, run.classes, run.folder) == ("Tiny", ("blue", "red"), Path("run"))
    assert run.network.classes == 2 and run.network.input == ctcdsl.load("tiny.ctc").input
    assert (run.recipe.batch, str(run.recipe.schedule)) == (6, "2:0.01")
    assert [row.epoch for row in run.log] == [1, 2]
    assert run.scores is not None
    assert run.scores.top1_error == run.log[-1].test_top1_error
    assert run.best.parent == run.last.parent == run.folder / "checkpoints"
    assert run.best.is_dir()
    assert run.last == Path("run/checkpoints/000003")
    assert (run.images.training, run.images.test, run.images.tested_on) == (12, 12, "test")
    assert repr(run).startswith("<Run of Tiny in run: 2 of 2 epochs, test top-1 error ")
    assert run._repr_html_().count("<tr>") == 3
    for checkpoint in ("last", "best"):
        module = run.module(checkpoint)
        assert module(torch.zeros(1, *run.network.input)).shape == (1, 2)
    opened = ctcdsl.Run("run")
    assert (opened.log, opened.recipe, opened.network) == (run.log, run.recipe, run.network)


def test_what_is_no_run_is_an_error(place: Path) -> None:
    ctcdsl.compare(["tiny.ctc"], "data", seeds=1, views=1, run="runs", epochs=1, **NUMBERS)
    for folder, code in (("nowhere", "CTC610"), ("data", "CTC610"), ("runs", "CTC626")):
        for work in (ctcdsl.Run, ctcdsl.evaluate):
            with pytest.raises(ctcdsl.UserError, match=code):
                work(folder)


def test_a_network_a_path_and_a_default_folder(place: Path) -> None:
    network = ctcdsl.load(place / "tiny.ctc")
    for net in (network, place / "tiny.ctc"):
        folder = place / str(type(net).__name__)
        found = ctcdsl.train(net, place / "data", run=folder, epochs=1, **NUMBERS)
        assert (found.folder, found.network.name) == (folder, "Tiny")
    assert ctcdsl.train(network, "data", epochs=1, **NUMBERS).folder == Path("runs/Tiny")
    assert (place / "runs" / "Tiny" / "original.ctc").read_text() == SPEC


def test_the_recipe_is_named_or_given(place: Path) -> None:
    own = ctcdsl.Recipe(batch=4, epochs=1)
    found = ctcdsl.train("tiny.ctc", "data", run="own", recipe=own, seed=3, device="cpu")
    assert (found.recipe.batch, found.recipe.seed, found.recipe.momentum) == (4, 3, 0.9)
    paper = ctcdsl.train("tiny.ctc", "data", run="paper", epochs=1, device="cpu")
    assert paper.recipe == ctcdsl.Recipe(epochs=1)
    small = ctcdsl.train("tiny.ctc", run="small", epochs=1, device="cpu")
    assert (small.recipe.batch, len(small.classes)) == (32, 11)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"epoch": 3}, "CTC605", "did you mean `epochs`?"),
        ({"learning_rate": 3}, "CTC605", "it has batch, "),
        ({"epochs": "3"}, "CTC605", "epochs is '3'"),
        ({"momentum": "high"}, "CTC605", "it is a number"),
        ({"schedule": "10x0.1"}, "CTC605", "EPOCHS:RATE"),
        ({"schedule": 0.1}, "CTC605", "EPOCHS:RATE"),
        ({"batch": 0}, "CTC605", "it is at least 1"),
        ({"recipe": "large"}, "CTC605", "it is paper or small"),
        ({"checkpoint_every": "soon"}, "CTC605", "10min"),
        ({"keep": 0}, "CTC605", "keep is 0"),
        ({"keep": "3"}, "CTC605", "keep is '3'"),
        ({"device": "gpu"}, "CTC616", "auto, cpu or cuda"),
        ({"precision": "fp16"}, "CTC605", "float32 or bf16"),
        ({"data": "nowhere"}, "CTC601", "nowhere"),
        ({"net": "tinny"}, "CTC005", "tinny"),
        ({"net": "tiny.ctc", "input": (3, 2, 2)}, "CTC201", "2x2"),
        ({"resume": True}, "CTC610", "no such file or folder"),
        ({"net": None, "resume": "auto", "run": "none"}, "CTC610", "no network to start with"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_arguments_are_errors_that_say_what_to_do(
    place: Path, arguments: dict[str, Any], code: str, words: str
) -> None:
    given = {"net": "tiny.ctc", "data": "data", "run": "run", **NUMBERS, **arguments}
    with pytest.raises(ctcdsl.UserError) as caught:
        ctcdsl.train(**given)
    assert caught.value.diagnostics[0].code == code
    assert f"error[{code}]" in str(caught.value) and words in str(caught.value)
    assert not (place / "run").exists()


def test_what_is_no_input_of_a_user_is_a_type_error(place: Path) -> None:
    with pytest.raises(TypeError, match="a run to resume"):
        ctcdsl.train(data="data")
    with pytest.raises(TypeError, match="is not a ctcdsl"):
        ctcdsl.train("tiny.ctc", "data", callbacks=[print])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="is not an input"):
        ctcdsl.train("tiny.ctc", "data", input="large")
    with pytest.raises(TypeError, match="network that it was generated from"):
        ctcdsl.evaluate(torch.nn.Identity())
    with pytest.raises(TypeError, match="a run has its own"):
        ctcdsl.evaluate("run", classes=["a"])
    with pytest.raises(TypeError, match="at least one network"):
        ctcdsl.compare([])


def test_a_run_is_resumed_as_if_it_had_never_stopped(run: ctcdsl.Run, place: Path) -> None:
    with pytest.raises(ctcdsl.UserError, match="CTC614"):
        ctcdsl.train("tiny.ctc", "data", run="run", **NUMBERS)
    whole = ctcdsl.train("tiny.ctc", "data", run="whole", **NUMBERS, epochs=3)
    resumed = ctcdsl.train(run="run", resume=True, epochs=3)
    assert len(resumed.log) == 3
    assert same_weights(whole.folder, resumed.folder)
    (place / "two.ctc").write_text(DEEP + "\n" + SPEC, encoding="utf-8")
    again = ctcdsl.train("two.ctc", run="run", resume="auto", epochs=4)
    assert len(again.log) == 4, "of several networks the run's is taken"
    fresh = ctcdsl.train("tiny.ctc", "data", run="new", resume="auto", **NUMBERS)
    assert len(fresh.log) == 2
    with pytest.raises(ctcdsl.UserError, match="CTC613"):
        ctcdsl.train(run="new", resume=True, momentum=0.5)


# -------------------------------------------------------------------- callbacks


def test_callbacks_are_called_in_order(place: Path) -> None:
    first, second = Events(), Events()
    second.names = first.names
    ctcdsl.train("tiny.ctc", "data", run="run", callbacks=(first, second), **NUMBERS)
    assert first.names[::2] == first.names[1::2], "both, one after the other"
    names = list(dict.fromkeys(first.names))
    assert names == [
        *("on_note", "on_run_opened", "on_reading", "on_statistics", "on_training_started"),
        *("on_step", "on_validation", "on_epoch_end", "on_training_end"),
    ]
    assert first.names.count("on_step") == 2 * 4 and first.names.count("on_epoch_end") == 2 * 2
    assert first.started[0].epochs == 2 and first.started[0].steps == 2
    assert first.notes == ["2 classes as in the data, not the spec's 1000"]


def test_a_callback_that_fails_ends_the_training_and_the_run_can_be_resumed(place: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    events = Events(fail)
    with pytest.raises(ZeroDivisionError):
        ctcdsl.train("tiny.ctc", "data", run="run", callbacks=[events], **NUMBERS)
    assert events.names[-1] == "on_training_end"
    assert len(ctcdsl.train(run="run", resume=True).log) == 2


def test_an_interrupt_says_how_to_resume(place: Path) -> None:
    def stop() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ctcdsl.Interrupted, match=r"ctcdsl train --run run --resume") as caught:
        ctcdsl.train("tiny.ctc", "data", run="run", callbacks=[Events(stop)], **NUMBERS)
    assert isinstance(caught.value, KeyboardInterrupt), "`except Exception` lets it pass"
    assert (caught.value.run, caught.value.saved) == (Path("run"), "epoch 1")
    assert signal.getsignal(signal.SIGINT) is before
    ctcdsl.train("tiny.ctc", "data", run="whole", **NUMBERS)
    ctcdsl.train(run="run", resume=True)
    assert same_weights(Path("whole"), Path("run"))


def test_it_works_in_a_thread_prints_nothing_and_leaves_no_handlers(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in signals]
    results: list[object] = []

    def work() -> None:
        run = ctcdsl.train("tiny.ctc", "data", run="run", **NUMBERS)
        results.extend((run, ctcdsl.evaluate(run)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    work_in_main = ctcdsl.evaluate("run", device="cpu")
    assert len(results) == 2 and work_in_main.images == 12
    ctcdsl.compare(["tiny.ctc"], "data", seeds=1, views=1, **NUMBERS)
    assert [signal.getsignal(number) for number in signals] == before
    assert capfd.readouterr() == ("", "")


# --------------------------------------------------------------------- evaluate


def test_a_run_its_folder_and_its_module_score_the_same(run: ctcdsl.Run) -> None:
    by_run = ctcdsl.evaluate(run)
    module = run.module()
    module.train()
    own = {"network": run.network, "statistics": run.statistics, "recipe": run.recipe}
    others = [
        ctcdsl.evaluate("run"),
        ctcdsl.evaluate(run.last),
        ctcdsl.evaluate(run, network="tiny.ctc", data="data", prefix=False),
        ctcdsl.evaluate(module, "data", **own),  # type: ignore[arg-type]
        ctcdsl.evaluate(module, "data", classes=["blue", "red"], **own),  # type: ignore[arg-type]
    ]
    assert module.training, "as before"
    for scores in others:
        assert torch.equal(scores.probabilities, by_run.probabilities)
        assert scores.as_json() == by_run.as_json()
    assert (by_run.name, by_run.split, by_run.views, by_run.images) == ("Tiny", "test", 10, 12)
    assert by_run.classes == ("blue", "red") and sum(e.images for e in by_run.confusion) == 12
    assert repr(by_run).startswith("<Scores of Tiny: 12 test images, 10 views: top-1 error ")
    assert by_run._repr_html_().count("<tr>") == 3
    json.dumps(by_run.as_json())
    centre = ctcdsl.evaluate(run, views=1, split="train", batch=4, workers=1)
    assert (centre.split, centre.views) == ("train", 1)
    again = ctcdsl.evaluate(run, views=1)
    assert run.scores is not None and again.top1_error == run.scores.top1_error


def test_what_cannot_be_evaluated(run: ctcdsl.Run, place: Path) -> None:
    (place / "deep.ctc").write_text(DEEP, encoding="utf-8")
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"views": 5}, "CTC605"),
        ({"batch": 0}, "CTC605"),
        ({"split": "val"}, "CTC636"),
        ({"split": "everything"}, "CTC636"),
        ({"device": "gpu"}, "CTC616"),
        ({"precision": "fp16"}, "CTC605"),
        ({"network": "deep.ctc"}, "CTC606"),
        ({"data": "nowhere"}, "CTC601"),
    )
    for arguments, code in cases:
        with pytest.raises(ctcdsl.UserError, match=code):
            ctcdsl.evaluate(run, **arguments)
    with pytest.raises(ctcdsl.UserError, match="CTC610"):
        ctcdsl.evaluate("nowhere")
    module = run.module()
    with pytest.raises(ctcdsl.UserError, match="the network has 1000 outputs"):
        ctcdsl.evaluate(module, "data", network="tiny.ctc")
    with pytest.raises(TypeError, match="recipe is a ctcdsl"):
        ctcdsl.evaluate(module, network=run.network, recipe="small")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a list of"):
        ctcdsl.evaluate(run, callbacks=ctcdsl.Callback())  # type: ignore[arg-type]


def test_a_module_is_normalised_by_its_data_unless_told_otherwise(run: ctcdsl.Run) -> None:
    events = Events()
    scores = ctcdsl.evaluate(run.module(), "data", network=run.network, callbacks=[events])
    assert "on_statistics" in events.names
    assert scores.images == 12


# ---------------------------------------------------------------------- compare


def test_a_comparison_is_a_table_data_and_a_picture(place: Path) -> None:
    (place / "deep.ctc").write_text(DEEP, encoding="utf-8")
    nets: list[ctcdsl.Network | str] = [ctcdsl.load("tiny.ctc"), "deep.ctc"]
    comparison = ctcdsl.compare(nets, "data", seeds=2, run="both", views=1, **NUMBERS)
    assert [result.name for result in comparison.networks] == ["Tiny", "Deep"]
    assert comparison.failed == () and len(comparison.table().rows) == 2
    for result in comparison.networks:
        errors = [ctcdsl.Run(f"both/{result.name}/seed{seed}").scores for seed in (0, 1)]
        assert [run.top1_error for run in result.results] == [e and e.top1_error for e in errors]
    comparison.plot("plot.png")
    assert (place / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(json.dumps(comparison.as_json()))["seeds"] == [0, 1]
    assert repr(comparison) == "<Comparison of Tiny, Deep: 2 seeds in both>"
    assert "<caption>Errors in percent" in comparison._repr_html_()
    events = Events()
    again = ctcdsl.compare(
        nets, "data", seeds=2, run="both", views=1, callbacks=[events], **NUMBERS
    )
    assert "on_step" not in events.names, "nothing is trained again"
    assert again.as_json() == comparison.as_json()
    for arguments in ({"seeds": 0}, {"views": "dense"}, {"epoch": 1}):
        with pytest.raises(ctcdsl.UserError, match="CTC605"):
            ctcdsl.compare(nets, "data", **arguments)


def test_what_all_runs_share_is_said_once(place: Path) -> None:
    """A batch that is larger than the training set, and a 1x1 convolution on few channels."""
    spec = "net N\ninput 3x16x16\n(1,8)/2 (3,16)\nhead: gap fc\n"
    (place / "n.ctc").write_text(spec, encoding="utf-8")
    events, numbers = Events(), {**NUMBERS, "batch": 500}
    ctcdsl.compare(["n.ctc", "tiny.ctc"], "data", seeds=2, callbacks=[events], **numbers)
    codes = [warning.code for warning in events.warnings]
    assert sorted(codes) == ["CTC913", "CTC914"], codes


def test_a_failure_is_a_result(place: Path) -> None:
    events, numbers = Events(), {**NUMBERS, "schedule": "2:1e30"}
    comparison = ctcdsl.compare(["tiny.ctc"], "data", seeds=1, callbacks=[events], **numbers)
    [(network, result)] = comparison.failed
    assert result.failure is not None and result.failure.code == "CTC609"
    assert network.top1 is None and "on_seed_run_failed" in events.names


def test_wrong_words_and_folders_are_errors() -> None:
    net = ctcdsl.loads("net Tiny input 3x24x24\n(3,16)/2 2/2 (3,32)\nhead: gap fc")
    for fields, message in (
        ({"resume": "atuo"}, "resume is 'atuo'"),
        ({"run": ""}, "run is an empty text"),
        ({"checkpoint_every": None}, "checkpoint_every is None"),
    ):
        with pytest.raises(ctcdsl.UserError, match=message):
            ctcdsl.train(net, **fields)
    with pytest.raises(TypeError, match="a list of networks"):
        ctcdsl.compare(net)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not Network"):
        ctcdsl.evaluate(net)  # type: ignore[arg-type]
    with pytest.raises(ctcdsl.UserError, match="views is True"):
        ctcdsl.evaluate("runs/none", views=True)  # type: ignore[arg-type]
