"""Predictions against reality: the generated module runs, and its layers are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ctcdsl.checking import Network, check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.ir import (
    Shape,
)
from ctcdsl.text.files import read_source
from tests.conftest import SAMPLE, load, one
from tests.conftest import SPECS as PAPER
from tests.support.oracle import assert_as_predicted, assert_trains

SMALL = [
    "(3,8)x2 gap fc",
    "input 3x32x40\nc1: (3,8) lrn 2/2\nc2: (3,16)x2/2 max(3,p1,ceil)/2\nhead: drop(0.2) fc(10) fc",
    "input 1x47x71\npad valid\n(5,4)/3 avg(3)/2 (2,6)x3 spp(3,2,1) fc",
    "input 3x40x40\nclasses 7\n(11,4)/4 { (1,8) (3,8) }x2/2 max(3,ceil)/2 fc(5) drop(0.1) fc",
    "pad same input 3x17x17\n(4,4,p2) (6,5)/2 max(2,p1)/1\nhead: none",
    "input 3x17x17\n(3,4,p20)/2 (1x3,4,p0x5) (3,8,d2,p9) (1,6,p1) gap fc",
    "input 3x48x48\n(7,4)/2 3/1 (2,8)/3+(2,8)x3 2/1 (2,8)/2 gap fc",
    "input 3x24x33\npad same\n(3,4,s2x1) (3,8,d1x2)x2 max(2,s2x1) (5,8,d2x1,s1x3) avg(3,s1x2) fc",
    "input 3x24x33\npad same\n(3,4) avg(3,nocount)/2 avg(3x2,p1,ceil,nocount,s1x2) fc",
    "input 3x24x33\npad same\n(3,4,linear) max(3,zeros)/2 (3,4) max(3x2,p1,ceil,zeros,s1x2) fc",
    "input 3x24x33\npad tf\n(3,4,linear) max(3,zeros)/2 max(2x3,zeros)/2 (3,4) gap fc",
    "input 3x25x34\npad tf\n(4,4)/3 avg(3)/2 (2,6,bias)x3 max(4,s3x2) (5,8,d2) avg(5)/1 lrn fc",
]

BLOCKS = {
    "branches that begin with activations": "(3,8,linear) [ relu (3,8) | id ] { silu (1,4) | "
    "hswish | id drop(0.5) leaky (3,4) } relu6 relu (3,4)",
    "activations on images": "relu (3,8) { leaky | relu6 (3,4) }",
    "pre-activation": "style bn-relu-conv\n(3,8) [ (3,8)x2 ]x2 [ (3,16)x2 ]x2/2 bn relu",
    "pre-activation without norm": "style relu-conv\n(3,8,linear) [ (3,8)x2 ] { id | (3,4) }",
    "projections by every stride": "style conv-bn-relu\n[ (3,8) ] [ (3,8) ] [ (3,8) ]/2 [ (3,12) ]",
    "projections without a condition": "pad valid\n(3,8) [ (1,8)/2 ] [ (1,8) (1,8) ]",
    "one branch is left": "[ (3,8) | id? ] [ (3,4) | id? ] relu [ id | (3,8)? ] leaky",
    "branches come and go": "def rep = [ (3,8) | (1,8) | bn? ]\nrep x2 rep/2",
    "widths of branches that are left out": "def f(n) = [ (3,8) | (1,n)? | (1,n) (3,12)? ]\n"
    "f(4) f(8) f(8)/2 f(3)",
    "a branch where the stride is 1": "style bn-relu-conv\ndef b(n) = [ (3,4) (1,c) | (1,n)? ]\n"
    "(3,4) b(4) (3,8) b(4)/2 b(8)",
    "a block in a block": "style conv-bn-relu\n[ [ (3,8) ] { (1,4) | (3,8) } (1,8) ]x2 "
    "[ [ (3,16) ] { (1,8) | (3,16) } (1,8) ]/2 { { id | (3,4) } | [ (3,8) ]x2 }",
    "activations alone": "(3,8) [ relu | (3,8,linear)? ] [ (3,8) | relu | relu? ]"
    " [ sigmoid (1,8) tanh ]",
    "identities alone": "(3,4) [ id ] [ id | id? ]x2 { id | id } id",
    "vectors": "style conv-bn-relu\n(3,8) ln relu gap bn relu drop(0.5) ln fc(8) bn tanh"
    " fc(6,linear) relu fc",
    "a global maximum": "(3,8) gmp relu fc",
    "every word": "style conv-ln-gelu\n(3x5,8) se(4) se(2,silu) scale grn zeropad(12) shuffle(4) "
    "bn ln lrn(3,within) lrn(3,0.001,0.5,2) (3,8,g4,d2) (5,dw,bn,silu,bias) (1x7,8,bare) "
    "(3,8,leaky,nobias) max(3x1)/1 avg(1x3,p0)/2 relu sigmoid tanh hswish relu6"
    " leaky silu gelu hsigmoid elu mish softplus prelu id drop(0.3)",
    "learned activations": "style conv-bn-prelu\n(3,8) [ (3,8)x2 ]x2 "
    "[ (3,12) (3,12,linear) prelu ]/2 se(4,prelu) [ (3,12) | id? ] [ (3,8) | id? ]"
    "\nhead: gap prelu fc(6,prelu) fc",
    "learned activations before": "style prelu-conv\n(3,8,linear) [ (3,8)x2 ]x2 [ prelu | (3,8)? ]",
    "U-Net": "style conv-bn-relu\n(3,8)x2 { id | 2/2 (3,12)x2 { id | 2/2 (3,16)x2 up(2) (3,12) } "
    "(3,12)x2 up(2,bilinear) (3,8) } (3,8)x2 (1,classes,bare)\nhead: none",
    "kernels as parameters": "def mb(k,t,n) = [ (1,t*c) (k,dw) se(c/4) (1,n,linear) | id? ]\n"
    "style conv-bn-silu\n(3,8) mb(3,1,8) mb(5,6,8) mb(5,4,12)/2 mb(3,2,12)",
    "a head of any layers": "style conv-bn-relu6\n(3,8)/2\nhead: (1,c) [ (3,c) id ]x2 "
    "{ (1,4) | 3/1 } avg(2)/2 [ (3,16) ] se(4) gap bn drop(0.2) fc(c/2) fc",
    "constants": "style conv-gn-relu\nnorm eps=0.001 groups=4\nact slope=0.2\n(3,16)/2 "
    "(3,16,gn(8)) (3,16,gn(16,noaffine),leaky(0.1)) (3,16,bn(noaffine),leaky) "
    "[ (3,16) (3,16,leaky(0.3)) ] gn(2) bn elu(0.5) ln gap fc(8,leaky(0.1)) fc(8,elu) fc",
    "gates": "style conv-bn-relu\n(3,16)/2 se(c/4) se(4,silu) se(4,relu,hsigmoid) se(4,prelu,tanh) "
    "se(4,relu,hsigmoid,nobias) se(4,leaky(0.1)) se(4,nobias) eca eca(5) ese grn",
    "factors": "(3,8) [ (3,8,linear) scale(0.17) ] relu [ (3,8,linear) scale(-1) | id ] scale",
    "pre-activation with group norms": "style gn-silu-conv\nnorm groups=2\n"
    "(3,8,bare) [ (3,8)x2 ]x2/2 gn(4)",
    "standardised filters": "style wsconv-gn-relu\nnorm groups=4 wseps=1e-8\n(3,8)/2 [ (3,8)x2 ]x2 "
    "[ (3x1,16) (3,16,ws(1e-3)) ]/2 (3,dw) (1,16,nows,bias) { (3,8,linear) | (1,8,g2,d2) }",
    "standardised after the norm": "style bn-relu-wsconv\n(3,8,bare) [ (3,8)x2 ] "
    "bn relu [ (1,8,bare) (3,16)/2 | (1,16,bare)/2 ] bn",
    "standardised without a norm": "style wsconv-relu\npad tf\n(4,8)/3 (3,8)/2 (3,8,nows)",
    "stochastic depth": "style conv-bn-relu\n"
    "def mb(n,p) = [ (1,2c) (3,dw) (1,n,linear) depth(p) | id? ]\n"
    "(3,8) mb(8,0.1)x2 mb(12,0.2)/2 [ (3,c) (3,c) depth(0.5) ] "
    "[ relu depth(0.1) | (3,c,linear) depth(0.2) ]",
    "a head without fc": "(3,8)\nhead: lrn (2,6,p1) (1,classes,p1) gap",
    "strides of two sides": "style conv-bn-relu\n[ (3,8,s2x1) (3,8,d1x2) ] "
    "[ (3,8,s1x2) | (1,8,s1x2) ] { (3,4,s2x1) | max(3,s2x1) } [ (3,16,s2x2) ]",
    "transposed convolutions": "style conv-bn-relu\n(3,8) { id | 2/2 (3,12) (2,8,up2) } "
    "(3,8,up2) [ (3,8)/2 (4x3,c,up2) | (1,8) ] (5,dw,up2,bn,gelu) (2,6,g2,bare,up2)",
    "transposed before pre-activation": "style bn-relu-conv\n(3,8) (2,4,up2,bias) (3,4)/2",
    "padded as TensorFlow pads": "pad tf style conv-bn-relu6\n(3,8)/2 max(3)/2 "
    "[ (1,16) (3,dw)/2 (1,c,linear) ] [ (1,16) (3,dw) (1,8,linear) | id? ] { (2,4) | 3/1 }",
    "padded after the activation": "pad tf style bn-relu-conv\n(4,8)/3 [ (3,8)/2 (3,8) ] (5,8)/2",
    "pre-activation shared with a projection": "style bn-relu-conv\n(3,8,bare) [ (3,8)x2 ] bn relu "
    "[ (3,16,bare)/2 (3,16) ] [ (3,16)x2 ] bn relu",
    "a split": "style conv-bn-relu\n(3,8) split{ id | (1,c) (3,dw,linear) (1,c) } shuffle(2) "
    "(3,12) split{ id | (1,c) (3,dw,linear) (1,c) } split{ relu | silu | hswish (3,2c) | id }",
    "a split by shares": "def pconv(k) = split(c/4){ (3,c,bare) | id }\n(3,8) pconv(1) (3,16) "
    "pconv(2) split(3){ (1,4) | relu | (3,c,gelu) } split(1){ (1,1) | (3,2) | bn | id }",
    "a split in branches": "[ split(1){ (3,2) | (1,1) } | (3,3,linear) ] { split(1){ id | (3,c) } "
    "| (3,1) }x5 [ split{ split{ id | (3,c) } | (3,c) } (1,8) ]",
    "products": "pad same\ndef lka = mul[ id | (5,dw) (1,c,bare) ]\n(3,8) lka (3,4) lka relu"
    " mul[ (3,6) | (3,6,sigmoid) ] relu6 mul[ id (1,8,linear) | (3,8) | (1x3,8,tanh) ] silu",
    "maxima": "style conv-bn-relu\n(3,8) max[ (3,8) | (1,8,linear) ] leaky "
    "max[ id | relu6 (3,8) | (1,8) | mul[ id | sigmoid ] ] [ max[ id | (3,8) ] | id ]",
    "names": "def class(self, nn, x_, __init, l) = { (1,self) | (1,nn) (3,x_) (1,__init) (3,l) }\n"
    "def Tensor(torch) = { (1,torch) | (3,torch) }\ninitialise: class(1,2,3,4,5) class(6,7,8,9,10)"
    "\nTensor: Tensor(3) Tensor(4)",
}


def small(path: Path) -> Network:
    """The network of a file for the smallest images that it takes, to save time."""
    source = read_source(str(path))
    for side in (64, 128):
        report = check_source(source, input=Shape(3, side, side))
        if report.ok:
            return report.networks[0]
    return load(path)


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_the_networks_of_the_repository_are_as_predicted(path: Path) -> None:
    network = load(path)
    with torch.device("meta"):  # shapes alone: many have weights by the hundred million
        module = build_module(network).eval()
        images = torch.zeros(1, *network.input)
        # Exported first: hooks would be traced with the module.
        exported = torch.export.export(module, (images,))
        outputs = [node.meta["val"] for node in exported.graph.nodes if node.op == "call_function"]
        assert tuple(outputs[-1].shape) == (1, network.classes)
        assert_as_predicted(network, module)


@pytest.mark.parametrize(
    "path", [path for path in SAMPLE if path not in PAPER[:-1]], ids=lambda path: path.stem
)
def test_the_networks_of_the_repository_run_and_train(path: Path) -> None:
    network = small(path)
    module = build_module(network).eval()
    assert_as_predicted(network, module)
    assert_trains(network, module)


@pytest.mark.parametrize("text", SMALL)
def test_other_networks_are_as_predicted(text: str) -> None:
    network = one(text)
    assert_as_predicted(network, build_module(network).eval())
    assert_trains(network, build_module(network))


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_as_predicted(name: str) -> None:
    head = "" if "fc" in BLOCKS[name] or "head:" in BLOCKS[name] else "\nhead: gap fc"
    network = one(f"input 3x16x20\nclasses 5\n{BLOCKS[name]}{head}")
    module = build_module(network).eval()
    exported = torch.export.export(module, (torch.zeros(1, 3, 16, 20),))
    images = torch.randn(1, 3, 16, 20)
    assert torch.equal(exported.module()(images), module(images))
    assert_as_predicted(network, module)
    assert_trains(network, module)


def test_a_module_trains_in_channels_last() -> None:
    module = build_module(one(SMALL[1]))
    # torch's stubs know no overload with the memory format alone.
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(4, 3, 32, 40).to(memory_format=torch.channels_last)
    plain = build_module(one(SMALL[1]))
    plain.load_state_dict(module.state_dict())
    assert torch.allclose(module.eval()(images), plain.eval()(images), atol=1e-5)
    module.train()(images).square().sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("text", [SMALL[0], SMALL[1], SMALL[5]])
def test_a_module_exports(text: str) -> None:
    network = one(text)
    module = build_module(network).eval()
    images = torch.randn(2, *network.input)
    exported = torch.export.export(module, (images,))
    assert torch.equal(exported.module()(images), module(images))


def test_weights_start_with_the_papers_deviation_where_that_is_asked_for() -> None:
    torch.manual_seed(0)
    module = build_module(one("input 3x32x32\n(3,64)x3 gap fc(512) fc"))
    module.initialise(std=0.01)  # type: ignore[operator]
    weights = torch.cat([p.flatten() for p in module.parameters() if p.dim() > 1])
    assert abs(weights.mean().item()) < 1e-4
    assert abs(weights.std().item() - 0.01) < 1e-4
    assert all(p.abs().max() == 0 for p in module.parameters() if p.dim() == 1)


def test_weights_start_with_hes_deviation_and_those_of_the_classifier_small() -> None:
    torch.manual_seed(0)
    module = build_module(one("input 3x32x32\n(3,64)x3 gap fc(512) fc"))
    weight = module.get_parameter("stage1.conv3.weight")
    assert abs(weight.std().item() / (2 / (64 * 9)) ** 0.5 - 1) < 0.02
    assert abs(module.get_parameter("classifier.weight").std().item() - 0.001) < 1e-5
