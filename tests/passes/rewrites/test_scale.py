"""All widths by one factor: what changes, what stays, and what cannot be."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import ctcdsl
from ctcdsl.checking import Network
from ctcdsl.metrics import network_cost
from ctcdsl.passes import run_pass
from ctcdsl.passes.rewrites.scale import Scale
from ctcdsl.passes.update_source import update_source
from ctcdsl.text import UserError
from tests.conftest import check, one
from tests.support.carrying import small
from tests.support.rewriting import after, paper, rewritten, row, step, text


def lines(name: str, *passes: str) -> list[str]:
    """The layers of a rewritten network of ours, as they are printed."""
    network = ctcdsl.load(name)
    new = after(network, *passes)
    printed = update_source(network.architecture, new.architecture).origin.source.text
    return [line for line in printed.splitlines() if "(" in line and line[:1] != "#"]


def test_resnet_at_seventy_percent() -> None:
    (note,) = step(ctcdsl.load("resnet50"), "scale:macs=70%").notes
    assert note == (
        "`ResNet50`: 2,843,828,288 MACs, 69.58% of 4,087,136,256: widths ×0.826, multiples of 8"
    )
    assert lines("resnet50", "scale:macs=70%") == [
        "conv1:   (7,56)/2",
        "conv2_x: 3/2 [ (1,56) (3,56) (1,208) ]x3",
        "conv3_x: [ (1,104) (3,104) (1,432) ]x4/2",
        "conv4_x: [ (1,208) (3,208) (1,856) ]x6/2",
        "conv5_x: [ (1,432) (3,432) (1,1704) ]x3/2",
    ]


def test_definitions_stay_and_get_other_arguments() -> None:
    assert lines("mobilenet_v2", "scale:macs=70%") == [
        "def ir(t,n) = [ (1,t*c) (3,dw) (1,round8(w*n),linear) | id? ]",
        "      (3,round8(32*w))/2 (3,dw) (1,round8(16*w),linear)",
        "      ir(6,16)x2/2",
        "      ir(6,24)x3/2",
        "      ir(6,56)x4/2 ir(6,80)x3",
        "      ir(6,128)x3/2 ir(6,264) (1,1064)",
        "head: gap drop(0.2) fc",
    ]
    assert "def dense = { id | (1,112) (3,24) }" in lines("densenet121", "scale:macs=70%")
    assert "conv3: block(112)x4/2" in lines("resnext50_32x4d", "scale:macs=70%")


@pytest.mark.parametrize(
    ("spec", "applied", "wanted"),
    [
        ("(7,64)/2 3/3 (3,256)x3", "scale:macs=50%,stage=2", "(7,64)/2 3/3 (3,152)x2+(3,256)"),
        ("(3,64) (3,128,g32) (1,128)", "scale:macs=60%", "(3,32)+(3,96,g32)+(1,96)"),
        ("(3,48) (3,96,g12) (1,128)", "scale:macs=60%", "(3,24)+(3,72,g12)+(1,104)"),
        ("(3,32) shuffle(4) (1,64)", "scale:macs=50%,multiple=2", "(3,20) shuffle(4) (1,44)"),
        ("(3,64) [ (3,64) (3,64) ]x2", "scale:macs=26%", "(3,32) [ (3,32)x2 ]x2"),
        ("(3,64) (3,4) (3,64)", "scale:macs=75%", "(3,48)+(3,4)+(3,48)"),
        ("(3,64) { (1,8) | (3,16) se(8) }", "scale:macs=200%", "(3,88) { (1,16) | (3,24) se(16) }"),
        ("(3,30) (3,60)", "scale:macs=95%", "(3,30)+(3,56)"),
    ],
)
def test_widths_are_consistent(spec: str, applied: str, wanted: str) -> None:
    assert rewritten(spec, applied) == wanted


def test_what_gives_the_output_stays() -> None:
    rows = text("(3,32)x3\nhead: none", "scale:macs=60%")
    assert rows == "      (3,16)x2+(3,32)\nhead: none\n"
    new = text("(3,32) [ (3,32) ]\nhead: (1,21,linear)", "scale:macs=60%")
    assert new == "      (3,24) [ (3,24) ]\nhead: (1,21,linear)\n"


def test_a_stage_changes_inside_alone() -> None:
    before = ctcdsl.load("resnet50")
    done = step(before, "scale:macs=50%,stage=conv3_x").after
    old, new = before.architecture.stages, done.architecture.stages
    assert [a == b for a, b in zip(old, new, strict=True)] == [True, True, False, True, True]
    assert before.stage(2)[-1].output == done.stage(2)[-1].output


def test_a_definition_of_several_stages_is_written_out_in_one() -> None:
    assert lines("mobilenet_v2", "scale:macs=50%,stage=3")[3:5] == [
        "      [ (1,72) (3,dw)/2 (1,32,linear) | id? ] [ (1,96) (3,dw) (1,32,linear) | id? ]x2",
        "      ir(6,64)x4/2 ir(6,96)x3",
    ]


def test_a_parameter_is_scaled_and_its_given_value_taken() -> None:
    spec = "let w = 32\ninput 3x64x64\npad same\n(3,w) (3,2w)\nhead: gap fc\n"
    assert "\nlet w = 16\n" in "\n" + text(spec, "scale:macs=28%")
    assert "\nlet w = 32\n" in "\n" + text(spec, "scale:macs=28%", values={"w": 64})


def test_a_number_that_is_too_coarse_is_written_out() -> None:
    spec = "let w = 32\ninput 3x64x64\npad same\n(3,w) (3,2w)\nhead: gap fc\n"
    assert text(spec, "scale:macs=50%") == spec.replace("(3,w) (3,2w)", "      (3,24)+(3,40)")


def test_the_definitions_stay_after_other_passes() -> None:
    chain = ("fold-bn", "scale:macs=70%")
    assert lines("mobilenet_v2", *chain) == lines("mobilenet_v2", *chain[::-1])
    assert lines("mobilenet_v2", *chain) == lines("mobilenet_v2", chain[1])


def test_later_passes_update_what_scale_wrote() -> None:
    spec = (
        "def b(n) = [ (3,n) (3,n) ]  # a block\ninput 3x64x64\npad same\na: b(32)x2\n"
        "z: 2/2 (3,64)\nhead: gap fc\n"
    )
    new = text(spec, "scale:macs=60%", "repeat-last:times=1", "scale:macs=70%")
    assert new == (
        "def b(n) = [ (3,n) (3,n) ]  # a block\ninput 3x64x64\npad same\n"
        "a:    b(16)x2\nz:    2/2 (3,64)x2\nhead: gap fc\n"
    )


@pytest.mark.parametrize(
    ("applied", "code", "said"),
    [
        ("scale", "CTC402", "one of `macs` and `params`"),
        ("scale:macs=70%,params=70%", "CTC402", "one of `macs` and `params`"),
        ("scale:macs=much", "CTC402", "`much` is neither a share nor a number of MACs"),
        ("scale:params=0.5", "CTC402", "neither a share nor a number of parameters"),
        ("scale:macs=0%", "CTC402", "neither a share"),
        ("scale:macs=70%,multiple=0", "CTC402", "a multiple must be"),
        ("scale:macs=70%,stage=9", "CTC403", "has no stage 9"),
        ("scale:macs=100%", "CTC405", "costs 5,701,632 MACs already"),
        ("scale:macs=101%", "CTC405", "no width of `N` moves"),
        ("scale:macs=1%", "CTC406", "with the least widths, multiples of 8, `N` still costs"),
        ("scale:macs=70%,stage=1", "CTC405", "no width of stage1 is free"),
    ],
)
def test_what_cannot_be(applied: str, code: str, said: str) -> None:
    network = one(small("[ (3,32) | (1,32) ]\nb: (3,8) (3,32)", pad="same"))
    with pytest.raises(UserError) as caught:
        after(network, applied)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code and said in diagnostic.message


# ------------------------------------------------------------------ properties

WIDTHS = st.sampled_from([8, 12, 16, 24, 32, 48, 64])
BLOCKS = st.sampled_from(
    [
        "({k},{n})",
        "({k},{n})x3",
        "[ (1,{m}) (3,{m}) (1,{n}) ]x2/2",
        "[ (3,{n}) (3,{n}) ]x2",
        "[ (1,3c) (3,dw) se(c/4) (1,{n},linear) | id? ]x2",
        "[ (3,{n}) | (1,{n}) | bn? ]x2",
        "{{ (1,{m}) | (1,{m}) (3,{n}) | 3/1 (1,{n}) }}",
        "{{ id | (1,{m}) (3,{n}) }}x2",
        "(3,dw) (1,{n})",
        "(1,{n}) (3,{n},g4) shuffle(2)",
        "two({n},{m})",
        "(3,w) se(8)",
    ]
)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        numbers = {"k": draw(st.sampled_from([1, 3])), "n": draw(WIDTHS), "m": draw(WIDTHS)}
        parts.append(draw(BLOCKS).format(**numbers))
    head = draw(st.sampled_from(["gap fc", "(1,32) gap fc(24) fc", "none", "(1,5) gap"]))
    joint = draw(st.sampled_from([" ", "\n", " 2/2 "]))
    style = draw(st.sampled_from(["conv-relu", "conv-bn-relu", "bn-relu-conv"]))
    report = check(
        f"input 3x32x32\nclasses 5\nstyle {style}\nlet w = 16\ndef two(n,m) = (3,n) (1,2m)\n"
        f"(3,16) {joint.join(parts)}\nhead: {head}\n"
    )
    assume(report.ok)
    return report.networks[0]


@settings(max_examples=120)
@given(
    before=networks(),
    share=st.sampled_from([30, 60, 85, 120, 180]),
    of=st.sampled_from(["macs", "params"]),
    multiple=st.sampled_from([1, 4, 8]),
    stage=st.sampled_from([None, "1", "2"]),
)
def test_any_network(
    before: Network, share: int, of: str, multiple: int, stage: str | None
) -> None:
    goal = {of: f"{share}%"}
    try:
        done = run_pass(before, Scale(**goal, stage=stage, multiple=multiple))
    except UserError as error:
        event(error.diagnostics[0].code)
        assert error.diagnostics[0].code in ("CTC403", "CTC405", "CTC406")
        return
    event("applies")
    index = None if stage is None else int(stage) - 1
    old, new = (
        sum(
            getattr(layer, of)
            for layer in network_cost(network).layers
            if index in (None, layer.node.stage)
        )
        for network in (before, done.after)
    )
    assert new <= old * share / 100
    assert before.output == done.after.output
    for (_, was), (_, conv) in zip(before.convolutions(), done.after.convolutions(), strict=True):
        assert (was.kernel, was.stride) == (conv.kernel, conv.stride)
        # One filter is depthwise without groups.
        assert (was.groups > 1) == (conv.groups > 1) or conv.filters == 1
        if share < 100:
            assert conv.filters <= was.filters
        else:
            assert conv.filters >= was.filters
    if index is not None:
        for at, node in enumerate(before.architecture.stages):
            assert at == index or done.after.architecture.stages[at] == node
    printed = update_source(before.architecture, done.after.architecture)
    again = one(printed.origin.source.text)
    assert row(again) == row(done.after)


def test_the_paper_s_rows_scale_too() -> None:
    a = paper("(7,64)/2 3/3 (5,128) 2/2 (3,256)x3")
    for share in range(10, 100, 15):
        done = after(a, f"scale:macs={share}%")
        assert done.macs <= a.macs * share / 100 < done.macs * 1.35
