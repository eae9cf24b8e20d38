"""An option that a command does not have leads to the right one, or to none."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("command", "given", "meant"),
    [
        *(("train", "--lr", "--schedule"), ("train", "--lr=0.1", "--schedule")),
        *(("compare", "--wd", "--weight-decay"), ("train", "--init", "--initialisation")),
        *(("train", "--batch-size", "--batch"), ("train", "--bacth", "--batch")),
        *(("train", "-j", "--workers"), ("eval", "--gpu", "--device")),
        *(("train", "--weight_decay", "--weight-decay"), ("cost", "--imgsz", "--input")),
        *(("cost", "--json", "--format"), ("compile", "--out", "--output")),
        *(("rewrite", "--pretrained", "--weights"), ("cost", "--layer", "--layers")),
    ],
)
def test_the_right_one(ctcdsl: Any, command: str, given: str, meant: str) -> None:
    result = ctcdsl(command, "specs/A.ctc", given, "1")
    assert result.code == 2
    assert f"No such option '{given.partition('=')[0]}'. Did you mean '{meant}'? " in result.err


@pytest.mark.parametrize(
    ("command", "given"),
    [
        *((command, "--lr") for command in ("eval", "cost", "compile", "check", "rewrite", "fmt")),
        *((command, "--wd") for command in ("eval", "cost", "check", "passes")),
        *((command, "--init") for command in ("eval", "cost", "check", "rewrite")),
        *((command, "--weights") for command in ("cost", "check", "fmt")),
        *(("train", "--mixup"), ("check", "--tune"), ("train", "--qx")),
    ],
)
def test_none(ctcdsl: Any, command: str, given: str) -> None:
    result = ctcdsl(command, "specs/A.ctc", given, "1")
    assert (result.code, result.err.strip().endswith(f"No such option '{given}'.")) == (2, True)


def test_what_weights_are_where_no_option_reads_them(ctcdsl: Any) -> None:
    for command, said in [
        ("eval", "the folder of the run"),
        ("train", "random weights; --resume"),
    ]:
        result = ctcdsl(command, "specs/A.ctc", "--weights", "w.pt")
        assert result.code == 2 and said in result.err
    assert "SGD" in ctcdsl("train", "specs/A.ctc", "--optimizer", "adam").err
