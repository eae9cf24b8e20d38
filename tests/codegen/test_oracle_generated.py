"""Predictions against reality, for networks that Hypothesis makes up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ctcdsl.codegen.load import build_module
from tests.conftest import check
from tests.support.oracle import assert_as_predicted, assert_trains

convolutions = st.builds(
    "({},{}{}){}".format,
    st.sampled_from([1, 2, 3, 5, 7]),
    st.sampled_from([1, 3]),
    st.sampled_from(["", ",p0", ",s2x1", ",d1x2", ",s1x3,d2x1", ",ws"]),
    st.sampled_from(["", "", "/2", "/3", "x2"]),
) | st.builds("({},{},up2)".format, st.integers(2, 5), st.sampled_from([1, 3]))
pools = st.builds(
    "{}({}{}{}{}".format,
    st.sampled_from(["max", "avg"]),
    st.integers(2, 4),
    st.sampled_from(["", ",p1"]),
    st.sampled_from(["", "", ",ceil", ",nocount", ",zeros", ",zeros,ceil"]),
    st.sampled_from([")/1", ")/2", ")/3", ",s2x1)", ",s1x3)"]),
)
rows = st.lists(
    st.one_of(convolutions, convolutions, pools, st.sampled_from(["lrn", "drop(0.3)"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=75)
@given(
    row=rows,
    height=st.integers(9, 40),
    width=st.integers(9, 40),
    pad=st.sampled_from(["same", "paper", "valid", "tf"]),
    head=st.sampled_from(["gap fc", "fc(5) drop(0.2) fc", "spp(2,1) fc(4) fc", "\nhead: none"]),
)
def test_any_chain_is_as_predicted(
    row: list[str], height: int, width: int, pad: str, head: str
) -> None:
    text = f"input 3x{height}x{width}\nclasses 7\npad {pad}\n{' '.join(row)} {head}"
    for network in check(text).networks:
        assert_as_predicted(network, build_module(network).eval())


@st.composite
def convs(draw: st.DrawFn, filters: str | None = None) -> str:
    """A convolution that keeps the map; multiples of four are divided by every group."""
    kernel = draw(st.sampled_from(["1", "3", "5", "1x3", "7x1", "k"]))
    count = filters or draw(st.sampled_from(["4", "8", "12", "n", "2n", "c", "dw"]))
    tags = [
        "d2",
        "d1x2",
        "d(k-1)",
        "linear",
        "bare",
        "relu6",
        "gelu",
        "prelu",
        "elu",
        "bn",
        "ln",
        "bias",
        "nobias",
        "ws",
        "nows",
    ]
    tags += ["g2", "g4", "g(2*2)"] * (count != "dw")
    chosen = draw(st.lists(st.sampled_from(tags), max_size=2, unique_by=lambda tag: tag[0]))
    return f"({','.join([kernel, count, *chosen])})"


words = st.sampled_from(
    [
        "bn",
        "ln",
        "relu",
        "gelu",
        "silu",
        "sigmoid",
        "leaky",
        "hswish",
        "hsigmoid",
        "elu",
        "mish",
        "softplus",
        "prelu",
        "id",
        "scale",
        "grn",
        "lrn",
        "lrn(3,within)",
        "lrn(3,0.01,0.5)",
        "se(c/4)",
        "se(2,silu)",
        "shuffle(2)",
        "drop(0.1)",
        "3/1",
        "avg(3)/1",
        "max(1x3)/1",
        "3/2 up(2)",
        "(3,4)/2 up(2,bilinear)",
    ]
)


@st.composite
def blocks(draw: st.DrawFn, depth: int) -> str:
    """A block whose branches agree: those that are added end in as many filters."""
    if draw(st.booleans()):
        branches = draw(st.lists(chains(depth), min_size=2, max_size=3))
        return f"{{ {' | '.join(branches)} }}"
    if draw(st.integers(0, 3)) == 0:
        word = draw(st.sampled_from(["split", "split(c/4)", "split(1)"]))
        branches = draw(st.lists(chains(depth), min_size=2, max_size=3))
        return f"{word}{{ {' | '.join(branches)} }}"
    filters = draw(st.sampled_from(["8", "n", "c"]))
    if draw(st.integers(0, 3)) == 0:
        word = draw(st.sampled_from(["mul", "max"]))
        ends = [f"{draw(chains(depth))} {draw(convs(filters))}" for _ in range(2)]
        return f"{word}[ {' | '.join(ends)} ]"
    branches = [
        f"{draw(chains(depth))} {draw(convs(filters))}".strip()
        for _ in range(draw(st.integers(1, 2)))
    ]
    kept = st.sampled_from(["id?", "bn?", "relu?", "(1,n)?", "bn scale?", "(3,8) (1,4)?"])
    return f"[ {' | '.join([*branches, *draw(st.lists(kept, max_size=2))])} ]"


def chains(depth: int) -> st.SearchStrategy[str]:
    parts = convs() | convs() | words
    if depth:
        parts = parts | blocks(depth - 1)
    return st.lists(parts, min_size=1, max_size=3).map(" ".join)


@settings(max_examples=30)
@given(
    style=st.sampled_from(
        [
            "conv-relu",
            "conv-bn-relu",
            "conv-bn-silu",
            "bn-relu-conv",
            "relu-conv",
            "conv",
            "conv-ln-gelu",
            "conv-bn-prelu",
            "wsconv-bn-relu",
            "bn-relu-wsconv",
        ]
    ),
    body=blocks(1),
    calls=st.lists(
        st.builds(
            "b({},{}){}".format,
            st.sampled_from([3, 5]),
            st.sampled_from([4, 8]),
            st.sampled_from(["", "/2", "x2", "x2/2"]),
        ),
        min_size=1,
        max_size=3,
    ),
    rest=chains(1),
)
def test_any_blocks_are_as_predicted(style: str, body: str, calls: list[str], rest: str) -> None:
    text = (
        f"style {style}\ninput 4x10x12\nclasses 7\nlet n = 8\nlet k = 3\n"
        f"def b(k,n) = {body}\n{' '.join(calls)}\n{rest}\nhead: gap fc"
    )
    for network in check(text).networks:
        module = build_module(network).eval()
        assert_as_predicted(network, module)
        assert_trains(network, module)
