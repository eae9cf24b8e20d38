"""Networks by name: files in the folder first, then the built-in ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ctcdsl.loading import built_in_specs, find_spec
from ctcdsl.text import UserError


@pytest.mark.parametrize(
    ("word", "network"),
    [
        *(("A", None), ("J_prime", None), ("J'", "J'"), ("J′", "J′"), ("resnet50", None)),
        *(("ResNet50", "ResNet50"), ("VGG-16", "VGG-16"), ("table1", None)),
    ],
)
def test_built_in_networks(word: str, network: str | None, tmp_path: Path) -> None:
    result = find_spec(word)
    assert (result.network or "").replace("′", "'") == (network or "").replace("′", "'")
    assert not result.notes


def test_every_built_in_spec_is_found_by_its_name() -> None:
    for spec in built_in_specs():
        assert find_spec(spec.name).source.text == spec.read().text


def test_names_work_in_an_empty_folder(
    ctcdsl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = ctcdsl("cost", "A", "E", "J'", "resnet50")
    assert result.code == 0 and [line.split()[0] for line in result.out.splitlines()[2:6]] == [
        *("A", "E", "J'", "ResNet50")
    ]
    assert "class MobileNetV2" in ctcdsl("compile", "mobilenet_v2").out
    assert "(2,256)x6" in ctcdsl("rewrite", "A", "--pass", "depth-for-size:stage=3,to=2").out


def test_a_file_in_the_folder_comes_first(
    ctcdsl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("E.ctc").write_text("net Mine\n(3,8) gap fc\n", encoding="utf-8")
    Path("own.ctc").write_text("(3,8) gap fc\n", encoding="utf-8")
    result = ctcdsl("check", "E")
    assert "Mine ok" in result.out
    assert "note[CTC951]: `E` is the file E.ctc in this folder, not the built-in" in result.err
    assert "own.ctc in this folder\n" in ctcdsl("check", "own").err
    assert "CTC951" not in ctcdsl("check", "./E.ctc").err
    assert "CTC951" in ctcdsl("specs", "E").err


def test_an_unknown_name_suggests_the_nearest(ctcdsl: Any) -> None:
    with pytest.raises(UserError) as caught:
        find_spec("resnet5")
    assert caught.value.diagnostics[0].code == "CTC005"
    result = ctcdsl("cost", "mobilenetv2")
    assert result.code == 1 and "did you mean `MobileNetV2`?" in result.err
    assert "`ctcdsl specs` lists" in ctcdsl("cost", "qqq").err


def test_specs_lists_them_and_prints_one(ctcdsl: Any) -> None:
    listed = ctcdsl("specs").out
    assert len(listed.splitlines()) == 2 + len(built_in_specs())
    row = next(line for line in listed.splitlines() if line.startswith("resnet50 "))
    assert "4,087,136,256" in row and row.endswith("He et al. 2016, Table 1")
    assert ctcdsl("specs", "resnet50").out == find_spec("resnet50").source.text
    assert '"params": 25557032' in ctcdsl("specs", "--format", "json").out
