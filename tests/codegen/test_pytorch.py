"""Generated modules: their text, its form, and that nothing in a spec becomes code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ctcdsl.codegen import class_name, generate
from ctcdsl.codegen.load import build_module
from ctcdsl.codegen.names import block_name, parameter_name
from tests.conftest import ROOT, SAMPLE, check, load, one

GOLDEN = ROOT / "tests" / "golden"
TEXTS = {
    "every_layer": "net every-layer\npad same input 3x64x80\nclasses 10\nstem: (7,16)/2 lrn 3/2\n"
    "mid: max(3,p1,ceil)/2 (3,24)x2/2 avg(2)/1 drop(0.1)\nhead: gap fc(32) drop(0.5) fc",
    "not_square": "net 'x'".replace("'x'", "Wide") + "\ninput 3x96x160\npad paper\n(7,8)/2 3/3"
    " (2,8)x2 spp(3,2,1) fc",
    "trunk": "net Trunk\npad same input 1x32x32\n(3,8) 2/2 (3,8)\nhead: none",
    "long": f"net {'Long' * 12}\npad same input 3x32x32\nclasses 999999\n{'very' * 10}_long_stage:"
    " (3,999999) max(3,p1,ceil)/2 (3,8)\nhead: gap fc(999999) fc",
    "every_block": """
net every-block
style conv-bn-relu
input 3x64x64
classes 10
def class(self, nn, import, __init, l) = { (1,self) | (1,nn) (3,import) (1,__init) (3,l) }
def conv_bn(n) = [ (3,n) | id? | (1,n/2) (1,n)? ]
def tensor(n) = [ [ (3,n) ] (1,n) ]
initialise: (3,8) class(4,5,16,7,8) class(4,6,24,3,5)
optional: conv_bn(16)x2 conv_bn(20)/2 [ (3,64) | id? ] [ (3,64)/2 | id? ]
nested: tensor(64) tensor(30) [ [ (3,8) | { (1,4) | (3,4) } ] (1,30) ]
beginning: (3,30,linear) { relu (3,30) | relu | id drop(0.1) relu (3,4) } leaky
wide: { (3x1,8) | (1x3,8,bias) | se(3) | se(4,silu) scale | ln | (1,8,ln) | gelu | max(3x1)/1 }
flags: [ (3,8) | (1,3)? ] [ (3,8) | (1,c)? ] [ id | (1,8)? ]
dilated: [ (3,8,g2,d2) (3,12) ] [ (3,12,d3,g4) (3,12) ]
norms: lrn(3,within) lrn(5,0.001,0.5,2) shuffle(3) ln (1,12,bare) relu6
head: bn gap ln relu fc(20,tanh) bn drop(0.2) leaky fc
""",
}
PUBLISHED = [
    "resnet50",
    "mobilenet_v2",
    "densenet121",
    "convnext_tiny",
    "repvgg_a0",
    "efficientnet_b0",
    "googlenet",
]


def path_of(name: str) -> Path:
    return next(path for path in SAMPLE if path.stem == name)


def generated(name: str) -> str:
    return generate(one(TEXTS[name]) if name in TEXTS else load(path_of(name)))


@pytest.mark.parametrize("name", ["J_prime", *PUBLISHED, *TEXTS])
def test_text(name: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"{name}.py", generated(name))


def test_modules_are_formatted_linted_and_typed(tmp_path: Path) -> None:
    for name in [*TEXTS, *(path.stem for path in SAMPLE)]:
        (tmp_path / f"{name}.py").write_text(generated(name), encoding="utf-8")
    for command in (
        ["ruff", "format", "--isolated", "--check", "."],
        ["ruff", "check", "--isolated", "--select=E,F,I,UP,B,SIM", "--ignore=E501,E742", "."],
        ["mypy", "--strict", "--no-incremental", "."],
    ):
        result = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_text_is_deterministic_and_names_no_place(path: Path) -> None:
    text = generate(load(path))
    assert text == generate(load(path))
    assert str(ROOT) not in text and ".ctc" not in text


def test_text_depends_on_no_hash_seed() -> None:
    program = (
        "import sys; from ctcdsl.checking import check_source\n"
        "from ctcdsl.codegen import generate\n"
        "from ctcdsl.text import Source\n"
        "print(generate(check_source(Source('', sys.stdin.read())).networks[0]), end='')"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=TEXTS["every_block"],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert texts == {generated("every_block")}


@pytest.mark.parametrize("name", ["every_layer", "every_block"])
def test_a_module_needs_torch_alone(name: str, tmp_path: Path) -> None:
    network = one(TEXTS[name])
    (tmp_path / "model.py").write_text(generate(network), encoding="utf-8")
    program = (
        "import sys, torch, model\n"
        f"net = model.{class_name(network.name)}(num_classes=10).eval()\n"
        f"print(tuple(net(torch.zeros(2, *{tuple(network.input)})).shape),"
        " 'ctcdsl' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "(2, 10) False"


# ---------------------------------------------------------------------- blocks


def signatures(text: str) -> list[str]:
    """The classes of blocks with their parameters, such as `Ir(in_chs, n, *, stride=1)`."""
    found: list[str] = []
    for node in ast.parse(generate(one(f"pad same input 4x32x32\n{text}\nhead: none"))).body[:-1]:
        if isinstance(node, ast.ClassDef) and "Conv" not in node.name and node.name != "Chain":
            inits = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            arguments = next((ast.unparse(i.args) for i in inits if i.name == "__init__"), "self")
            short = arguments.replace(": int", "").replace(" = ", "=").removeprefix("self")
            found.append(f"{node.name}({short.removeprefix(', ')})")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What is equal in all instances is a constant.
        ("(3,8) [ (3,8) (3,8) ]x2", ["Residual()"]),
        # What varies alike is one parameter.
        (
            "(3,8) [ (3,8)x2 ] [ (3,16)x2 ]x2/2",
            ["Residual(in_chs, out_chs, *, stride=1)"],
        ),
        ("(3,8) [ (3,8)x2 ] (3,9) [ (3,9)x2 ]", ["Residual(channels)"]),
        # Multiples and quotients follow.
        (
            "[ (1,2) (3,2) (1,8) ]x2 [ (1,6) (3,6) (1,24) ]/2",
            ["Bottleneck(in_chs, width, *, stride=1)"],
        ),
        ("(3,8) [ (1,c/4) (3,c) ] (3,16) [ (1,c/4) (3,c) ]", ["Residual(channels)"]),
        # The author's names, where there are any, whatever the calls have in common.
        (
            "def ir(t,n) = [ (1,t*c) (3,dw) (1,n,linear) | id? ]\nir(6,8) ir(6,12)/2",
            ["Ir(in_chs, t, n, *, stride=1)"],
        ),
        (
            "def ir(t,n) = [ (1,t*c) (3,dw) (1,n,linear) | id? ]\nir(1,8) ir(6,12)/2",
            ["Ir(in_chs, t, n, *, stride=1)"],
        ),
        ("def mb(k,n) = [ (k,n) | (1,n) ]\nmb(3,8) mb(5,9)", ["Mb(in_chs, k, n)"]),
        ("def b(s) = [ (3,8)/s | (1,8)/s ]\nb(1) b(2)", ["BBlock(in_chs, s)"]),
        # Without a `def`, what they mean.
        (
            "{ (1,2) | (3,3) } { (1,5) | (5,4,d2) }",
            [
                "Concat(in_chs, width1, width2, *, kernel, dilation=1, padding)",
            ],
        ),
        # Several structures of one name, several names of one structure.
        ("(3,8) { id | (3,8) } { (3,8) | id }", ["Concat()", "Concat2()"]),
        (
            "def a = { id | (3,8) }\ndef b = { id | (3,8) }\n(3,8) a b",
            ["ABlock(in_chs)", "BBlock(in_chs)"],
        ),
        # No rule tells the branches that are there apart: a flag does.
        (
            "def f(n) = [ (3,8) | (1,n)? ]\nf(8) f(9)",
            ["FBlock(in_chs, n, *, with_branch2: bool)"],
        ),
    ],
)
def test_what_varies_is_a_parameter(text: str, expected: list[str]) -> None:
    assert signatures(text) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[ (3,8) ] [ (3,8) ] [ (3,9) ]/2", "if stride != 1 or in_chs != out_chs:"),
        ("[ (3,8) ] [ (3,8) ] [ (3,9) ]", "if in_chs != out_chs:"),
        ("(3,8) [ (3,8) ] [ (3,8) ]/2", "if stride != 1:"),
        ("[ (3,8) ] [ (3,8) ]", "if in_chs != 8:"),
        ("[ (3,8) | id? ]x2 [ (3,9) | id? ]/2", "self.use_shortcut = stride == 1 and"),
        ("[ (3,8) | bn? ]x2 [ (3,9) | bn? ]/2", "if stride == 1 and in_chs == out_chs:"),
    ],
)
def test_one_class_has_identity_and_projection(text: str, line: str) -> None:
    source = generate(one(f"pad same input 4x32x32\n{text}\nhead: none"))
    assert line in source
    assert source.count("(nn.Module):") == 2


def test_equal_neighbours_are_one_line() -> None:
    text = generate(load(path_of("densenet121")))
    line = '**{f"block{k}": Dense(32 * k + 32) for k in range(1, 7)},  # 256 x 56 x 56'
    assert line in text
    line = '**{f"block{k}": Bottleneck(512, 128) for k in range(2, 5)},  # 512 x 28 x 28'
    assert line in generate(load(path_of("resnet50")))


def test_activations_work_in_place_only_where_nobody_looks() -> None:
    text = "relu (3,8,linear) relu relu { relu (3,8) | id relu } relu [ (3,16) | sigmoid (3,16) ]"
    source = generate(one(f"style conv\n{text}\nhead: none"))
    stage = source[source.index("self.stage1 =") : source.index("self.features =")]
    # The images, what a convolution made, what an activation made, what `cat` made.
    assert [line.strip() for line in stage.splitlines() if "ReLU" in line] == [
        "relu1=nn.ReLU(),",
        "relu2=nn.ReLU(inplace=True),",
        "relu3=nn.ReLU(),",
        "relu4=nn.ReLU(inplace=True),",
    ]
    block = source[source.index("class Concat") : source.index("class Sum")]
    assert "inplace" not in block


# ----------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A", "A"),
        ("J'", "JPrime"),
        ("D+2", "D2"),
        ("every-layer", "EveryLayer"),
        ("ResNet_50", "ResNet50"),
        ("7x7", "Net7x7"),
        ("None", "NoneNet"),
        ("Tensor", "TensorNet"),
        ("ConvNormAct", "ConvNormActNet"),
        ("scale", "ScaleNet"),
        ("SpatialPyramidPool", "SpatialPyramidPoolNet"),
        ('"""; import os', "ImportOs"),
        ("___", "Net"),
    ],
)
def test_class_names_are_identifiers(name: str, expected: str) -> None:
    assert class_name(name) == expected
    assert expected.isidentifier()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inc", "Inc"),
        ("my_block", "MyBlock"),
        ("class", "Class"),
        ("true", "TrueBlock"),
        ("tensor", "TensorBlock"),
        ("conv_norm_act", "ConvNormActBlock"),
        ("chain", "ChainBlock"),
        ("net", "Net2"),
        ("_7", "Block"),
        ("__", "Block"),
    ],
)
def test_block_names_are_identifiers(name: str, expected: str) -> None:
    assert block_name(name, {"Net"}) == expected
    assert expected.isidentifier()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("n", "n"),
        ("self", "self_"),
        ("x", "x_"),
        ("nn", "nn_"),
        ("torch", "torch_"),
        ("import", "import_"),
        ("match", "match_"),
        ("None", "None_"),
        ("Tensor", "Tensor_"),
        ("int", "int_"),
        ("l", "l_"),
        ("__mangled", "mangled"),
        ("_", "value"),
        ("_3", "n3"),
        ("stride", "stride_"),
        ("Inc", "Inc_"),
    ],
)
def test_parameter_names_are_identifiers(name: str, expected: str) -> None:
    assert parameter_name(name, {"stride", "Inc"}) == expected
    assert expected.isidentifier()


NAMES = """self out branches nn torch Tensor super int bool import class lambda None stride hidden
in_channels width forward training B B2 Net ConvAct kernel kernel_size Chain in_chs O"""


@pytest.mark.parametrize("name", NAMES.split())
def test_a_module_runs_whatever_its_parameters_are_called(name: str) -> None:
    import torch

    for text in (
        f"def b({name}) = {{ (1,{name}) | (3,{name}) (1,4{name}) }}\nb(4) b(6)/2 b(7)",
        f"def {name}(n) = [ (1,2n) (1,2n) (3,n) ]\n{name}(4) {name}(6)/2 {name}(6)",
    ):
        module = build_module(one(f"net Net input 3x8x8\n{text}\nhead: gap fc")).eval()
        assert module(torch.zeros(1, 3, 8, 8)).shape == (1, 1000)


def test_names_are_data() -> None:
    """What could end a string or a line never gets past the lexer into a name."""
    for name in ('"""', "a\\", "a;b", "a#b", "a(b)", 'x"y'):
        report = check(f"net {name}\n(3,8)")
        assert not report.ok or report.networks[0].name in ("a",), name
        report = check(f"def {name}(n) = {{ (3,n) | (1,n) }}\n{name}(3)")
        assert not report.ok, name
        assert not check(f"def f({name}) = {{ (3,8) | (1,8) }}\nf(3)").ok, name


def test_stage_names_that_torch_uses_are_refused() -> None:
    from torch import nn

    for name in dir(nn.Module):
        if not name.startswith("_") and name not in ("T_destination", "dump_patches"):
            (error, *_) = check(f"{name}: (3,8)").errors
            assert error.code == "CTC110", name
