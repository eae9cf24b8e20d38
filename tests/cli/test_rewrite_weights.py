"""`ctcdsl rewrite --weights`: a checkpoint through a chain, and out again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ctcdsl.codegen.load import build_module
from tests.conftest import load
from tests.support.carrying import small

SPEC = small("a: (7,8,bn)/2\nb: 2/2 (3,12)x2\nc: 2/2 [ (3,16) | (1,16) ] (3,16)\nhead: gap fc")
CHAIN = [
    *("--pass", "fold-bn", "--pass", "repvgg-fuse", "--pass", "widen:stage=b,width=16"),
    *("--pass", "deepen:stage=c", "--pass", "dilate-delay"),
]


def state(path: Path, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state without special values for the module of a spec."""
    torch.manual_seed(seed)
    module = build_module(load(path))
    return {
        name: torch.rand_like(tensor) + 0.1 if tensor.is_floating_point() else tensor
        for name, tensor in module.state_dict().items()
    }


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "in.ctc"
    path.write_text(SPEC)
    save_file(state(path), tmp_path / "in.safetensors")
    return path


def computed(spec: Path, weights: Path) -> torch.Tensor:
    module = build_module(load(spec))
    module.load_state_dict(load_file(weights))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        result: torch.Tensor = module.eval()(images)
    return result


def test_a_checkpoint_goes_through_a_chain(spec: Path, ctcdsl: Any) -> None:
    folder = spec.parent
    new, weights = folder / "out.ctc", folder / "out.safetensors"
    arguments = [str(spec), *CHAIN, "--weights", str(folder / "in.safetensors")]
    result = ctcdsl("rewrite", *arguments, "-o", str(new), "--weights-out", str(weights))
    assert result.code == 0 and result.out == ""
    lines = result.err.splitlines()
    assert sum("outputs kept: they differ by" in line for line in lines) == 5
    assert "tensors, rounded to float32: the outputs move by" in lines[-1]
    before = computed(spec, folder / "in.safetensors")
    after = computed(new, weights)
    assert (before - after).abs().max() < 1e-5 * before.abs().max()
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.float32}
    assert sorted(path.name for path in folder.iterdir()) == [
        *("in.ctc", "in.safetensors", "out.ctc", "out.safetensors")
    ]


def test_the_same_as_data(spec: Path, ctcdsl: Any) -> None:
    arguments = ["--weights", str(spec.with_suffix(".safetensors")), "--format", "json"]
    result = ctcdsl("rewrite", str(spec), "--pass", "delay-subsample", *arguments)
    data = json.loads(result.out)
    measured = data["steps"][0]["weights"]
    assert measured["compared"] == "outputs" and measured["exact"] is False
    assert measured["difference"] > 1e-6
    assert data["weights"]["precision"] == "float32" and data["weights"]["rounding"] < 1e-6


def test_without_a_place_the_difference_is_told_all_the_same(spec: Path, ctcdsl: Any) -> None:
    weights = str(spec.with_suffix(".safetensors"))
    result = ctcdsl("rewrite", str(spec), "--pass", "delay-subsample", "--weights", weights)
    assert result.code == 0 and "2/1 (3,12)/2+(3,12)" in result.out
    assert "outputs changed: they differ by" in result.err


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda s: s.pop(next(key for key in s if key.startswith("a."))),
            "they lack `a.",
        ),
        (lambda s: s.update(extra=torch.zeros(2)), "they hold `extra`, which the network does not"),
        (
            lambda s: s.update({"classifier.weight": torch.zeros(5, 15)}),
            "they hold `classifier.weight` as 5x15, and the network's is 5x16",
        ),
    ],
)
def test_weights_of_another_network(spec: Path, ctcdsl: Any, change: Any, what: str) -> None:
    file = spec.parent / "other.safetensors"
    tensors = state(spec)
    change(tensors)
    save_file(tensors, file)
    result = refused(ctcdsl, spec, "fold-bn", file)
    assert "error[CTC408]" in result.err and what in result.err and str(file) in result.err


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 64, None])
def test_a_file_that_cannot_be_read(spec: Path, ctcdsl: Any, content: bytes | None) -> None:
    file = spec.parent / "wrong.safetensors"
    if content is not None:
        file.write_bytes(content)
    assert "error[CTC409]" in refused(ctcdsl, spec, "fold-bn", file).err


def test_a_pass_that_carries_nothing(spec: Path, ctcdsl: Any) -> None:
    result = refused(ctcdsl, spec, "depth-for-width:stage=b,depth=3", spec.with_suffix(".none"))
    assert "error[CTC407]: `depth-for-width` computes another function" in result.err


def refused(ctcdsl: Any, spec: Path, applied: str, weights: Path) -> Any:
    """Run a rewrite that must fail, and leave nothing behind."""
    before = sorted(spec.parent.iterdir())
    places = ["-o", str(spec.parent / "new.ctc"), "--weights-out", str(spec.parent / "new.st")]
    result = ctcdsl("rewrite", str(spec), "--pass", applied, "--weights", str(weights), *places)
    assert result.code == 1 and result.out == ""
    assert sorted(spec.parent.iterdir()) == before
    return result


@pytest.mark.parametrize("bad", ["-o", "--weights-out"])
def test_nothing_is_written_where_one_file_cannot_be(spec: Path, ctcdsl: Any, bad: str) -> None:
    folder = spec.parent
    places = {"-o": folder / "new.ctc", "--weights-out": folder / "new.safetensors"}
    places[bad] = folder  # a folder is no file
    before = sorted(folder.iterdir())
    options = [str(part) for pair in places.items() for part in pair]
    weights = str(spec.with_suffix(".safetensors"))
    result = ctcdsl("rewrite", str(spec), "--pass", "fold-bn", "--weights", weights, *options)
    assert result.code == 1 and "error[CTC608]" in result.err
    assert sorted(folder.iterdir()) == before


def test_options_that_make_no_sense_together(spec: Path, ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", str(spec), "--pass", "fold-bn", "--weights-out", "x")
    assert result.code == 2 and "give both" in result.err
    options = ["--weights", "w", "--weights-out", "x", "-o", "x"]
    result = ctcdsl("rewrite", str(spec), "--pass", "fold-bn", *options)
    assert result.code == 2 and "name one file" in result.err


def test_the_newest_checkpoint_of_a_run(spec: Path, ctcdsl: Any, monkeypatch: Any) -> None:
    from ctcdsl.runs import checkpoint

    read: list[Path] = []

    class Found:
        model = state(spec)

        def __init__(self, path: Path) -> None:
            read.append(path)

    monkeypatch.setattr(checkpoint, "load", Found)
    result = ctcdsl("rewrite", str(spec), "--pass", "fold-bn", "--weights", str(spec.parent))
    assert result.code == 0 and read == [spec.parent]
    assert "outputs kept" in result.err
