"""Blocks: what braces and brackets mean, who carries a stride, which shortcut appears."""

from __future__ import annotations

import pytest

from ctcdsl.checking import Network, Node
from ctcdsl.ir import Activation, ActivationLayer, Block, Conv, Shape
from ctcdsl.ir.printer import unparse
from tests.conftest import check, one


def net_of(row: str, style: str = "conv-relu", input: str = "3x32x32") -> Network:
    return one(f"net N\nstyle {style}\ninput {input}\n{row}\nhead: none")


def block(row: str, style: str = "conv-relu") -> Node:
    (block,) = [p for p in net_of(row, style).nodes if isinstance(p.layer, Block)]
    return block


def convs(network: Network) -> list[tuple[str, int, int, int]]:
    """Name, filters, stride, map of each convolution."""
    return [(p.name, c.filters, c.stride[0], p.output.height) for p, c in network.convolutions()]


def codes(row: str, style: str = "conv-relu") -> list[str]:
    return [d.code for d in check(f"style {style}\ninput 3x32x32\n{row}\nhead: none").errors]


# ------------------------------------------------------------------ the joins


def test_braces_concatenate() -> None:
    node = block("(3,8) { (1,4) | (1,2) (3,6) | 3/1 (1,3) }")
    assert node.output == Shape(13, 32, 32)
    assert [len(branch) for branch in node.branches] == [1, 2, 2]
    assert node.activation is None and not node.shortcut


def test_one_branch_in_braces_groups() -> None:
    grouped, plain = net_of("{ (3,8) (3,8) }x2/2"), net_of("(3,8)/2 (3,8)x3")
    assert grouped.architecture == plain.architecture


def test_brackets_add_and_the_activation_moves_behind_the_sum() -> None:
    node = block("(3,8) [ (3,8) (3,8) | (1,8) ]")
    assert node.activation == Activation("relu")
    ends = [branch[-1].layer for branch in node.branches]
    assert all(isinstance(end, Conv) and end.activation is None for end in ends)
    inner = node.branches[0][0].layer
    assert isinstance(inner, Conv) and inner.activation == Activation("relu")


def test_a_linear_end_leaves_no_activation() -> None:
    assert block("(3,8) [ (3,8) (1,8,linear) ]").activation is None
    assert block("(3,8) [ (3,8) (1,8) ]", "bn-relu-conv").activation is None


def test_an_activation_written_last_moves_too() -> None:
    node = block("(3,8) [ (3,8,bare) bn relu ]", "conv-bn-relu")
    assert node.activation == Activation("relu")
    assert not any(isinstance(p.layer, ActivationLayer) for p in node.branches[0])


# ----------------------------------------------------------------- shortcuts


def test_the_shortcut_is_the_identity_where_the_shape_stays() -> None:
    node = block("(3,8) [ (3,8) (3,8) ]")
    assert node.shortcut and node.branches[-1] == ()


@pytest.mark.parametrize(
    ("style", "norm", "bias"),
    [("conv-relu", None, True), ("conv-bn-relu", "bn", False), ("bn-relu-conv", None, False)],
)
def test_the_shortcut_projects_where_the_shape_changes(
    style: str, norm: str | None, bias: bool
) -> None:
    node = block("(3,8) [ (3,16)/2 (3,16) ]", style)
    (projection,) = node.branches[-1]
    assert isinstance(projection.layer, Conv)
    assert projection.layer.kernel == (1, 1) and projection.layer.stride == (2, 2)
    assert (projection.layer.norm_word or None, projection.layer.bias) == (norm, bias)
    assert projection.layer.activation is None
    assert projection.output == node.output == Shape(16, 16, 16)
    assert projection.name == f"{node.name}.shortcut"


def test_an_optional_branch_is_left_out_where_shapes_differ() -> None:
    nodes = [p for p in net_of("(3,8) [ (3,12) | id? ]x2/2").nodes if p.branches]
    assert [len(p.branches) for p in nodes] == [1, 2]
    assert not any(p.shortcut for p in nodes)


# ------------------------------------------------------- strides, repetitions


def test_a_group_s_stride_falls_on_its_first_wide_layer() -> None:
    network = net_of("(3,8) [ (1,4) (3,4) (1,8) ]x2/2")
    strides = [c.stride[0] for _, c in network.convolutions()]
    assert strides == [1, 1, 2, 1, 2, 1, 1, 1]  # the fifth is the projection


def test_every_branch_carries_the_stride() -> None:
    node = block("(3,8) { (1,4) | (1,2) (3,6) | 3/1 (1,3) }/2")
    assert node.output == Shape(13, 16, 16)


def test_postfixes_bind_left_to_right() -> None:
    assert [s for _, _, s, _ in convs(net_of("(3,8)/2x3"))] == [2, 2, 2]
    assert [s for _, _, s, _ in convs(net_of("(3,8)x3/2"))] == [2, 1, 1]


def test_c_is_read_anew_in_each_repetition() -> None:
    network = net_of("(3,8) [ (3,2c) ]x3")
    widths = [f for name, f, _, _ in convs(network) if "shortcut" not in name]
    assert widths == [8, 16, 32, 64]


def test_c_outside_of_brackets_is_what_enters_the_layer() -> None:
    row = "(3,8) (3,2c)x3 { (1,c) (1,2c) } (1,c/2)+(3,c/2) se(c/4) [ (3,c/2) (3,c) ]x(c/16)"
    same = "(3,8) (3,16) (3,32) (3,64) (1,64) (1,128) (1,64) (3,32) se(8) [ (3,16) (3,32) ]x2"
    assert net_of(row).architecture == net_of(same).architecture
    in_head = "net N\ninput 3x32x32\n(3,6) (3,c,g2,bias)\nhead: spp(2,1) fc(c) drop(0.5) fc(c/3) fc"
    assert (
        one(in_head).architecture
        == one(in_head.replace("(c)", "(30)").replace("c/3", "10")).architecture
    )
    widths = one("def two(n) = (3,n) (3,c)\ninput 3x9x9\n(3,4) two(2c)x2\nhead: none")
    assert [f for _, f, _, _ in convs(widths)] == [4, 8, 4, 8, 4]


@pytest.mark.parametrize(
    ("row", "same"),
    [
        ("(3,8) (3,16)x0 (3,c)", "(3,8) (3,8)"),
        ("(3,8)x2x0 (3,8)", "(3,8)"),
        ("3/2x0 (3,8)/2x0 gelu x0 (3,8)", "(3,8)"),
        ("(3,8) { (3,8)x0 | (1,4) }", "(3,8) { id | (1,4) }"),
        ("(3,8) [ (3,8) (3,8) | (1,8)x0? ]", "(3,8) [ (3,8) (3,8) | id? ]"),
        ("(3,8) [ (3,8)x0 { (3,8)x0 } ]", "(3,8) [ id ]"),
        ("(3,8) { (3,8)x0 (1,8)x0 }x3 (3,4)", "(3,8) (3,4)"),
        ("(3,8) { (3,8)x0 | (1,8)x0 }x0", "(3,8)"),
        ("a: (3,8)\nb: (3,8)x0\nc: (3,4)", "a: (3,8)\nc: (3,4)"),
        ("(3,8) 2/2x0 (3,8) 2/2 (3,4)x0", "(3,8) (3,8) 2/2"),
    ],
)
def test_zero_times_is_nothing(row: str, same: str) -> None:
    assert net_of(row).architecture == net_of(same).architecture


def test_a_network_whose_depths_are_zero() -> None:
    text = (
        "let d = 0\nlet w = 0\ndef body(n,k) = [ (3,n)x(d) (k,n) ]x(d+1)\nnet N\ninput 3x16x16\n"
        "a: (3,8) (0,w)x(d) se(w/d)x(d)\nb: (w,w)x(d)\nc: body(8,3)\nhead: gap fc(w)x(d) fc"
    )
    network = one(text)
    lines = unparse(network.architecture).splitlines()[4:]
    assert lines == ["a:    (3,8)", "c:    [ (3,8) ]", "head: gap fc"]
    assert one(unparse(network.architecture)).architecture == network.architecture
    assert codes("(3,8)x0 3/2x0") == ["CTC303"]
    assert codes("(3,8)x0/2 (3,8)") == codes("{ (3,8)x0 }/2 (3,8)") == ["CTC302"]


# -------------------------------------------------------------- definitions


def test_definitions_parameters_and_expressions() -> None:
    text = (
        "let w = 8\nlet twice = 2*w\ndef ir(t,n) = [ (1,t*c) (3,dw) (1,n,linear) | id? ]\n"
        "net N\nstyle conv-bn-relu\ninput 3x32x32\n(3,w) ir(3,twice) ir(c/4+1,twice)\nhead: none"
    )
    network = one(text)
    assert [f for _, f, _, _ in convs(network)] == [8, 24, 24, 16, 80, 80, 16]
    assert [p.name for p in network.nodes][1:] == ["stage1.ir1", "stage1.ir2"]
    inside = check(text.replace("let w = 8", "let w = 8*c"))  # a `let` belongs to no layer
    assert [d.code for d in inside.errors] == ["CTC113"]


def test_a_let_is_overridden() -> None:
    from ctcdsl.checking import check_source
    from ctcdsl.text import Source

    text = "let w = 8\nlet v = w/2\ninput 3x16x16\n(3,w) (3,v)\nhead: none"
    report = check_source(Source("t", text), values={"w": 24})
    assert report.parameters == ("w", "v")
    assert [c.filters for _, c in report.networks[0].convolutions()] == [24, 12]


def test_a_definition_may_use_another_and_hold_several_layers() -> None:
    text = (
        "def conv2(n) = (3,n) (3,n)\ndef down(n) = conv2(n) 2/2\n"
        "input 3x32x32\ndown(8) down(16) conv2(4)x2\nhead: none"
    )
    assert [f for _, f, _, _ in convs(one(text))] == [8, 8, 16, 16, 4, 4, 4, 4]


def test_precedence() -> None:
    row = "let a = 2+3*4-6/2\nlet b = -2*-3\nlet d = 2*a-b+1\n(3,a) (3,b) (3,d)\nhead: none"
    assert [f for _, f, _, _ in convs(one(f"input 3x16x16\n{row}"))] == [11, 6, 17]


# --------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("(3,8) { (3,4) | (3,4)/2 }", "CTC206"),
        ("(3,8) [ (3,8) | (1,4) ]", "CTC206"),
        ("(3,8) [ (3,8) | id ]/2", "CTC206"),
        ("(3,8) (3,9,g2)", "CTC207"),
        ("(3,9) (3,8,g2)", "CTC207"),
        ("(3,9) shuffle(2) (3,8)", "CTC207"),
        ("(3,8) [ (5,8,p0) (5,8,p0) ]", "CTC208"),
        ("(3,8) { (3,4) | id? }", "CTC307"),
        ("(3,8) [ id? | (3,8) ]", "CTC307"),
        ("(3,8) [ (3,8) | (1,8,gelu) ]", "CTC308"),
        ("(3,8) { (3,4) | gap }", "CTC301"),
        ("(3,8) [ (3,8) ]/2/2", "CTC302"),
    ],
)
def test_mistakes(row: str, code: str) -> None:
    assert codes(row) == [code]


def test_a_mistake_in_a_definition_is_reported_once_and_shows_a_call() -> None:
    report = check("def bad(n) = (3,n) (3,c/7)\ninput 3x32x32\nbad(8)x2 bad(8)\nhead: none")
    (error,) = report.errors
    assert error.code == "CTC108" and error.labels[-1].text == "called here"


# ----------------------------------------------------------------- text again


@pytest.mark.parametrize(
    ("row", "written"),
    [
        ("(7,8)/2 [ (1,4) (3,4) (1,8) ]x3/2", "(7,8)/2 [ (1,4) (3,4) (1,8) ]x3/2"),
        ("(3,8) { id | (3,4) }x2", "(3,8) { id | (3,4) }x2"),
        ("(3,8) [ (1,6c) (3,dw) (1,8) ]", "(3,8) [ (1,48) (3,dw) (1,8) ]"),
        ("(3,8,bare) (1x3,8,gelu,nobias,p0x1)", "(3,8,linear)+(1x3,8,p0x1,gelu,nobias)"),
        ("(3,8) lrn(3,0.00005,within) se(c4)", None),
        (
            "(3,8) lrn(3,0.00005,0.75,2,within) se(4,silu) scale shuffle(2) (3,8,d2,g4)",
            "(3,8) lrn(3,5e-5,0.75,2,within) se(4,silu) scale shuffle(2) (3,8,g4,d2)",
        ),
    ],
)
def test_canonical_text(row: str, written: str | None) -> None:
    if written is None:
        assert codes(row)
        return
    network = net_of(row)
    text = unparse(network.architecture)
    assert text.splitlines()[-2].strip() == written
    assert one(text).architecture == network.architecture
