"""What can go wrong with an export, and what the user is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import ctcdsl
from ctcdsl.exporters import registry
from ctcdsl.exporters.base import Opened, Program
from ctcdsl.exporters.torch_file import TorchExporter
from tests.support.exported import SPEC, make_run, need


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ctcdsl.Run:
    return make_run(tmp_path_factory.mktemp("export"))


class Point:
    """An entry point of a third party's exporter."""

    dist = None
    module = "third_party"

    def __init__(self, kind: type) -> None:
        self.name, self.kind = "third", kind

    def load(self) -> type:
        return self.kind


def register(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    points: Any = {**registry.registered(), "third": Point(kind)}
    monkeypatch.setattr(registry, "registered", lambda: points)


def fails(code: str, *words: str, **call: Any) -> None:
    with pytest.raises(ctcdsl.UserError) as caught:
        ctcdsl.export(call.pop("net"), **call)
    (first, *_) = caught.value.diagnostics
    assert first.code == code
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_target(run: ctcdsl.Run) -> None:
    fails("CTC761", "`onx`", "did you mean `onnx`?", net=run, target="onx")


def test_a_wrong_suffix(run: ctcdsl.Run, tmp_path: Path) -> None:
    output = tmp_path / "a.bin"
    fails("CTC605", "end in .pt2", net=run, target="torch-export", output=output)


def test_a_missing_package(run: ctcdsl.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Third(TorchExporter):
        name: ClassVar[str] = "third"
        packages: ClassVar[tuple[str, ...]] = ("no_such_runtime",)
        extra: ClassVar[str] = "onnx"

    register(monkeypatch, Third)
    fails("CTC615", "no_such_runtime", "ctcdsl[onnx]", net=run, target="third")


def test_a_plug_in_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, run: ctcdsl.Run) -> None:
    register(monkeypatch, type("Third", (), {"name": "third"}))
    fails("CTC503", "third_party", "lacks summary", net=run, target="third")
    register(monkeypatch, type("Third", (TorchExporter,), {}))
    fails("CTC503", "calls itself `torch-export`", net=run, target="third")


def test_an_operator_that_a_runtime_lacks(
    run: ctcdsl.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Third(TorchExporter):
        name: ClassVar[str] = "third"

        def write(self, program: Program, path: Path) -> None:
            raise NotImplementedError("no kernel for `aten.relu`")

    register(monkeypatch, Third)
    output = tmp_path / "a.pt2"
    fails("CTC762", "no kernel for `aten.relu`", net=run, target="third", output=output)
    assert not list(tmp_path.iterdir())


def test_a_file_that_computes_something_else(
    run: ctcdsl.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Third(TorchExporter):
        name: ClassVar[str] = "third"

        def open(self, path: Path, precision: Any) -> Opened:
            opened = super().open(path, precision)
            return opened._replace(run=lambda batch: 1.01 * opened.run(batch))

    register(monkeypatch, Third)
    output = tmp_path / "a.pt2"
    fails("CTC766", "24 test images", "0.01 of the largest", net=run, target="third", output=output)
    assert not list(tmp_path.iterdir())


def test_int8_that_loses_too_much(
    run: ctcdsl.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Third(TorchExporter):
        name: ClassVar[str] = "third"
        quantises: ClassVar[bool] = True

        def open(self, path: Path, precision: Any) -> Opened:
            opened = super().open(path, precision)
            return opened._replace(run=lambda batch: -opened.run(batch))

    register(monkeypatch, Third)
    output = tmp_path / "a.pt2"
    fails("CTC764", "accuracy falls from", "--max-drop", net=run, target="third", output=output)
    assert not list(tmp_path.iterdir())
    done = ctcdsl.export(run, "third", output, max_drop=1.0)
    assert done.agreement.accuracy is not None and done.agreement.drop > 0.01


def test_int8_without_images() -> None:
    need("onnx-int8")
    network = ctcdsl.loads(SPEC)
    fails("CTC763", "there are none", "--data", net=network, target="onnx-int8")


def test_int8_without_normalisation(run: ctcdsl.Run) -> None:
    need("onnx-int8")
    network = ctcdsl.loads(SPEC.replace("conv1", "classes 3\nconv1"))
    data = run.folder.parent / "data"
    fails("CTC763", "--mean and --std", net=network, target="onnx-int8", data=data)


def test_the_images_of_a_run_are_gone(tmp_path: Path) -> None:
    moved = make_run(tmp_path)
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    fails("CTC763", "--data", net=moved, target="onnx-int8")
    done = ctcdsl.export(moved, "torch-export", tmp_path / "a.pt2")
    assert done.agreement.split == "random"


def test_numbers_that_do_not_fit(run: ctcdsl.Run) -> None:
    network = ctcdsl.loads(SPEC)
    fails("CTC605", "mean is 1,2", net=network, mean=(1, 2), std=(1, 1, 1))
    fails("CTC605", "std is missing", net=network, mean=(1, 2, 3))
    fails("CTC605", "std is 1,0,1", net=network, mean=(1, 2, 3), std=(1, 0, 1))
    fails("CTC605", "max_drop", net=network, max_drop=2)
    fails("CTC612", "the names are 2", net=network, classes=("a", "b"))
    fails("CTC612", "3 classes", net=network, data=run.folder.parent / "data")
    with pytest.raises(TypeError, match="a run has its own"):
        ctcdsl.export(run, classes=("a", "b", "c"))


@pytest.mark.parametrize("target", ["onnx", "openvino", "torch-export"])
def test_a_truncated_file(run: ctcdsl.Run, target: str, tmp_path: Path, ctcdsl: Any) -> None:
    need(target)
    suffix = registry.find_exporter(target).suffix
    file = tmp_path / f"a{suffix}"
    assert ctcdsl("export", run.folder, "--target", target, "-o", file).code == 0
    parts = sorted(tmp_path.iterdir())
    for part in parts:
        content = part.read_bytes()
        part.write_bytes(content[: len(content) // 2])
        found = ctcdsl("eval", file, "--data", run.folder.parent / "data")
        assert found.code == 1
        assert found.err.startswith("error[CTC765]: the file is damaged"), found.err
        assert "Traceback" not in found.err
        part.write_bytes(content)


def test_weights_that_do_not_fit(run: ctcdsl.Run, tmp_path: Path, ctcdsl: Any) -> None:
    spec = tmp_path / "wide.ctc"
    spec.write_text(SPEC.replace("(3,8)/2", "(3,16)/2"), encoding="utf-8")
    output = ("--target", "torch-export", "-o", tmp_path / "a.pt2")
    found = ctcdsl("export", spec, "--weights", run.folder, *output)
    assert found.code == 1 and "error[CTC408]" in found.err
    truncated = tmp_path / "w.pt"
    truncated.write_bytes(b"PK\x03\x04 no archive")
    found = ctcdsl("export", spec, "--weights", truncated, "--target", "torch-export")
    assert found.code == 1 and "error[CTC409]" in found.err
    assert not list(tmp_path.glob("*.pt2"))


def test_files_that_are_none(tmp_path: Path, ctcdsl: Any) -> None:
    need("onnx")
    file = tmp_path / "a.onnx"
    file.write_bytes(b"")
    assert "CTC765" in ctcdsl("eval", file, "--data", ".").err
    other = tmp_path / "a.tflite"
    other.write_bytes(b"")
    assert "files of `ctcdsl export` end in .onnx" in ctcdsl("eval", other, "--data", ".").err


def test_what_a_file_cannot_do(run: ctcdsl.Run, tmp_path: Path, ctcdsl: Any) -> None:
    need("onnx")
    file, data = tmp_path / "a.onnx", run.folder.parent / "data"
    found = ctcdsl("export", run.folder, "-o", file, "--format", "json")
    assert found.code == 0 and '"target": "onnx"' in found.out
    assert (
        "do not compute in bf16" in ctcdsl("eval", file, "--data", data, "--precision", "bf16").err
    )
    assert "no dense views" in ctcdsl("eval", file, "--data", data, "--views", "dense").err
    assert "CTC625" in ctcdsl("eval", file).err
    assert "this is a file, not the folder of a run" in ctcdsl("eval", "A", file).err
    assert ctcdsl("export", run.folder, "--mean", "1,2,3").code == 2
    assert ctcdsl("export", "A", "--mean", "1,b").code == 2


def test_bf16(run: ctcdsl.Run, tmp_path: Path) -> None:
    file = tmp_path / "a.pt2"
    ctcdsl.export(run, "torch-export", file)
    scores = ctcdsl.evaluate(file, run.folder.parent / "data", precision="bf16")
    assert torch.isfinite(scores.probabilities).all()
