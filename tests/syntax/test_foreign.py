"""Notations of other tools and papers: one error each, and a row that does the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ctcdsl.ir import Conv, Linear, Pool
from ctcdsl.syntax.foreign import recognise
from ctcdsl.syntax.foreign.notations import NOTATIONS, notation_at
from ctcdsl.syntax.foreign.readings import Meaning
from ctcdsl.syntax.foreign.recognise import name_notations
from ctcdsl.syntax.foreign.rows import Context
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Diagnostic, Source
from ctcdsl.text.files import read_source
from tests.conftest import ROOT, SAMPLE, TABLES, check, one

ERRORS = ROOT / "tests" / "errors"


def said(text: str) -> Diagnostic:
    """The only error of a text."""
    errors = check(text).errors
    assert len(errors) == 1, errors
    return errors[0]


def row_of(text: str) -> str:
    """The row in the hint of the only error of a text."""
    return row_in(said(text))


def row_in(diagnostic: Diagnostic) -> str:
    match = re.match(r"write `([^`]*)`", diagnostic.hints[0])
    return match[1] if match else ""


def checks(row: str, headers: str = "") -> None:
    """A row of a hint is right: as a line of headers, as layers or as a head."""
    if row.split()[0] in ("input", "style", "classes"):
        text = f"{headers}\n{row}\n(3,8)"
    else:
        text = f"{headers}\n(3,8)\n{row}" + "\nhead: none" * (
            not re.search(r"\b(gap|fc|gmp)\b", row)
        )
    assert check(text).ok, (text, check(text).errors)


# ----------------------------------------------------------- notations of papers

IMPLIED = {
    "input (224x224 RGB image)": {"3"},
    "input_size = 224": {"3"},
    "[64, 64, 'M', 128]": {"2", "3"},
    "dropout (40%)": {"0", "4"},
}
"""Numbers of a row that its notation says in other words."""


@pytest.mark.parametrize("notation", NOTATIONS, ids=lambda notation: notation.example)
def test_a_notation_is_one_error_with_its_row(notation) -> None:  # type: ignore[no-untyped-def]
    error = said(notation.example)
    assert error.code == "CTC117"
    assert error.labels[0].span.text == notation.example
    assert notation.whose in error.message
    assert row_in(error) == notation.row
    if notation.row:
        checks(notation.row)


@pytest.mark.parametrize("notation", NOTATIONS, ids=lambda notation: notation.example)
def test_the_row_has_the_authors_numbers(notation) -> None:  # type: ignore[no-untyped-def]
    numbers = set(re.findall(r"\d+", notation.example))
    invented = {"3", "64"} if "with your" in said(notation.example).hints[0] else set()
    invented |= {"128", "32", "3"} if "{" in notation.row else set()  # DenseNet's growth
    invented |= {notation.implied.get("k", "")} | IMPLIED.get(notation.example, set())
    assert set(re.findall(r"(?<!p)\b\d+|(?<=x)\d+", notation.row)) <= numbers | invented


@pytest.mark.parametrize(
    "rule", ["", "pad same\n", "pad paper\n", "pad valid\n", "style conv-relu\n"]
)
@pytest.mark.parametrize(
    ("text", "kernel", "padding"),
    [
        ("7x7, 64, stride 2", 7, 3),
        ("conv5-64", 5, 2),
        ("conv3-64", 3, 1),
        ("3x3 max pool, stride 2", 3, 1),
        ("nn.Conv2d(3, 64, 7, 2, 3)", 7, 3),
        ("nn.Conv2d(3, 64, 3)", 3, 0),
        ("nn.MaxPool2d(3, 2)", 3, 0),
        ("32C5", 5, 0),
    ],
)
def test_the_row_pads_as_meant_under_every_rule(
    rule: str, text: str, kernel: int, padding: int
) -> None:
    network = one(f"{rule}input 3x32x32\n(1,3)\n{row_of(rule + text)}\nhead: none")
    layer = network.nodes[-1].layer
    assert isinstance(layer, Conv | Pool)
    assert layer.kernel == (kernel, kernel)
    assert network.nodes[-1].padding == (padding, padding)


# ------------------------------------------------------------ PyTorch and Keras

MODULES = [
    "nn.Conv2d(3, 64, 7, 2, 3)",
    "nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3)",
    "nn.Conv2d(3, 64, kernel_size=(1, 7), padding=(0, 3))",
    "nn.Conv2d(in_channels=3, out_channels=8, kernel_size=3, bias=False)",
    "nn.Conv2d(3, 8, 3, dilation=2, padding=2)",
    "nn.Conv2d(3, 9, 3, groups=3)",
    "nn.Conv2d(3, 3, 3, 1, 1, groups=3)",
    "nn.Conv2d(3, 8, 5, padding='same')",
    "nn.Conv2d(3, 8, (2, 2), 2)",
    "nn.MaxPool2d(3, 2)",
    "nn.MaxPool2d(3, 2, 1)",
    "nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)",
    "nn.MaxPool2d(2)",
    "nn.AvgPool2d(2)",
    "nn.AvgPool2d(3, stride=1, padding=1)",
    "nn.Conv2d(3, 8, 3, stride=(2, 1), padding=1)",
    "nn.Conv2d(3, 8, 3, padding=(1, 2), dilation=(1, 2))",
    "nn.AvgPool2d(3, 1, 1, count_include_pad=False)",
    "nn.MaxPool2d(3, (1, 2))",
    "nn.MaxPool2d((3, 2))",
]


@pytest.mark.parametrize("rule", ["", "pad same\n", "style conv-bn-relu\n"])
@pytest.mark.parametrize("code", MODULES)
def test_the_row_of_a_module_leaves_its_map(code: str, rule: str) -> None:
    module = eval(code, {"nn": nn})
    network = one(f"{rule}input 3x30x34\n(1,3)\n{row_of(rule + code)}\nhead: none")
    assert tuple(module(torch.zeros(1, 3, 30, 34)).shape[1:]) == network.output
    if isinstance(module, nn.Conv2d) and not rule:
        parameters = sum(parameter.numel() for parameter in module.parameters())
        assert parameters == network.params - one("input 3x30x34\n(1,3)\nhead: none").params


SEQUENTIAL = """nn.Sequential(
    nn.Conv2d(3, 16, kernel_size=7, stride=2, padding=3, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(inplace=True),
    nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    nn.Conv2d(16, 32, 3),  # no activation
    nn.Sequential(nn.Conv2d(32, 8, 1), nn.GELU()),
    nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Dropout(0.2),
    nn.Linear(8, 20), nn.ReLU(),
    nn.Linear(20, 10),
)"""


@pytest.mark.parametrize("headers", ["", "style conv-bn-relu\n", "style conv-gelu\npad paper\n"])
def test_a_sequential_is_one_row(headers: str) -> None:
    error = said(headers + SEQUENTIAL)
    assert error.hints[0].endswith("and `classes 10` above the layers")
    module = eval(SEQUENTIAL, {"nn": nn})
    network = one(f"{headers}input 3x64x64 classes 10\n{row_in(error)}")
    trunk = module[:6](torch.zeros(1, 3, 64, 64))
    maps = [node for node in network.nodes if isinstance(node.layer, Conv)]
    assert tuple(trunk.shape[1:]) == maps[-1].output
    # A style with a norm leaves out the biases of convolutions, which Conv2d has by default.
    biases = 0 if "bn" not in headers else 32 + 8
    assert sum(parameter.numel() for parameter in module.parameters()) == network.params + biases


def test_the_same_networks_activations_stay() -> None:
    assert row_of(SEQUENTIAL) == (
        "(7,16,p3,bn,nobias)/2 max(3,p1)/2 (3,32,p0,linear) (1,8,gelu) gap drop(0.2) fc(20) fc"
    )
    assert row_of("style conv-bn-relu\n" + SEQUENTIAL) == (
        "(7,16)/2 3/2 (3,32,p0,bare) (1,8,bare,gelu) gap drop(0.2) fc(20) fc"
    )


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("Conv2d(64,7,2)", "(7,64)/2"),
        ("Conv2d(3,64,7)", "(7,64)"),
        ("Conv2D(64, (7, 7), strides=2)", "(7,64)/2"),
        ("layers.Conv2D(64, 3, padding='same', activation='relu')(x)", "(3,64)"),
        ("Conv2D(filters=64, kernel_size=3, activation='swish')", "(3,64,p0,silu)"),
        ("model.add(Conv2D(32, (5, 5), use_bias=False))", "(5,32,p0,nobias)"),
        ("DepthwiseConv2D((3, 3), padding='same')", "(3,dw)"),
        ("MaxPooling2D()", "2/2"),
        ("MaxPooling2D(pool_size=(2, 2), strides=(2, 2), padding='same')", "max(2,ceil)/2"),
        ("AveragePooling2D(3, 2)", "avg(3)/2"),
        ("GlobalAveragePooling2D()", "gap"),
        ("Dense(4096, activation='relu')", "fc(4096)"),
        ("Dense(10, activation='softmax')", "fc"),
        ("Input(shape=(224, 224, 3))", "input 3x224x224"),
        ("x = F.max_pool2d(x, 3, 2)", "3/2"),
        ("bottleneck(64)", "[ (1,64) (3,64) (1,256) ]"),
        (
            "Inception(192, 64, 96, 128, 16, 32, 32)",
            "{ (1,64) | (1,96) (3,128) | (1,16) (5,32) | max(3,p1)/1 (1,32) }",
        ),
        ("Dropout(0.3)", "drop(0.3)"),
        ("nn.Dropout(p=0.2, inplace=True)", "drop(0.2)"),
        ("MaxPool(3,2)", "3/2"),
        ("maxpool(3,2,1)", "max(3,p1)/2"),
        ("maxpool(3)", "3/3"),
        ("conv(64, 3)", "(3,64)"),
        ("conv(3,64)", "(3,64)"),
        ("conv1x7(64)", "(1x7,64,p0x3)"),
        ("dense(4096)", "fc(4096)"),
        ("Linear(512, 10)", "fc(10)"),
        ("nn.Linear(4096, 1000)", "fc"),
        ("nn.AdaptiveAvgPool2d(1)", "gap"),
        ("nn.AdaptiveMaxPool2d(6)", "spp(6)"),
        ("nn.LocalResponseNorm(5)", "lrn(5)"),
        ("nn.BatchNorm2d(64)", "style conv-bn-relu"),
        ("nn.GELU()", "style conv-gelu"),
        ("self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)", "(7,64,p3,nobias)/2"),
        (
            "(conv1): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3))",
            "(7,64,p3)/2",
        ),
    ],
)
def test_a_call_is_one_error_with_its_row(code: str, row: str) -> None:
    error = said(code)
    assert (error.code, error.labels[0].span.text) == ("CTC117", code)
    assert row_in(error) == row
    checks(row)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("nn.ReLU(inplace=True)", "leave it out: every convolution and `fc(n)` ends in it"),
        ("x = self.pool(F.relu(self.conv1(x)))", "layers follow one another in a row"),
        ("nn.Flatten()", "leave it out: fc and the pools of the head take the map as it is"),
        ("nn.Softmax(dim=1)", "leave it out: the loss"),
        ("style conv-bn-relu\nnn.BatchNorm2d(64)", "leave it out: the style puts one"),
        ("nn.AdaptiveAvgPool2d((7, 7))", "leave it out where the map is 7x7 already"),
        ("nn.ConvTranspose2d(64, 64, 2, 2)", "write `(2,64,up2)`"),
        ("nn.LeakyReLU(0.1)", "write `style conv-leaky  act slope=0.1` above the layers"),
        ("nn.LeakyReLU(0.01)", "write `style conv-leaky` above the layers"),
        ("nn.ELU(alpha=0.5)", "write `elu(0.5)`: as a layer of its own, or as a tag"),
        ("nn.Sequential(nn.Conv2d(3, 8, 1), nn.LeakyReLU(0.2))", "write `(1,8,leaky(0.2))`"),
        ("nn.GLU(dim=1)", "a gated convolution is a product: `mul["),
        (
            "Conv2D(8, 3, strides=2, padding='same')",
            "padding 1 on all sides, where Keras pads 0 and 1",
        ),
        ("Conv2D(8, 2, padding='same')", "its map is 1 smaller"),
        ("Conv2D(8, 3, input_shape=(28, 28, 1))", "and `input 1x28x28` above the layers"),
        ("Dense(10, activation='softmax')", "and `classes 10` above the layers"),
    ],
)
def test_what_a_row_cannot_say_is_said(code: str, hint: str) -> None:
    assert hint in said(code).hints[0]


def test_a_line_of_many_errors_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(text: str, start: int, context: Context) -> tuple[int, str, Meaning] | None:
        read.append(start)
        return notation_at(text, start, context)

    monkeypatch.setattr(recognise, "notation_at", counted)
    words = 300
    assert len(check("foo " * words).errors) == words
    assert len(read) < 3 * words


# ------------------------------------------------------------------------ pastes


def test_each_piece_of_a_line_is_one_error() -> None:
    errors = check("(3,64) conv3-64 x2 maxpool conv3-128\n(3,64) relu").errors
    assert [error.labels[0].span.text for error in errors] == [
        "conv3-64 x2",
        "maxpool",
        "conv3-128",
    ]
    assert [error.hints[0] for error in errors] == [
        *("write `(3,64)x2`", "write `2/2`", "write `(3,128)`")
    ]


def test_a_call_over_several_lines_is_one_error_and_hides_none_below() -> None:
    errors = check("nn.Conv2d(\n  3, 64,\n  kernel_size=7)\n(7,64]\nFC-4096").errors
    assert [error.code for error in errors] == ["CTC117", "CTC003", "CTC117"]


def test_many_pieces_are_not_many_syntax_errors() -> None:
    lines = "nn.Conv2d(\n 3, 64,\n kernel_size=(3, 3), stride=(1, 1))\n" * 15
    assert len(check(lines).errors) == 15


def test_a_name_of_ones_own_is_not_another_tools() -> None:
    errors = check("def dense(n) = (1,4n) (3,n)\ndense(64) dense(3,64)").errors
    assert [error.code for error in errors] == ["CTC102"]


@pytest.mark.parametrize("path", [*SAMPLE, *TABLES], ids=lambda path: path.stem)
def test_nothing_of_a_spec_is_another_notation(path: Path) -> None:
    """Whatever goes wrong in a row of the language, the row is not taken for another notation."""
    source = read_source(str(path))
    _, mistakes = parse(Source(path.name, source.text.replace("\n", " @\n")))
    assert mistakes
    assert "CTC117" not in {mistake.code for mistake in name_notations(source, mistakes)}


@pytest.mark.parametrize("path", sorted(ERRORS.glob("notation_*.ctc")), ids=lambda path: path.stem)
def test_the_row_of_every_recorded_hint_is_right(path: Path) -> None:
    errors = [d for d in check(path.read_text(encoding="utf-8")).errors if d.code == "CTC117"]
    rows = [row for row in map(row_in, errors) if row]
    assert rows
    for row in rows:
        checks(row)


FRAGMENTS = [
    *re.findall(r"\w+|[^\w\s]", " ".join(notation.example for notation in NOTATIONS)),
    *(
        "nn.Conv2d(",
        "Conv2D(",
        "nn.Sequential(",
        "MaxPool2d(",
        "Dense(",
        "kernel_size=",
        "padding=",
    ),
    *("'same'", "stride=(2, 1)", "self.x = ", "\n", ")", ",", "0", "x0", "99999999999999999999"),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30), st.sampled_from(["", " "]))
def test_whatever_is_pasted_is_answered(pieces: list[str], joint: str) -> None:
    report = check(joint.join(pieces))
    assert report.diagnostics
    for diagnostic in report.diagnostics:
        assert "None" not in " ".join(diagnostic.hints)


def test_a_classifier_has_the_classes_of_the_file() -> None:
    text = "input 3x32x32 classes 10\n(3,8)\nhead: gap "
    assert row_of(text + "FC-10") == "fc"
    network = one(text + "fc")
    assert [n.layer.features for n in network.nodes if isinstance(n.layer, Linear)] == [None]
