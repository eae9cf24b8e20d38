"""Trainings that start from weights, with stages frozen or at rates of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import ctcdsl
from ctcdsl.recipe import Recipe
from ctcdsl.runs import info
from ctcdsl.runs.checkpoint import load
from tests.support.runs import same_weights
from tests.support.small import make_images

SPEC = """net Tiny
input 3x16x16
style conv-bn-relu
conv1: (3,8)/2
conv2_x: (3,8)
head: gap fc
"""
NUMBERS: dict[str, Any] = {"recipe": "small", "batch": 6, "schedule": "2:0.02", "device": "cpu"}
NEW = ("classifier.weight", "classifier.bias")
FIRST = "conv1.conv1.conv.weight"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec, images of two and of three classes, and a run on the two."""
    place = tmp_path_factory.mktemp("fine")
    (place / "tiny.ctc").write_text(SPEC, encoding="utf-8")
    make_images(place / "two")
    make_images(place / "three", ("blue", "green", "red"))
    ctcdsl.train(place / "tiny.ctc", place / "two", run=place / "base", **NUMBERS)
    return place


class Notes(ctcdsl.Callback):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_note(self, text: str) -> None:
        self.texts.append(text)


def tune(place: Path, run: str, **more: Any) -> ctcdsl.Run:
    options = {**NUMBERS, "weights": place / "base", **more}
    return ctcdsl.train(place / "tiny.ctc", place / "three", run=place / run, **options)


def first(run: ctcdsl.Run) -> dict[str, torch.Tensor]:
    """The weights before the first step."""
    checkpoints = sorted((run.folder / "checkpoints").iterdir())
    (start,) = [
        path for path in checkpoints if path.is_dir() and load(path).progress.position == (0, 0)
    ]
    return load(start).model


def test_it_starts_from_the_run_with_a_new_head(place: Path) -> None:
    notes = Notes()
    run = tune(place, "start", keep=9, callbacks=[notes])
    base, start = load(place / "base"), first(run)
    assert {
        name for name in start if not torch.equal(start[name], base.model.get(name, torch.empty(0)))
    } == set(NEW)
    assert start["classifier.weight"].shape == (3, 8) and start["classifier.weight"].std() > 0
    assert run.statistics == base.statistics
    assert f"the head is another, so these get new weights: {', '.join(NEW)}" in notes.texts
    recorded = info.read(run.folder).last.weights
    assert recorded is not None and recorded["path"] == str(place / "base")


def test_it_starts_from_a_file(place: Path) -> None:
    base = load(place / "base").model
    file = place / "w.safetensors"
    save_file({f"module.{name}": tensor.contiguous() for name, tensor in base.items()}, file)
    run = tune(place, "file", keep=9, weights=file)
    start = first(run)
    assert all(torch.equal(start[name], base[name]) for name in base if name not in NEW)
    assert run.statistics != load(place / "base").statistics  # measured on its own images


def test_names_of_another_library(place: Path) -> None:
    base = load(place / "base").model
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in module_names(place)))
    names = {
        name: f"features.{layers.index(name.rpartition('.')[0])}.{name.rpartition('.')[2]}"
        for name in base
    }
    file = place / "foreign.pth"
    torch.save({names[name]: base[name] for name in module_names(place)}, file)
    start = first(tune(place, "foreign", keep=9, weights=file))
    trunk = [name for name in base if name not in NEW and not name.endswith("_tracked")]
    assert len(trunk) == 10
    assert all(torch.equal(start[name], base[name]) for name in trunk)
    assert start["classifier.weight"].shape == (3, 8)


def module_names(place: Path) -> list[str]:
    """The names of the tensors in the order of the module."""
    return list(ctcdsl.Run(place / "base").module().state_dict())


def test_a_name_is_a_run_of_the_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch, ctcdsl: Any
) -> None:
    (place / "runs").mkdir(exist_ok=True)
    (place / "runs" / "Base").symlink_to(place / "base")
    monkeypatch.chdir(place)
    found = ctcdsl(
        "train", "tiny.ctc", "--data", "two", "--from", "Base", "--run", "named", "--epochs", "1"
    )
    assert found.code == 0 and f"starts from {Path('runs/Base')}: 14 tensors" in found.err
    assert "new weights" not in found.err


def test_frozen_stages_stay(place: Path) -> None:
    run = tune(place, "frozen", freeze="conv1,conv2_x")
    base, now = load(place / "base").model, load(run.folder).model
    assert {
        name for name in now if not torch.equal(now[name], base.get(name, torch.empty(0)))
    } == set(NEW)
    partly = load(tune(place, "partly", freeze=["conv1"]).folder).model
    changed = {
        name.partition(".")[0]
        for name in partly
        if name not in NEW and not torch.equal(partly[name], base[name])
    }
    assert changed == {"conv2_x"}


def test_a_rate_of_its_own(place: Path) -> None:
    """One step of plain gradient descent: a stage moves by its multiple of the others' rate."""
    moved = []
    for scale in ("", "conv1=3"):
        run = tune(
            place,
            f"scaled{scale}",
            keep=9,
            lr_scale=scale,
            batch=18,
            schedule="1:0.01",
            momentum=0.0,
            colour_sigma=0.0,
        )
        before, after = first(run), load(run.folder).model
        moved.append({name: after[name] - before[name] for name in after})
    for name in (FIRST, "conv1.conv1.norm.bias"):
        assert torch.allclose(moved[1][name], 3 * moved[0][name], rtol=1e-3, atol=1e-6)
    for name in ("conv2_x.conv1.conv.weight", "classifier.weight"):
        assert torch.equal(moved[1][name], moved[0][name])


@pytest.mark.parametrize(
    "options", [{}, {"freeze": "conv1"}, {"freeze": "conv1", "lr_scale": "head=5,conv2_x=0.5"}]
)
def test_resumed_it_is_the_same(place: Path, options: dict[str, Any], tmp_path: Path) -> None:
    class Stop(ctcdsl.Callback):
        def on_step(self, step: Any) -> None:
            if (step.epoch, step.step) == (1, 2):
                raise KeyboardInterrupt

    straight = tune(place, str(tmp_path / "straight"), **options)
    with pytest.raises(ctcdsl.Interrupted):
        tune(place, str(tmp_path / "stopped"), callbacks=[Stop()], **options)
    resumed = ctcdsl.train(run=tmp_path / "stopped", resume=True)
    assert same_weights(straight.folder, resumed.folder)
    assert resumed.recipe == straight.recipe


def test_repeated_it_is_the_same(place: Path, tmp_path: Path, ctcdsl: Any) -> None:
    run = tune(place, str(tmp_path / "run"), freeze="conv1", lr_scale="head=2")
    assert ctcdsl("train", "--repeat", run.folder, "--run", tmp_path / "again").code == 0
    assert same_weights(run.folder, tmp_path / "again")


def test_repeated_from_other_weights(place: Path, tmp_path: Path, ctcdsl: Any) -> None:
    file = tmp_path / "w.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in load(place / "base").model.items()}
    save_file(tensors, file)
    run = tune(place, str(tmp_path / "run"), weights=file)
    save_file({**tensors, FIRST: 2 * tensors[FIRST]}, file)
    found = ctcdsl("train", "--repeat", run.folder)
    assert found.code == 1 and "CTC623" in found.err and "have changed" in found.err


def fails(place: Path, code: str, *words: str, **options: Any) -> None:
    with pytest.raises(ctcdsl.UserError) as caught:
        tune(place, "wrong", **options)
    assert caught.value.diagnostics[0].code == code
    for word in words:
        assert word in str(caught.value)
    assert not (place / "wrong" / "checkpoints").exists()


def test_weights_of_another_trunk(place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.ctc"
    other.write_text(
        SPEC.replace("(3,8)/2", "(5,8)/2"),
        encoding="utf-8",
    )
    wide = ctcdsl.train(other, place / "two", run=tmp_path / "other", **NUMBERS)
    fails(
        place,
        "CTC672",
        f"`{FIRST}` is 8x3x5x5, the network has 8x3x3x3",
        "1 tensor outside of the head",
        weights=wide,
    )


def test_weights_of_a_deeper_trunk(place: Path) -> None:
    deeper = place / "deeper.ctc"
    deeper.write_text(SPEC.replace("head", "conv3_x: (3,8)\nhead"), encoding="utf-8")
    run = ctcdsl.train(deeper, place / "two", run=place / "deeper", **NUMBERS)
    fails(place, "CTC672", "the network has no `conv3_x.conv1.conv.weight`", weights=run)


def test_a_head_of_other_layers(place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.ctc"
    other.write_text(SPEC.replace("gap fc", "gap fc(6) drop(0.5) fc"), encoding="utf-8")
    notes = Notes()
    ctcdsl.train(
        other,
        place / "two",
        weights=place / "base",
        run=tmp_path / "other",
        callbacks=[notes],
        **NUMBERS,
    )
    assert any("get new weights" in text and "head" in text for text in notes.texts)


def test_files_that_cannot_be_read(place: Path, tmp_path: Path) -> None:
    truncated = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(9)}, truncated)
    truncated.write_bytes(truncated.read_bytes()[:-8])
    fails(place, "CTC409", "damaged", weights=truncated)
    fails(place, "CTC409", "no such file", weights=tmp_path / "none.pt")
    fails(place, "CTC610", weights=tmp_path)


def test_stages_that_there_are_none_of(place: Path) -> None:
    fails(place, "CTC605", "no stage `conv2`", "it has conv1, conv2_x, head", freeze="conv2")
    fails(place, "CTC605", "no stage `conv2x`", "did you mean `conv2_x`?", lr_scale="conv2x=10")
    fails(place, "CTC605", "all stages with weights are frozen", freeze="conv1,conv2_x,head")
    fails(place, "CTC605", "frozen, and has a learning rate", freeze="head", lr_scale="head=2")
    fails(place, "CTC605", "write STAGE=FACTOR", lr_scale="head")
    fails(place, "CTC605", "it is above 0", lr_scale="head=0")


def test_a_resumed_run_has_its_weights(place: Path, ctcdsl: Any) -> None:
    found = ctcdsl("train", "--run", place / "base", "--resume", "--from", place / "base")
    assert found.code == 1 and "leave out --from" in found.err
    assert ctcdsl("train", "--repeat", place / "base", "--from", place / "base").code == 2


def test_stages_of_a_recipe() -> None:
    recipe = Recipe(freeze="a, b,", lr_scale={"c": 2})  # type: ignore[arg-type]  # read by it
    assert recipe.freeze == ("a", "b") and recipe.lr_scale == (("c", 2.0),)
    values = recipe.as_dict()
    assert (values["freeze"], values["lr_scale"]) == ("a,b", "c=2.0")
    assert Recipe.from_dict(values) == recipe == Recipe().with_fields(values)
