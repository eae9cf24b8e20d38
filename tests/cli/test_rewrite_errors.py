"""What `ctcdsl rewrite` refuses: codes and places, and nothing written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.text import UserError
from tests.conftest import ROOT
from tests.support.rewriting import paper, step

A = "(7,64)/2 3/3 (5,128) 2/2 (3,256)x3"


def refusal(row: str, applied: str) -> tuple[str, str]:
    """The code of a refusal, and the text that it points at."""
    with pytest.raises(UserError) as caught:
        step(paper(row), applied)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic.code, diagnostic.labels[0].span.text if diagnostic.labels else ""


@pytest.mark.parametrize(
    ("applied", "code", "message"),
    [
        ("depth-for-sise:stage=3,to=2", "CTC401", "did you mean `depth-for-size`?"),
        ("", "CTC401", "`ctcdsl passes` lists them"),
        ("depth-for-size:stag=3,to=2", "CTC402", "did you mean `stage`?"),
        ("depth-for-size:colour=3", "CTC402", "it takes stage=…, to=…"),
        ("depth-for-size:stage=3", "CTC402", "`depth-for-size` needs `to`"),
        ("depth-for-size", "CTC402", "needs `stage` and `to`"),
        ("depth-for-size:stage=3,to=two", "CTC402", "`to` of `depth-for-size` is an integer"),
        ("depth-for-size:stage=3,to", "CTC402", "gives `to` no value"),
        ("depth-for-size:stage=3,to=2,to=3", "CTC402", "gives `to` twice"),
        ("transfer:source=3,target=2,share=half", "CTC402", "`share` of `transfer` is a number"),
        ("repair:stage=3,budget=7", "CTC402", "has no option `budget`"),
    ],
)
def test_wrong_spellings(applied: str, code: str, message: str, ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/A.ctc", "--pass", applied)
    assert result.code == 1 and result.out == ""
    assert result.err.startswith(f"error[{code}]") and message in result.err


@pytest.mark.parametrize(
    ("row", "applied", "code", "place"),
    [
        # stages that are not there
        (A, "depth-for-size:stage=4,to=2", "CTC403", A),
        (A, "depth-for-size:stage=0,to=2", "CTC403", A),
        (A, "nin:stage=stage9", "CTC403", A),
        # layers that the replacements do not speak of
        ("(3,8) { (1,4) | (3,4) }", "depth-for-size:stage=1,to=2", "CTC404", "{ (1,4) | (3,4) }"),
        ("(3,8) [ (3,8) ]x2", "repeat-last:times=1", "CTC404", "[ (3,8) ]"),
        ("(3,8) (3,8,g2)", "depth-for-size:stage=1,to=2", "CTC404", "(3,8,g2)"),
        ("(3,8) (3,dw)", "depth-for-width:stage=1,depth=3", "CTC404", "(3,dw)"),
        ("(3,8) (3,8,d2,p2)", "depth-for-size:stage=1,to=2", "CTC404", "(3,8,d2,p2)"),
        ("(3,8) (1x3,8,p0x1)", "repeat-last:times=1", "CTC404", "(1x3,8,p0x1)"),
        ("(3,8) (3,8,p0)", "depth-for-size:stage=1,to=2", "CTC404", "(3,8,p0)"),
        ("(3,8) (3,8)/2", "depth-for-size:stage=1,to=2", "CTC404", "(3,8)"),
        ("(3,8) lrn (3,8)", "depth-for-size:stage=1,to=2", "CTC404", "lrn"),
        ("(3,8)x2 (3,8,linear) (3,8)", "depth-for-width:stage=1,depth=5", "CTC404",
         "(3,8,linear)"),
        ("(2,8) (2,8,linear)", "size-for-depth:stage=1,to=3", "CTC404", "(2,8,linear)"),
        # nothing to rewrite
        (A, "depth-for-size:stage=3,to=3", "CTC405", "(3,256)"),
        (A, "depth-for-size:stage=2,to=4", "CTC405", "(5,128)"),
        (A, "depth-for-size:stage=3,to=1", "CTC405", "(3,256)"),
        (A, "size-for-depth:stage=3,to=4", "CTC405", "(3,256)"),
        (A, "size-for-depth:stage=3,to=5", "CTC405", "(3,256)"),
        (A, "width-for-size:stage=2,to=3", "CTC405", "(5,128)"),
        (A, "width-for-size:stage=3,to=3", "CTC405", "(3,256)"),
        (A, "depth-for-width:stage=3,depth=1", "CTC405", "(3,256)"),
        (A, "add-pool:layers=3", "CTC405", "(3,256)"),
        (A, "add-pool:layers=1", "CTC405", "(3,256)"),
        ("(3,8) (5,8) (3,8)", "width-for-size:stage=1,to=2", "CTC405", "(3,8)"),
        ("(7,64)/2 (3,8)", "delay-subsample", "CTC405", "(7,64)/2 (3,8)"),
        ("(7,64)/2 3/3 3/1 lrn (3,8) 2/2", "delay-subsample:stage=2", "CTC405", "3/3"),
        (A, "undelay-subsample", "CTC405", A),
        ("(7,64)/2", "remove-pool", "CTC405", "(7,64)"),
        ("(7,64)/2 3/2 (3,8)x2", "remove-pool", "CTC405", "3/2"),
        ("(7,64)/2 2/2 lrn (3,8)x2", "remove-pool", "CTC405", "(3,8)"),
        ("(1,8) (7,8)", "nin", "CTC405", "(1,8) (7,8)"),
        (A, "repair:stage=2", "CTC405", "(5,128)"),
        # widths that no complexity allows
        (A, "repair:stage=3,macs=1", "CTC406", "(3,256)"),
        (A, "repair:stage=3,macs=0", "CTC406", "(3,256)"),
        (A, "repair:stage=3,macs=999999999999999999", "CTC406", "(3,256)"),
        # options out of range
        (A, "depth-for-width:stage=3,depth=6,multiple=0", "CTC402", ""),
        (A, "repeat-last:times=0", "CTC402", ""),
        (A, "transfer:source=3,target=2,share=1.5", "CTC402", ""),
        (A, "transfer:source=3,target=2,share=nan", "CTC402", ""),
        (A, "transfer:source=3,target=3", "CTC402", ""),
        # what it would make is wrong
        (A, "add-pool:pool=50", "CTC411", "(3,256)"),
        ("(7,64)/2 3/3 (5,128)", "width-for-size:stage=1,to=4", "CTC405", "(7,64)"),
        ("(7,64)/2 3/3 (5,128)x2", "width-for-size:stage=2,to=4", "CTC411", "(5,128)"),
        # far from the complexity
        (A, "width-for-size:stage=3,to=2,multiple=10000", "CTC410", A),
    ],
)  # fmt: skip
def test_passes_that_do_not_apply(row: str, applied: str, code: str, place: str) -> None:
    assert refusal(row, applied) == (code, place)


def test_a_stage_is_suggested() -> None:
    with pytest.raises(UserError, match="no stage conv4"):
        step(paper("conv1: (7,64)/2 3/3\nconv2: (5,128)"), "depth-for-size:stage=conv4,to=3")


PAGES = sorted((ROOT / "ctcdsl" / "explain").glob("CTC4*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_pages_show_what_they_explain(page: Path, ctcdsl: Any) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    examples = [line[11:] for line in lines if line.startswith("    ctcdsl rewrite specs/")]
    for example in examples:
        assert f"error[{page.stem}]" in ctcdsl(*example.split()).err


# ---------------------------------------------------------------------- within


CHAIN = ("--pass", "depth-for-size:stage=3,to=2", "--pass", "repeat-last:times=2")


def test_within_is_checked_at_the_end_of_the_chain_alone(ctcdsl: Any) -> None:
    repaired = (*CHAIN, "--pass", "repair:stage=3")
    result = ctcdsl("rewrite", "specs/A.ctc", *repaired, "--within", "-7%,+3%")
    assert result.code == 0 and "network 1.1" in result.err
    assert ctcdsl("rewrite", "specs/A.ctc", *CHAIN, "--within", "-7%,+3%").code == 1


def test_outside_of_the_interval_the_figure_and_what_would_fit(ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/A.ctc", *CHAIN, "--within", "-7%,+3%")
    assert result.code == 1 and result.out == ""
    first = result.err.splitlines()[0]
    assert first == (
        "error[CTC413]: the network costs 982,094,528 MACs, +14.87% of 854,954,688, outside of"
        " -7%,+3%"
    )
    assert "6 layers in stage3 would fit instead of 8" in result.err
    hint = result.err.split("`--pass ")[1].split("`")[0]
    fixed = ctcdsl("rewrite", "specs/A.ctc", *CHAIN, "--pass", hint, "--within", "-7%,+3%")
    assert fixed.code == 0


@pytest.mark.parametrize("interval", ["-3%,-2%", "2%,3%", "0.5%", "-30%,-25%"])
def test_what_the_hint_says_fits(interval: str, ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/A.ctc", *CHAIN, "--within", interval)
    assert result.code == 1
    hint = result.err.split("`--pass ")[1].split("`")[0]
    fixed = ctcdsl("rewrite", "specs/A.ctc", *CHAIN, "--pass", hint, "--within", interval)
    assert fixed.code == 0, result.err


def test_nothing_fits(ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/A.ctc", *CHAIN, "--within", "-99.9999%,-99.9999%")
    assert "no one width or depth brings it back" in result.err


def test_a_factor_fits_where_no_stage_is_a_row(ctcdsl: Any) -> None:
    passes = ("resnet50", "--pass", "scale:macs=80%", "--within", "-10%,0%")
    result = ctcdsl("rewrite", *passes)
    assert "hint: all widths by one factor would fit: `--pass scale:macs=4087136256`" in result.err
    assert ctcdsl("rewrite", *passes, "--pass", "scale:macs=4087136256").code == 0


@pytest.mark.parametrize("interval", ["3%,-7%", "x", "1,2,3", "nan", "-200%,0", ""])
def test_no_interval(interval: str, ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/A.ctc", "--pass", "add-pool", "--within", interval)
    assert result.code == 2 and "is not an interval" in result.err


# ---------------------------------------------------------------------- frozen


@pytest.mark.parametrize(
    ("contract", "spec", "applied", "message"),
    [
        (
            "stage-outputs",
            "(7,64)/2 3/3 (3,128)x4",
            "add-pool",
            "`add-pool` changes the stage outputs",
        ),
        (
            "first-layer",
            "(3,8)/2 2/2 (3,256)x3",
            "depth-for-size:stage=1,to=2",
            "`depth-for-size` changes the first layer",
        ),
    ],
)
def test_frozen(contract: str, spec: str, applied: str, message: str, ctcdsl: Any) -> None:
    arguments = ("rewrite", "--pass", applied)
    assert ctcdsl(*arguments, stdin=spec).code == 0
    result = ctcdsl(*arguments, "--freeze", contract, stdin=spec)
    assert result.code == 1 and result.out == ""
    assert "error[CTC412]" in result.err and f"{message}, which is frozen" in result.err


@pytest.mark.parametrize("contract", ["stage-outputs", "first-layer", "input", "head"])
def test_what_is_frozen_and_stays(contract: str, ctcdsl: Any) -> None:
    passes = ("--pass", "depth-for-width:stage=3,depth=6", "--pass", "delay-subsample")
    assert ctcdsl("rewrite", "specs/A.ctc", *passes, "--freeze", contract).code == 0


def test_multiples_are_frozen(ctcdsl: Any) -> None:
    passes = ("--pass", "width-for-size:stage=3,to=3,multiple=1")
    result = ctcdsl("rewrite", "specs/B.ctc", *passes, "--multiple", "16")
    assert "`width-for-size` sets 158 filters, not a multiple of 16" in result.err
    assert "multiple=16" in result.err and result.code == 1
    assert ctcdsl("rewrite", "specs/B.ctc", *passes[:-1], "width-for-size:stage=3,to=3,multiple=16",
                  "--multiple", "16").code == 0  # fmt: skip
    assert ctcdsl("rewrite", "specs/B.ctc", *passes, "--multiple", "0").code == 2


# ------------------------------------------------------------------ usage, files


def test_nothing_is_written_on_failure(ctcdsl: Any, tmp_path: Path) -> None:
    spec, picture = tmp_path / "out.ctc", tmp_path / "out.svg"
    for arguments in (
        ("--pass", "add-pool:layers=9"),
        ("--pass", "add-pool", "--within", "0%,1%"),
        ("--pass", "add-pool", "--freeze", "stage-outputs"),
        ("--pass", "add-pool", "--name", "no name"),
    ):
        result = ctcdsl("rewrite", "specs/E.ctc", *arguments, "-o", str(spec), "--graph",
                        str(picture))  # fmt: skip
        assert result.code in (1, 2) and result.out == ""
        assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written(ctcdsl: Any, tmp_path: Path) -> None:
    there = tmp_path / "no" / "out.ctc"
    result = ctcdsl("rewrite", "specs/E.ctc", "--pass", "add-pool", "-o", str(there))
    assert result.code == 1 and "CTC608" in result.err


def test_wrong_usage(ctcdsl: Any) -> None:
    assert ctcdsl("rewrite", "specs/A.ctc").code == 2
    assert ctcdsl("rewrite", "specs/A.ctc", "specs/B.ctc", "--pass", "nin").code == 2
    result = ctcdsl("rewrite", "specs/A.ctc", "--pass", "nin", "--freeze", "colour")
    assert result.code == 2
    result = ctcdsl("rewrite", "specs/table1.ctc", "--pass", "nin")
    assert result.code == 1 and "CTC111" in result.err and "--net NAME" in result.err


def test_a_spec_with_errors_is_reported_as_by_check(ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "--pass", "nin", stdin="(3,64) (3,\n")
    assert result.code == 1 and result.out == "" and "<stdin>:1" in result.err


@pytest.mark.parametrize(
    "applied",
    [
        *("nin", "nin:stage=a", "delay-subsample", "undelay-subsample", "dilate-delay"),
        *("widen:stage=a,width=32", "deepen:stage=a", "repeat-last:times=1"),
        *("depth-for-size:stage=a,to=2", "size-for-depth:stage=a,to=5", "add-pool", "remove-pool"),
        *("depth-for-width:stage=a,depth=3", "width-for-size:stage=a,to=5"),
    ],
)
def test_blocks_are_named_where_they_are_not_rewritten(ctcdsl: Any, applied: str) -> None:
    """Each holds 3x3 convolutions and a pool, in blocks: to say there is none were wrong."""
    spec = "input 3x64x64 pad same\ns: (7,16)/2\na: [ (3,16) 3/1 (3,16) ]x2\nhead: gap fc\n"
    result = ctcdsl("rewrite", "-", "--pass", applied, stdin=spec)
    assert result.code == 1 and re.match(r"error\[CTC40.\]: .*\bblock", result.err)


def test_a_refusal_of_a_layer_of_a_def_names_the_call(ctcdsl: Any) -> None:
    spec = "def two(n) = (3,n) (3,n,g2)\ninput 3x32x32\npad same\n(3,8) two(8)\ngap fc\n"
    result = ctcdsl("rewrite", "-", "--pass", "depth-for-size:stage=1,to=2", stdin=spec)
    assert result.code == 1
    assert result.err.startswith("error[CTC404]") and "------ called here" in result.err
