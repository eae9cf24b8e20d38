"""The text of a rewritten network: the author's, except where it was rewritten."""

from __future__ import annotations

from difflib import ndiff
from typing import Any

import pytest

from ctcdsl.designs import rewrite
from ctcdsl.ir.printer import unparse
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from tests.conftest import ROOT, one
from tests.support.rewriting import text


def formatted(spec: str) -> str:
    tree, mistakes = parse(Source("", spec))
    assert not mistakes
    return format_file(tree)


def changes(spec: str, *passes: str, **options: Any) -> list[str]:
    """The lines that `diff` shows between the formatted spec and the rewritten one."""
    new = text(spec, *passes, **options)
    assert formatted(new) == new
    lines = ndiff(formatted(spec).splitlines(), new.splitlines())
    return [line for line in lines if line[0] in "+-"]


NAMED = """\
# a network of ours
let w = 64   # the first width
def pair(n) = (3,n) (3,n)

net Ours
input 3x64x64
classes 10
pad paper
# the stem sees much
stem:  (5, w)/2 3/2   # half the size
# and here it grows
wide:  pair(2w) (5,128)
deep:  2/2 (3, 256) * 3      # the rest
head:  gap fc
# that was all
"""


def test_a_stage_changes_and_nothing_else() -> None:
    assert changes(NAMED, "depth-for-size:stage=deep,to=2") == [
        "- deep: 2/2 (3,256)x3  # the rest",
        "+ deep: 2/2 (2,256)x6  # the rest",
    ]


def test_a_stage_goes_by_number_too() -> None:
    assert text(NAMED, "depth-for-size:stage=3,to=2") == text(
        NAMED, "depth-for-size:stage=deep,to=2"
    )


def test_a_layer_beside_a_definition_changes() -> None:
    assert changes(NAMED, "repeat-last:times=2,stage=wide") == [
        "- wide: pair(2w) (5,128)",
        "+ wide: pair(2w) (5,128)x3",
    ]


def test_a_definition_is_opened_only_where_its_layers_change() -> None:
    """What nothing uses any more goes with it."""
    assert changes(NAMED, "nin:stage=wide") == [
        "- def pair(n) = (3,n) (3,n)",
        "- wide: pair(2w) (5,128)",
        "+ wide: (3,128)+(1,128)+(3,128)+(1,128)+(5,128)",
    ]


def test_a_new_stage_behind_a_named_one_has_a_name_and_a_line() -> None:
    spec = NAMED.replace("(3, 256) * 3", "(3, 4w) (3,4w) (3,256) (3,256)")
    new = text(spec, "add-pool:pool=2,layers=2")
    assert new.splitlines()[-7:-1] == [
        "stem:        (5,w)/2 3/2  # half the size",
        "# and here it grows",
        "wide:        pair(2w) (5,128)",
        "deep:        2/2 (3,4w) (3,4w)  # the rest",
        "deep_pooled: 2/2 (3,1024)+(3,256)",
        "head:        gap fc",
    ]
    back = text(new, "remove-pool")
    assert one(back).architecture == one(spec).architecture
    assert "\ndeep: 2/2 (3,4w) (3,4w) (3,256)x2  # the rest\nhead: gap fc\n" in back


def test_comments_of_a_line_that_goes_are_kept() -> None:
    spec = (
        "input 3x64x64\n# one\na: (3,8)x2 # behind a\n# two\nb: 2/2 (3,8)+(3,8) # behind b\n"
        "# three\nhead: gap fc\n"
    )
    assert text(spec, "remove-pool:multiple=1") == (
        "input 3x64x64\n# one\na:    (3,8)x2+(3,2)+(3,8)  # behind a\n# two\n# behind b\n"
        "# three\nhead: gap fc\n"
    )


def test_another_name() -> None:
    assert changes(NAMED, "nin:stage=deep", name="Mine")[:2] == ["- net Ours", "+ net Mine"]


# -------------------------------------------------------------------- bare rows


def test_a_bare_row_stays_one() -> None:
    assert text("(7,64)/2 3/3 (3,128)  # mine", "depth-for-size:stage=2,to=2") == (
        "(7,64)/2 3/3 (2,128)x2  # mine\n"
    )


def test_a_bare_row_with_a_name_gets_nothing_else() -> None:
    assert text("(7,64)/2 3/3 (3,128)  # mine", "depth-for-size:stage=2,to=2", name="M") == (
        "net M\n(7,64)/2 3/3 (2,128)x2  # mine\n"
    )


def test_a_spec_without_a_name_gets_one() -> None:
    spec = "let w = 8\ninput 3x32x32\n(3,w)x2 gap fc"
    new = text(spec, "repeat-last:times=1", name="M")
    assert one(new).name == "M" and "let w = 8" in new and "(3,w)x" in new


def test_an_implied_head_stays_implied_and_a_missing_one_missing() -> None:
    row = "(7,64)/2 3/3 (3,128)"
    assert text(f"{row}\nhead: none", "repeat-last:times=1").endswith("head: none\n")
    assert "fc" not in text(row, "repeat-last:times=1")


def test_pluses_and_times_are_canonical() -> None:
    spec = "(7, 64)/2 3/3 (2,128) × 2 2/2 (3,160)*5 + (3,256)"
    assert text(spec, "size-for-depth:stage=2,to=3") == (
        "(7,64)/2 3/3 (3,128) 2/2 (3,160)x5+(3,256)\n"
    )


def test_comments_in_any_script_and_primes_are_kept() -> None:
    spec = "net J′  # größer — 畳み込み\npad paper\n(7,64)/2 3/3 (2,128)×2 # × 2"
    new = text(spec, "size-for-depth:stage=2,to=3")
    assert new == "net J′  # größer — 畳み込み\npad paper\n(7,64)/2 3/3 (3,128)  # × 2\n"


def test_a_line_that_grows_long_is_continued() -> None:
    new = text("# long\n(7,64)/2 3/3 (3,128)x2 2/2 (2,256)x6  # nin", "nin")
    assert len(new.splitlines()) == 3 and new.splitlines()[1].endswith(" \\")
    assert new.endswith("(2,256)+(1,256)  # nin\n")


# ------------------------------------------------------------------- parameters


def test_a_parameter_s_other_value_is_written() -> None:
    spec = "let w = 96\npad paper\ninput 3x64x64\n(3,w)x2 2/2 (3,32)\ngap fc\n"
    assert text(spec, "depth-for-size:stage=2,to=2", values={"w": 48}) == (
        "let w = 48\npad paper\ninput 3x64x64\n(3,w)x2 2/2 (2,32)x2\ngap fc\n"
    )


def test_expressions_that_still_hold_stay() -> None:
    spec = "let w = 16\ninput 3x64x64\n(3,w) (3,2w) 2/2 (3,2w)x2 (3,64)\ngap fc\n"
    assert text(spec, "repeat-last:times=1") == spec.replace("(3,64)", "(3,64)x2")


# ---------------------------------------------------------------- other networks


def test_only_what_speaks_of_other_channels_is_written_out() -> None:
    spec = (
        "let d = 0\npad same\ninput 3x64x64\nclasses 10\nnet N\n"
        "a: (3,8)/2 (3,8)x(d) 2/2\nz: (3,9)x(d)\n"
        "b: (3,2c)x3 (3,c)x(d+1)\nhead: gap fc(c/2) fc(3)x0 fc\n"
    )
    assert changes(spec, "widen:stage=a,width=24") == [
        "- a:    (3,8)/2 (3,8)x(d) 2/2",
        "+ a:    (3,24)/2 (3,8)x(d) 2/2",
        "- b:    (3,2c)x3 (3,c)x(d+1)",
        "+ b:    (3,16)+(3,32)+(3,64) (3,c)x(d+1)",
    ]
    assert changes(spec, "deepen:stage=b") == [
        "- b:    (3,2c)x3 (3,c)x(d+1)",
        "+ b:    (3,2c)x3 (3,c)x(d+1) (3,64)",
    ]


def test_a_rewritten_network_keeps_the_author_s_words() -> None:
    """Its layers are not what the text gives any more, and the second rewrite knows what was."""
    once = rewrite(one(NAMED), "widen:stage=stem,width=96")
    assert "stem: (5,96)/2 3/2  # half the size" in once.text
    twice = rewrite(once.network, "depth-for-size:stage=deep,to=2")
    assert "wide: pair(2w) (5,128)\ndeep: 2/2 (2,256)x6  # the rest\n" in twice.text
    assert "stem: (5,96)/2 3/2  # half the size" in twice.text


@pytest.mark.parametrize("norm", ["", " bn"])
def test_items_are_read_in_the_new_style(norm: str) -> None:
    spec = (
        "# normed\nlet w = 8\ndef two(n) = (3,n) (3,n)x2\nnet N\ninput 3x32x32\n"
        f"style conv-bn-relu  # as usual\na: (3,w){norm} two(2w)  # here\nhead: gap fc\n"
    )
    assert changes(spec, "fold-bn")[:2] == [
        "- style conv-bn-relu  # as usual",
        "+ style conv-relu  # as usual",
    ]
    assert "two(2w)  # here" in text(spec, "fold-bn")


def test_googlenet_keeps_its_definitions() -> None:
    spec = (ROOT / "specs" / "peers" / "googlenet.ctc").read_text(encoding="utf-8")
    assert changes(spec, "nin:stage=conv") == [
        "- conv:       (7,64)/2 pool lrn (1,64) (3,192) lrn pool",
        "+ conv:       (7,64)/2 pool lrn (1,64)+(3,192)+(1,192) lrn pool",
    ]


def test_resnet_delays_its_pool() -> None:
    spec = (ROOT / "specs" / "modern" / "resnet18.ctc").read_text(encoding="utf-8")
    from ctcdsl.text import UserError

    with pytest.raises(UserError, match="no pool with a stride"):
        text(spec, "delay-subsample")


def test_one_of_a_table(ctcdsl: Any) -> None:
    result = ctcdsl("rewrite", "specs/table1.ctc", "--net", "E", "--pass", "add-pool", "--name",
                    "Mine")  # fmt: skip
    assert result.out == (
        "# He & Sun 2015, Table 1: the models under constrained time complexity\n"
        "input 3x224x224\nclasses 1000\npad paper\nmaps 36 18 6\nnet Mine\n"
        "(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x4 3/3 (2,2304)+(2,256)\n"
    )


def test_one_of_several(ctcdsl: Any) -> None:
    spec = (
        "classes 10\ninput 3x64x64\n# first\nnet A\nclasses 5\n(3,8)\ngap fc\n# second\nnet B\n"
        "# layers\n(3,8)x2 2/2 (3,16)\ngap fc\n# third\nnet C\n(3,9)\ngap fc\n# end\n"
    )
    result = ctcdsl("rewrite", "-", "--net", "B", "--pass", "depth-for-size:stage=2,to=2",
                    stdin=spec)  # fmt: skip
    assert result.out == (
        "classes 10\ninput 3x64x64\n# second\nnet B\n# layers\n"
        "(3,8)x2 2/2 (2,16)x2\ngap fc\n# end\n"
    )


def test_networks_that_no_layout_holds_are_written_anew() -> None:
    """Two stages on one line, the first of which loses its only pool behind it."""
    spec = "# mine\n(7,64)/2 3/3 (3,128)x2 2/2 (3,512)+(3,256)"
    new = text(spec, "remove-pool:multiple=1")
    assert new == "# mine\n(7,64)/2 3/3 (3,128)x3+(3,256)\n"
    assert unparse(one(new).architecture).endswith(new.splitlines()[-1] + "\n")


# ------------------------------------------------------------------ command line


def test_standard_input_and_pipes(ctcdsl: Any) -> None:
    first = ctcdsl("rewrite", "--pass", "depth-for-size:stage=3,to=2",
                   stdin=(ROOT / "specs" / "A.ctc").read_text(encoding="utf-8"))  # fmt: skip
    second = ctcdsl("rewrite", "-", "--pass", "delay-subsample", stdin=first.out)
    cost = ctcdsl("cost", "-", stdin=second.out)
    assert "821,400,256" in cost.out


def test_output_to_a_file_is_silent_on_standard_output(ctcdsl: Any, tmp_path: Any) -> None:
    there = tmp_path / "J.ctc"
    result = ctcdsl("rewrite", "specs/E.ctc", "--pass", "add-pool", "--name", "J", "-o", str(there))
    assert result.out == "" and result.code == 0
    assert there.read_text(encoding="utf-8").endswith("3/3 (2,2304)+(2,256)\n")
    both = ctcdsl("rewrite", "specs/E.ctc", "--pass", "add-pool", "-o", "-")
    assert both.out.endswith("3/3 (2,2304)+(2,256)\n")


def test_parameters_on_the_command_line(ctcdsl: Any) -> None:
    spec = "let w = 96\ninput 3x64x64\n(3,w)x2 2/2 (3,32)\ngap fc\n"
    passes = ("--pass", "depth-for-size:stage=2,to=2")
    result = ctcdsl("rewrite", "-", *passes, "-D", "w=48", stdin=spec)
    assert "let w = 48" in result.out
    assert ctcdsl("rewrite", "-", *passes, "-D", "v=48", stdin=spec).code == 2
