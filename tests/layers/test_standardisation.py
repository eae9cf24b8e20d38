"""Weight standardisation: what is computed, kept, printed, and what rewrites make of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ctcdsl
from ctcdsl.codegen.load import build_module
from ctcdsl.execution.precision import autocast, for_evaluation
from ctcdsl.lowering import lower
from ctcdsl.metrics import network_cost
from ctcdsl.ops.convolution import StdConv2d
from ctcdsl.text import UserError
from tests.conftest import one
from tests.support.carrying import EXACT, differences, small
from tests.support.rewriting import step


def module_of(style: str, tag: str = "") -> nn.Module:
    """A module of convolutions of all kinds, in a style."""
    text = f"style {style}\nnorm groups=4\ninput 3x12x12\nclasses 5\n"
    rows = f"(3,16,s2x1,p2) (3,16,g2,d2,bias,linear) (1x3,dw{tag}) [ (3,8) ]"
    return build_module(one(f"{text}{rows}\nhead: gap fc")).double()


def test_each_filter_is_less_its_mean_over_the_root_of_its_variance_and_eps() -> None:
    """The filters as they are written down in docs/language.md, in a network without `ws`."""
    torch.manual_seed(0)
    module, plain = module_of("wsconv-gn-relu", ",ws(0.01)"), module_of("conv-gn-relu")
    state = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    names = [key for key, tensor in state.items() if tensor.dim() == 4]
    assert len(names) == 5, "the projection is one of them"
    for key in names:
        for each in state[key]:
            deviations = each - each.sum() / each.numel()
            variance = (deviations * deviations).sum() / each.numel()
            each.copy_(deviations / (variance + (0.01 if each.numel() == 3 else 1e-6)) ** 0.5)
    plain.load_state_dict(state)
    images = torch.randn(2, 3, 12, 12, dtype=torch.float64)
    assert torch.allclose(module(images), plain(images), rtol=1e-12, atol=1e-12)


def test_what_autograd_keeps_of_the_weights_is_one_copy() -> None:
    """A plain convolution keeps its weight; this one also the filters made of it."""
    kept: dict[str, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[f"{tensor.data_ptr()}"] = tensor
        return tensor

    network = one("style wsconv\ninput 3x8x8\n(3,40,bias) (5,40,bare)\nhead: none")
    module = build_module(network)
    images = torch.randn(1, 3, 8, 8)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        module(images)
    weights = {p.data_ptr() for p in module.parameters()}
    made = [t for t in kept.values() if t.data_ptr() not in weights and t.numel() >= 40 * 27]
    sizes = [40 * 27, 40 * 40 * 25]
    assert sorted(t.numel() for t in made if t.numel() in sizes) == sizes
    plain = one("style conv\ninput 3x8x8\n(3,40,bias) (5,40,bare)\nhead: none")
    more = ctcdsl.memory(network).training.saved - ctcdsl.memory(plain).training.saved
    statistics = 2 * (40 + 40)
    assert more == 4 * (2 * sum(sizes) + statistics), "in the norm's order, and standardised"


def test_it_costs_what_a_plain_convolution_costs() -> None:
    standardised, plain = (
        network_cost(one(f"style {style} input 3x16x16\n(3,32)/2 [ (3,64) (3,64) ]/2 gap fc"))
        for style in ("wsconv-gn-relu", "conv-gn-relu")
    )
    assert (standardised.macs, standardised.params) == (plain.macs, plain.params)


def test_bfloat16_rounds_the_standardised_filters_not_the_weights() -> None:
    torch.manual_seed(0)
    module = module_of("wsconv-gn-relu").float().eval()
    images = torch.randn(2, 3, 12, 12)
    with torch.inference_mode(), autocast("bf16", torch.device("cpu")):
        assert torch.equal(for_evaluation(module, "bf16")(images), module(images))


@pytest.mark.parametrize(
    ("headers", "row", "printed"),
    [
        ("style wsconv-gn-relu", "(3,32) (3,32,nows) (3,32,ws)x2", "(3,32)+(3,32,nows)+(3,32)x2"),
        ("style conv-bn-relu", "(3,8,ws,linear) (3,8,ws(1e-6))", "(3,8,linear,ws)+(3,8,ws)"),
        ("style conv", "(3,8,ws(1e-8),nobias,g1)", "(3,8,nobias,ws(1e-8))"),
        ("style conv norm wseps=1e-8", "(3,8,ws) (3,8,ws(1e-8))x2", "(3,8,ws)x3"),
        ("style wsconv norm wseps=0.001", "(3,8,ws(1e-6)) (3,8)", "(3,8,ws(1e-6))+(3,8)"),
        ("style gn-relu-wsconv norm groups=4", "(3,8,bare) [ (3,8) ]", "(3,8,bare) [ (3,8) ]"),
        ("style wsconv-relu", "(3,8) (2,8,up2,nows)", "(3,8) (2,8,nows,up2)"),
    ],
)
def test_it_is_printed_again(headers: str, row: str, printed: str) -> None:
    network = one(f"{headers}\ninput 3x16x16\nbody: {row}\nhead: gap fc")
    text = str(network)
    assert f"body: {printed}\n" in text
    assert one(text) == network


def test_a_header_gives_its_eps() -> None:
    network = one("style wsconv-bn-relu\nnorm wseps=1e-8\n(3,8) (3,8,ws(1e-4)) [ (3,16) ]\ngap fc")
    eps = [node.op.eps for node in lower(network).nodes if isinstance(node.op, StdConv2d)]
    assert eps == [1e-8, 1e-4, 1e-8, 1e-8]


@pytest.mark.parametrize(
    ("rows", "style", "applied"),
    [
        ("(3,8) [ (3,8) (1,8) ]x2/2 (3,12,linear) bn relu", "wsconv-bn-relu", "fold-bn"),
        ("(3,8,bare) [ (3,8) (1,8) ]x2 [ (3,12) ]/2", "bn-relu-wsconv", "fold-bn"),
        ("(3,8,ws,nobias) (3,dw,ws(0.01)) (3,12,bare,ws)", "conv-bn-relu", "fold-bn"),
        ("[ (3,8) | (1,8) ] [ (3,8) | (1,8,nows) | bn? ]x2", "wsconv-bn-relu", "repvgg-fuse"),
        ("[ (3,8,ws) | (1x3,8,nobias,ws) ] (3,8,ws)", "conv-relu", "repvgg-fuse"),
        ("(3,8,ws) bn 2/2 (3,12)", "conv-relu", "widen:stage=1,width=20"),
    ],
)
def test_rewrites_keep_its_outputs(rows: str, style: str, applied: str) -> None:
    assert max(differences(small(rows, style=style, pad="same"), applied)) < EXACT


def test_rewrites_leave_no_standardised_filter_behind_that_is_plain_now() -> None:
    before = one(small("(3,8) [ (3,8) (1,12) ]/2", style="wsconv-bn-relu", pad="same"))
    after = step(before, "fold-bn").after
    assert str(after.architecture.style) == "conv-relu"
    assert not any(isinstance(node.op, StdConv2d) for node in lower(after).nodes)
    fused = step(one(small("[ (3,8) | (1,8) ]", style="wsconv-relu")), "repvgg-fuse").after
    assert fused.architecture.style.name == "conv-relu"


@pytest.mark.parametrize(
    ("rows", "applied", "reason"),
    [
        ("(3,8) (3,8,ws)", "widen:stage=1,layer=1,width=20", "`(3,8,ws)` standardises"),
        ("(3,8,ws)", "deepen:stage=1", "has standardised filters, which no weights make"),
    ],
)
def test_rewrites_that_cannot_keep_its_outputs_are_refused(
    rows: str, applied: str, reason: str
) -> None:
    with pytest.raises(UserError, match="standardise") as caught:
        step(one(small(rows)), applied)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "CTC404" and reason in diagnostic.message
    assert any("not standardised" in hint for hint in diagnostic.hints)
