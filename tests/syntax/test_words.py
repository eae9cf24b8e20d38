"""What is suggested for a word that is not known: never another function."""

from __future__ import annotations

import re

import pytest

from ctcdsl.checking import check_source
from ctcdsl.syntax.foreign.hints import header_meant, hint, is_foreign, tag_hint
from ctcdsl.syntax.foreign.vocabulary import MEANT, OTHERWISE
from ctcdsl.syntax.words import suggest, words
from ctcdsl.text import Source

FUNCTIONS = words("layer", "norm", "activation")
# fmt: off
OTHERS = [
    "selu", "celu", "rrelu", "crelu", "srelu", "frelu", "relu1", "relu20",
    "drelu", "hard_mish", "hard_tanh", "softmax", "LogSoftmax", "softmin",
    "softsign", "maxout", "swiglu", "logsigmoid", "tanhexp", "tanhshrink", "in", "rmsnorm",
    "glu", "unet", "dropblock", "sppf", "aspp", "psp", "gem", "scse", "cbam", "pixelshuffle",
    "argmax", "trelu", "lisht", "blurpool",
]
# fmt: on


@pytest.mark.parametrize("word", OTHERS)
def test_another_function_is_never_suggested(word: str) -> None:
    assert suggest(word, FUNCTIONS) is None
    said = hint(word, FUNCTIONS) + tag_hint(word, FUNCTIONS)
    assert "did you mean" not in said and "write" not in said


@pytest.mark.parametrize("word", ["zelu", "qrelu", "xtanh", "relu7", "gelu2", "hdrop", "ysilu"])
def test_nor_is_it_for_a_function_that_no_table_knows(word: str) -> None:
    assert suggest(word, FUNCTIONS) is None


@pytest.mark.parametrize("word", ["relu7", "gelu2", "silu6", "ysilu"])
def test_nor_is_a_word_of_a_table_for_a_number_or_a_letter_more(word: str) -> None:
    assert " is meant" not in hint(word, FUNCTIONS)


@pytest.mark.parametrize("word", ["s2", "stride2", "s2x1"])
def test_a_stride_behind_a_layer_is_a_slash(word: str) -> None:
    assert hint(word, FUNCTIONS) == "a stride follows its layer: `/2`"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        *(("rleu", "relu"), ("rellu", "relu"), ("gleu", "gelu"), ("gpa", "gap"), ("gapp", "gap")),
        *(("sigmod", "sigmoid"), ("igmoid", "sigmoid"), ("taanh", "tanh"), ("ReLU", "relu")),
        *(("shufle", "shuffle"), ("leeky", "leaky"), ("dorp", "drop"), ("lnr", "lrn")),
    ],
)
def test_a_slip_is(wrong: str, meant: str) -> None:
    assert suggest(wrong, FUNCTIONS) == meant
    assert hint(wrong, FUNCTIONS) == f"did you mean `{meant}`?"


@pytest.mark.parametrize(
    ("word", "row"),
    [
        *(
            ("DropPath", "depth(0.2)"),
            ("ECALayer", "eca(3)"),
            ("UpsamplingBilinear2d", "up(2,bilinear)"),
        ),
        *(("glu", "mul[ (3,64,linear) | (3,64,sigmoid) ]"), ("mfm", "max[ (3,64,linear) |")),
    ],
)
def test_what_the_language_has_is_not_missing(word: str, row: str) -> None:
    assert f"`{row}" in hint(word, FUNCTIONS)


def test_every_row_that_a_table_gives_is_right() -> None:
    rows = {*MEANT.values(), *re.findall(r"`([^`]+)`", " ".join(OTHERWISE))}
    for row in rows:
        text = row if row in words("tag") else ""
        row = f"(3,64,{text})" if text else row.replace("shuffle(3)", "shuffle(4)")
        row = f"[ (3,64) {row} ]" if row.startswith("depth") else row
        head = "" if row.startswith(("fc", "gap", "gmp", "spp")) else "\nhead: none"
        report = check_source(Source("", f"style conv-relu\n(3,64) {row}{head}"))
        assert not report.errors, (row, report.errors)


def test_a_slip_in_a_word_of_other_tools_is_explained() -> None:
    assert hint("flaten", FUNCTIONS).startswith("if `flatten` is meant: leave it out")
    assert hint("bacthnorm", FUNCTIONS) == "if `batchnorm` is meant: write `bn`"
    assert hint("qwxyz", FUNCTIONS) == ""


def test_no_word_of_other_tools_hides_one_of_the_language() -> None:
    assert [word for word in FUNCTIONS if is_foreign(word)] == []


def test_headers() -> None:
    assert [header_meant(word) for word in ("num_classes", "inptu", "network", "qq")] == [
        *("classes", "input", "net"),
        None,
    ]
