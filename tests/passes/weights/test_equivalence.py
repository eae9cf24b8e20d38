"""Function-preserving passes, measured in float64 on random weights and statistics."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctcdsl.checking import infer_shapes
from ctcdsl.ir import Block, Conv, Element, NormLayer, replace
from ctcdsl.layers.norms import Norm
from ctcdsl.metrics import network_cost
from ctcdsl.text import UserError
from tests.conftest import check, one
from tests.support.carrying import EXACT, differences, modern, small
from tests.support.rewriting import after, row, step, text

BN = "conv-bn-relu"
PRE = "bn-relu-conv"
FUSE = ["repvgg-fuse"]
RESIDUAL = "(7,8)/2 3/2 [ (1,4) (3,4) (1,16) ]x2 [ (3,24) (3,24) ]x2/2"


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        (small("(7,8)/2 (3,12) (3,16,linear)", style=BN), ["fold-bn"]),
        (small("(7,8)/2 (3,12,bn) (3,16,linear) bn bn relu (1,8,bare) bn"), ["fold-bn"]),
        (small(RESIDUAL, style=BN, pad="same"), ["fold-bn"]),
        (small("(7,8)/2 { (1,4) | (3,6)x2 | 3/1 (1,4) }x2", style=BN, pad="same"), ["fold-bn"]),
        (small("(3,8) [ (1,16) (3,dw) se(4) (1,8,linear) | id? ]", style=BN), ["fold-bn"]),
        (small("(7,8,bare)/2 bn relu { id | (1,8) (3,4) }", style="bn-relu-conv"), ["fold-bn"]),
        (small("(3,8) (1,6) (3,6,bare) (3,dw) [ (3,6) (3,6) ] (1,4)", style=PRE), ["fold-bn"]),
        (small("(3,8) { (3,4) (1,4) | (1,8) [ (1,4) (3,8) ] }x2", style=PRE), ["fold-bn"]),
        (small("a: (3,8)\nb: (3,8)\nc: bn (1,8)\nhead: bn relu gap fc", style=PRE), ["fold-bn"]),
        (small("(3,8) (1,6,bare)\nhead: bn (1,6) bn gap fc", style=BN), ["fold-bn"]),
        (small("(3,8)/2 [ (3,8) | (1,8) | bn? ]x2 [ (3,16) | (1,16) ]/2"), FUSE),
        (small("(3,8) { id | (1,4) [ (3,4) | (1,4) | bn ]x2 } (3,8)", style=BN), FUSE),
        (small("(3,8) [ (1,4) [ (3,4) | (1,4) ]x2 (2,4) (2,8) ]x2", style=BN), FUSE),
        (small("(3,8) [ [ (3,8) | (1,8) ] | id ] [ [ (3,8) | (1,8) ] (2,9,p1) (2,8,p0) ]"), FUSE),
        (small("(3,8) [ [ (3,8,linear) | id ] | (1,8,linear) | (3,8) ]", style=BN), FUSE),
        (small("(3,8) [ (3,9) (1,9) | (1,9) | [ (3,8) | (1,8) ]? ] [ (3,9) | (1,9) ]"), FUSE),
        (small("(3,8) [ (3,8,g4) | (1,8,g4) | id | bn ]", style=BN), ["repvgg-fuse", "fold-bn"]),
        (small("(3,8) [ (3x1,8,p1x0) | (1x3,8,p0x1) ] [ (3,8) ] [ (1,9)/2 ]"), FUSE),
        (small("(3,8) [ (5,8) | (3,8) | (1,8) ] [ (4,8,p0)/4 | (1,8)/4 | (3,8,p1)/4 ]"), FUSE),
        (small("(3,8) (3,8,linear) bn\nhead: bn (1,6) (1,5,bare) bn gap", style=BN), ["fold-bn"]),
        (small("(3,8) [ (3,8) | bn ]\nhead: [ (3,8) | bn ] gap fc", style=BN), ["fold-bn"]),
        (small("(3,8) [ (3,8) | id ]\nhead: [ (3,8) | (1,8) ] gap fc", pad="same"), FUSE),
        (small("(3,8)/2\nhead: (3,6) { (1,4) | id } gap fc"), ["widen:stage=1,width=13"]),
        (small("(7,8)/2 3/3 (2,12)x4 2/1 (2,16)"), ["widen:stage=2,width=20"]),
        (small("(7,8)/2 (3,8)x2", style=BN), ["widen:stage=1,width=9,layer=2"]),
        (small("(3,8) 2/2 (3,8)\nhead: spp(3,2,1) fc(9) drop(0.5) fc"), ["widen:stage=2,width=21"]),
        (small("(3,8)/2 (3,8)/2\nhead: fc(9) fc"), ["widen:stage=1,width=11"]),
        (small("(3,8)/2 (3,8)\nhead: bn relu gmp bn fc"), ["widen:stage=1,width=13"]),
        (small("(3,8) scale avg(2)/2 bn (3,6)", style="bn-relu-conv"), ["widen:stage=1,width=9"]),
        (small("(3,8) lrn(3,within) (3,6)"), ["widen:stage=1,width=31,layer=1"]),
        (small("(7,8)/2 3/3 (2,12)x4 2/1 (2,16)"), ["deepen:stage=2", "deepen:stage=2,layer=3"]),
        (small("(7,8)/2 (2,12)x3 (5,8)"), ["deepen:stage=1,layer=2,size=3", "deepen:stage=1"]),
        (small("(7,8)/2 (2,12)", style=BN), ["deepen:stage=1", "deepen:stage=1,size=4"]),
        (small("(7,8)/2 (3,dw)/2", style="conv-bn-relu6"), ["deepen:stage=1,size=1"]),
        (small("(7,8)/2 (3,8)", pad="valid"), ["deepen:stage=1,size=3", "deepen:stage=1,size=2"]),
        (small("(7,8)/2 3/3 (3,8) 2/2 (2,8)x2"), ["dilate-delay"]),
        (small("(3,8) 3/2 (3,8)/2 2/2 lrn drop(0.5) relu (3x5,8)", pad="same"), ["dilate-delay"]),
        (small("(3,8) max(3,p1)/2 (5,8,d2) avg(3,p1)/3 bn (1,8)", pad="same"), ["dilate-delay"]),
        (small("(4,8,p0) max(3,ceil)/2 (3,8)", pad="same", side=34), ["dilate-delay"]),
        (small("(3,8)x2 2/2 (3,8)", style="bn-relu-conv", pad="same"), ["dilate-delay"]),
        (small("(3,8) 2/2 shuffle(2) ln scale (3,8)", pad="same"), ["dilate-delay"]),
    ],
)
def test_outputs_are_kept(spec: str, passes: list[str]) -> None:
    assert all(difference < EXACT for difference in differences(spec, *passes))


def test_the_norms_of_a_residual_network_are_folded() -> None:
    assert max(differences(modern("resnet18", 64), "fold-bn")) < EXACT


def test_densenet_keeps_the_norms_that_follow_a_concatenation() -> None:
    """Of its 121 norms 58 are between the two convolutions of a dense layer, one in the stem."""
    densenet = modern("densenet121", 64)
    done = step(densenet, "fold-bn")
    assert done.notes[0] == "norms folded: 59"
    before = (conv for _, conv in densenet.convolutions() if conv.norm)
    after_ = (conv for _, conv in done.after.convolutions() if conv.norm)
    assert sum(1 for _ in before) - sum(1 for _ in after_) == 58
    assert max(differences(densenet, "fold-bn")) < EXACT


@pytest.mark.parametrize("style", [BN, PRE])
@pytest.mark.parametrize("applied", ["fold-bn", "repvgg-fuse", "deepen:stage=1,layer=1"])
@pytest.mark.parametrize("affine", [True, False])
def test_a_norm_s_own_constants_are_taken(style: str, applied: str, affine: bool) -> None:
    rows = "(3,8,relu)x2 (3,8,bare) [ (3,8,linear) bn | bn ] relu (1,8)"
    (stage,) = (before := one(small(rows, style=style, pad="same"))).architecture.stages
    norm = Norm.of("bn", eps=0.1, affine=affine)

    def changed(elements: Sequence[Element]) -> tuple[Element, ...]:
        return tuple(
            replace(
                element,
                branches=tuple(
                    replace(branch, elements=changed(branch.elements))
                    for branch in element.branches
                ),
            )
            if isinstance(element, Block)
            else replace(element, norm=norm)
            if isinstance(element, Conv | NormLayer) and element.norm is not None
            else element
            for element in elements
        )

    stages = (replace(stage, elements=changed(stage.elements)),)
    report = infer_shapes(replace(before.architecture, stages=stages))
    if style == PRE and applied != "fold-bn":
        return  # neither applies to what is activated before
    assert max(differences(report.networks[0], applied)) < EXACT


def test_an_activation_stays_before_the_addition() -> None:
    nested = after(one(small("(3,8) [ (1,8) [ (3,8) | (1,8) ] | id ]")), "repvgg-fuse")
    assert row(nested) == "(3,8) [ (1,8) (3,8) id | id ]"


def test_repvgg_is_deployed_with_its_published_parameters() -> None:
    trained = modern("repvgg_a0", 64)
    assert network_cost(trained).params == 9_108_968
    deployed = after(trained, "repvgg-fuse")
    assert network_cost(deployed).params == 8_309_384
    assert row(deployed).startswith("(3,48)/2x2+(3,48)+(3,96)/2+(3,96)x3")
    assert max(differences(trained, "repvgg-fuse")) < EXACT


def test_what_is_written_shows_tags_only_where_they_differ() -> None:
    folded = text(small("(3,8) (3,8,linear)", style=BN), "fold-bn")
    assert folded == small("      (3,8) (3,8,linear)")
    mixed = text(small("(3,8) [ (3,8) | (1,8) ]", style=BN), "repvgg-fuse")
    assert mixed == small("      (3,8)+(3,8,bare,relu,bias)", style=BN)
    both = text(small("(3,8) [ (3,8) | (1,8) ]", style=BN), "repvgg-fuse", "fold-bn")
    assert both == small("      (3,8)x2")


def test_a_definition_goes_with_its_last_use() -> None:
    spec = "def rep(n) = [ (3,n) | (1,n) ]\ndef pair(n) = rep(n)x2\n(3,8) pair(8) pair(4)"
    assert "def" not in text(small(spec), "repvgg-fuse")
    assert text(small(f"def idle = (1,4)\n{spec}"), "repvgg-fuse").count("def") == 1


def test_identities_of_even_size_are_tagged_only_where_the_rule_pads_otherwise() -> None:
    tagged = after(one(small("(7,8)/2 (2,12)x2 (3,8)")), "deepen:stage=1,layer=3")
    assert row(tagged) == "(7,8)/2+(2,12)x2+(2,12,p1)+(2,12,p0)+(3,8)"
    as_ruled = after(one(small("(7,8)/2 (2,12) (3,8)")), "deepen:stage=1,layer=2")
    assert row(as_ruled) == "(7,8)/2+(2,12)x3+(3,8)"


# ------------------------------------------------------------------ properties

CONVS = st.sampled_from(["(3,4)", "(3,6)", "(2,4)", "(2,6)", "(1,5)", "(5,4)", "(3,4)/2"])
TAGGED = st.sampled_from(["(3,6,linear)", "(3,4,relu6)", "(3,4,g2)"])
OTHERS = st.sampled_from(["2/2", "3/2", "avg(2)/2", "lrn", "bn", "relu", "drop(0.5)", "se(2)"])
BLOCKS = st.sampled_from(
    [
        "[ (3,4) | (1,4) ]",
        "[ (3,4) | (1,4) | bn? ]",
        "[ (3,6) (1,6) ]",
        "{ (1,4) | (3,2) }",
        "{ id | (1,4) (3,4) }",
        "[ (1,4) [ (3,4) | (1,4) ] ]",
        "{ (2,4) [ (3,4) | (1,4) | id ] (2,4) | max(3,p1)/1 (1,4) }",
        "[ [ (3,4,linear) | (1,4,linear) ] | bn? ]",
    ]
)
PLAIN = st.sampled_from(["fold-bn", "repvgg-fuse", "dilate-delay"])
DEEPEN = st.sampled_from(["", ",size=2", ",size=3,layer=1"]).map("deepen:stage=1{}".format)
WIDEN = st.sampled_from(["1,width=7", "2,width=7", "1,width=9,layer=1"]).map(
    "widen:stage={}".format
)


@settings(max_examples=40)
@given(
    layers=st.lists(CONVS | TAGGED | OTHERS | BLOCKS, min_size=1, max_size=6),
    style=st.sampled_from(["conv-relu", "conv-bn-relu", "bn-relu-conv", "conv-bn-silu"]),
    pad=st.sampled_from(["paper", "same"]),
    head=st.sampled_from(["gap fc", "spp(2,1) fc(6) fc", "drop(0.5) fc", "bn (1,6) bn gap fc"]),
    passes=st.lists(PLAIN | DEEPEN | WIDEN, min_size=1, max_size=3),
)
def test_every_network_keeps_its_outputs(
    layers: list[str], style: str, pad: str, head: str, passes: list[str]
) -> None:
    spec = small(f"(3,4) {' '.join(layers)}\nhead: {head}", style=style, pad=pad, side=24)
    report = check(spec)
    if not report.ok:
        return
    (network,) = report.networks
    for applied in passes:
        try:
            rewritten = after(network, applied)
        except UserError as error:  # it refuses what it does not understand, and says so
            assert {d.code for d in error.diagnostics} <= {"CTC403", "CTC404", "CTC405", "CTC402"}
            continue
        assert max(differences(network, applied)) < EXACT
        network = rewritten
