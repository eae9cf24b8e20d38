"""`ctcdsl rewrite --weights` with files that other tools wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ctcdsl.codegen.load import build_module
from tests.conftest import load
from tests.support.carrying import small

State = dict[str, torch.Tensor]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "in.ctc"
    path.write_text(small("model: (3,8,bn)\nb: 2/2 (3,8)\nhead: gap fc"))
    return path


def state(spec: Path) -> State:
    torch.manual_seed(0)
    module = build_module(load(spec))
    values = module.state_dict()
    return {k: torch.rand_like(v) + 0.1 if v.is_floating_point() else v for k, v in values.items()}


def rewritten(ctcdsl: Any, spec: Path, file: Path) -> tuple[Any, Path]:
    out = spec.parent / "out.safetensors"
    places = ["-o", str(spec.parent / "o.ctc"), "--weights-out", str(out)]
    return ctcdsl("rewrite", str(spec), "--pass", "fold-bn", "--weights", str(file), *places), out


@pytest.mark.parametrize("front", ["module.", "_orig_mod.", "module._orig_mod.", "model.module."])
@pytest.mark.parametrize("wrap", [None, "state_dict", "model"])
def test_wrappers_and_checkpoints(spec: Path, ctcdsl: Any, front: str, wrap: str | None) -> None:
    plain, file = spec.parent / "plain.safetensors", spec.parent / "w.pt"
    save_file(state(spec), plain)
    renamed: Any = {front + name: tensor for name, tensor in state(spec).items()}
    torch.save({wrap: renamed, "epoch": 3, "optimizer": {"lr": 0.1}} if wrap else renamed, file)
    expected = load_file(rewritten(ctcdsl, spec, plain)[1])
    result, out = rewritten(ctcdsl, spec, file)
    assert result.code == 0 and "note[CTC417]" in result.err
    found = load_file(out)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_stage_of_a_wrappers_name_keeps_it(spec: Path, ctcdsl: Any) -> None:
    file = spec.parent / "w.pth"
    torch.save(state(spec), file, _use_new_zipfile_serialization=False)
    result, _ = rewritten(ctcdsl, spec, file)
    assert result.code == 0 and "CTC417" not in result.err


def test_counts_of_batches_may_be_missing(spec: Path, ctcdsl: Any) -> None:
    file = spec.parent / "w.safetensors"
    save_file({k: v for k, v in state(spec).items() if "num_batches" not in k}, file)
    assert rewritten(ctcdsl, spec, file)[0].code == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_stay(spec: Path, ctcdsl: Any, dtype: torch.dtype) -> None:
    file = spec.parent / "w.pt"
    torch.save({k: v.to(dtype) if v.dim() else v for k, v in state(spec).items()}, file)
    result, out = rewritten(ctcdsl, spec, file)
    assert result.code == 0 and {t.dtype for t in load_file(out).values()} == {dtype}


def _nan(s: State) -> None:
    s["b.conv1.weight"][0, 0, 0, :2] = float("nan")
    s["b.conv1.weight"][1, 0, 0, 0] = float("inf")


def _variance(s: State) -> None:
    s["model.conv1.norm.running_var"][:] = -1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_nan, "error[CTC418]: `b.conv1.weight` holds 2 NaN and 1 infinite of 576 numbers"),
        (_variance, "error[CTC418]: with these weights `N` computes NaN"),
        (lambda s: s.update({"b.conv1.bias": s["b.conv1.bias"].int()}), "`b.conv1.bias` as int32"),
        (lambda s: s.update(a=torch.zeros(1), e=torch.zeros(1)), "2 unexpected (`a`, `e`)"),
    ],
)
def test_wrong_numbers_are_named(spec: Path, ctcdsl: Any, change: Any, said: str) -> None:
    file, tensors = spec.parent / "w.pt", state(spec)
    change(tensors)
    torch.save(tensors, file)
    result, _ = rewritten(ctcdsl, spec, file)
    assert result.code == 1 and said in result.err and "mistake of the pass" not in result.err


def test_a_file_with_code_is_not_run(spec: Path, ctcdsl: Any) -> None:
    file = spec.parent / "w.pt"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), file)
    result, _ = rewritten(ctcdsl, spec, file)
    assert result.code == 1 and "error[CTC409]" in result.err
    assert "would run its code (`torch.nn.modules.container.Sequential`)" in result.err
    with pytest.warns(DeprecationWarning):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
    assert "TorchScript" in rewritten(ctcdsl, spec, file)[0].err
    torch.save({"epoch": 3, "note": "x"}, file)
    assert "a dict of `epoch`, `note`, and no tensors" in rewritten(ctcdsl, spec, file)[0].err
