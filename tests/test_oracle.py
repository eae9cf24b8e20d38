"""Predictions against reality: the generated module runs, and its layers are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from conftest import SPECS as PAPER
from conftest import check, load, one
from ctcdsl.check import CheckedNetwork, Placed, check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.cost import network_cost
from ctcdsl.ir import (
    Activate,
    Activation,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Identity,
    Layer,
    Linear,
    LocalResponseNorm,
    Norm,
    Normalise,
    Pool,
    Scale,
    Shape,
    Shuffle,
    SpatialPyramid,
    SqueezeExcite,
)
from ctcdsl.resources import resource
from ctcdsl.text.files import read_source

FILES = sorted(
    path for path in Path(resource("specs")).rglob("*.ctc") if not path.stem.startswith("table")
)

ACTIVATIONS: dict[Activation, str] = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "gelu": "GELU",
    "silu": "SiLU",
    "hswish": "Hardswish",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "leaky": "LeakyReLU",
}

SMALL = [
    "(3,8)x2 gap fc",
    "input 3x32x40\nc1: (3,8) lrn 2/2\nc2: (3,16)x2/2 max(3,p1,ceil)/2\nhead: drop(0.2) fc(10) fc",
    "input 1x47x71\npad valid\n(5,4)/3 avg(3)/2 (2,6)x3 spp(3,2,1) fc",
    "input 3x40x40\nclasses 7\n(11,4)/4 { (1,8) (3,8) }x2/2 max(3,ceil)/2 fc(5) drop(0.1) fc",
    "input 3x17x17\n(4,4,p2) (6,5)/2 max(2,p1)/1\nhead: none",
    "input 3x48x48\n(7,4)/2 3/1 (2,8)/3+(2,8)x3 2/1 (2,8)/2 gap fc",
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
    "every word": "style conv-ln-gelu\n(3x5,8) se(4) se(2,silu) scale shuffle(4) bn ln "
    "lrn(3,within) lrn(3,0.001,0.5,2) (3,8,g4,d2) (5,dw,bn,silu,bias) (1x7,8,bare) "
    "(3,8,leaky,nobias) max(3x1)/1 avg(1x3,p0)/2 relu sigmoid tanh hswish relu6"
    " leaky silu gelu id drop(0.3)",
    "kernels as parameters": "def mb(k,t,n) = [ (1,t*c) (k,dw) se(c/4) (1,n,linear) | id? ]\n"
    "style conv-bn-silu\n(3,8) mb(3,1,8) mb(5,6,8) mb(5,4,12)/2 mb(3,2,12)",
    "names": "def class(self, nn, x_, __init, l) = { (1,self) | (1,nn) (3,x_) (1,__init) (3,l) }\n"
    "def Tensor(torch) = { (1,torch) | (3,torch) }\ninitialise: class(1,2,3,4,5) class(6,7,8,9,10)"
    "\nTensor: Tensor(3) Tensor(4)",
}


def kinds(placed: Placed) -> list[str]:
    """The modules that a layer is made of, in the order in which they run."""
    layer = placed.layer
    match layer:
        case Conv(norm=norm, activation=activation):
            around = [*around_conv(norm, activation)]
            return [*around, "Conv2d"] if layer.preactivation else ["Conv2d", *around]
        case Linear(activation=activation):
            return ["Linear", *around_conv(None, activation)]
        case Pool(reduction=reduction):
            return [f"{reduction.capitalize()}Pool2d"]
        case GlobalPool(reduction=reduction):
            return [f"Adaptive{reduction.capitalize()}Pool2d"]
        case Normalise(norm=norm):
            dimension = "1d" if placed.vector else "2d"
            return ["LayerNorm" if (norm, dimension) == ("ln", "1d") else NORMS[norm] + dimension]
        case Activate(activation=activation):
            return [ACTIVATIONS[activation]]
        case LocalResponseNorm(within=within):
            return ["LocalResponseNorm" + "Within" * within]
        case SqueezeExcite(activation=activation):
            return ["SqueezeExcite" + activation.capitalize() * (activation != "relu")]
        case Identity():
            return []
        case Block():
            return ["block"]
        case _:
            return [OTHERS[type(layer)]]


NORMS: dict[Norm, str] = {"bn": "BatchNorm", "ln": "LayerNorm"}
OTHERS: dict[type[Layer], str] = {
    Dropout: "Dropout",
    SpatialPyramid: "SpatialPyramidPool",
    Scale: "Scale",
    Shuffle: "ChannelShuffle",
}


def around_conv(norm: Norm | None, activation: Activation | None) -> Iterator[str]:
    if norm:
        yield f"{NORMS[norm]}2d"
    if activation:
        yield ACTIVATIONS[activation]


def pieces(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, str, nn.Module]]:
    """Modules that stand for layers and blocks, as (name, kind, module)."""
    for name, child in module.named_children():
        kind = type(child).__name__
        known = kind in {*OTHERS.values(), "LayerNorm2d"} or kind.startswith(
            ("SqueezeExcite", "LocalResponseNorm")
        )
        if known or not (list(child.children()) or kind in ("Flatten", "Identity", "Sequential")):
            torch_s = type(child).__module__.startswith("torch")
            yield prefix + name, kind if known or torch_s else "block", child
            continue
        yield from pieces(child, f"{prefix}{name}.")
        helper = kind.startswith(("Conv", "BnConv", "LnConv")) or kind.endswith("Conv")
        if not type(child).__module__.startswith("torch") and not helper:
            yield prefix + name, "block", child


def assert_as_predicted(checked: CheckedNetwork, module: nn.Module) -> None:
    """Run a forward pass and compare every layer's output and parameters."""
    cost = network_cost(checked)
    ran: list[tuple[str, str, nn.Module, tuple[int, ...]]] = []

    def recorder(name: str, kind: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def record(piece: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
            ran.append((name, kind, piece, tuple(output.shape[1:])))

        return record

    for name, kind, piece in pieces(module):
        piece.register_forward_hook(recorder(name, kind))
    images = torch.randn(1, *checked.network.input)
    before = images.clone()
    with torch.inference_mode():
        scores = module(images)
    assert images.is_meta or torch.equal(images, before), "the images were overwritten"
    at = 0
    for layer in cost.layers:
        placed = layer.placed
        params = 0
        expected = kinds(placed)
        if len(placed.branches) == 1 and placed.activation and ran[at][1] != "block":
            at += 1  # the activation of a block that is a mere chain is a module
        for position, wanted in enumerate(expected):
            name, kind, piece, output = ran[at]
            at += 1
            where = f"{checked.name} {placed.name} ({name})"
            assert kind == wanted, where
            assert name.split(".")[0].rstrip("_") == placed.name.split(".")[0], where
            early = isinstance(placed.layer, Conv) and placed.layer.preactivation
            shape = placed.input if early and position < len(expected) - 1 else placed.output
            assert output in (tuple(shape), (shape.numel,)), where
            if kind != "block":
                params += sum(p.numel() for p in piece.parameters())
        assert params == layer.params, placed.name
    assert at == len(ran)
    assert sum(p.numel() for p in module.parameters()) == cost.params
    if checked.network.head.layers and not checked.nodes[-1].vector:
        return
    if any(isinstance(layer, Linear) for layer in checked.network.head.layers):
        assert scores.shape == (1, checked.output.channels)


def assert_trains(checked: CheckedNetwork, module: nn.Module) -> None:
    """Every parameter gets a gradient, and the images do, and stay as they are."""
    images = torch.randn(2, *checked.network.input, requires_grad=True)
    before = images.detach().clone()
    module.train()(images).square().sum().backward()
    assert torch.equal(images.detach(), before)
    assert images.grad is not None
    missing = [name for name, p in module.named_parameters() if p.grad is None]
    assert not missing


def small(path: Path) -> CheckedNetwork:
    """The network of a file for the smallest images that it takes, to save time."""
    source = read_source(str(path))
    for side in (64, 128):
        report = check_source(source, input=Shape(3, side, side))
        if not report.failed:
            return report.networks[0]
    return load(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_networks_of_the_repository_are_as_predicted(path: Path) -> None:
    checked = load(path)
    with torch.device("meta"):  # shapes alone: many have weights by the hundred million
        module = build_module(checked).eval()
        images = torch.zeros(1, *checked.network.input)
        # Exported first: hooks would be traced with the module.
        exported = torch.export.export(module, (images,))
        outputs = [node.meta["val"] for node in exported.graph.nodes if node.op == "call_function"]
        assert tuple(outputs[-1].shape) == (1, checked.network.classes)
        assert_as_predicted(checked, module)


@pytest.mark.parametrize(
    "path", [path for path in FILES if path not in PAPER[:-1]], ids=lambda path: path.stem
)
def test_the_networks_of_the_repository_run_and_train(path: Path) -> None:
    checked = small(path)
    module = build_module(checked).eval()
    assert_as_predicted(checked, module)
    assert_trains(checked, module)


@pytest.mark.parametrize("text", SMALL)
def test_other_networks_are_as_predicted(text: str) -> None:
    checked = one(text)
    assert_as_predicted(checked, build_module(checked).eval())
    assert_trains(checked, build_module(checked))


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_as_predicted(name: str) -> None:
    head = "" if "fc" in BLOCKS[name] else "\nhead: gap fc"
    checked = one(f"input 3x16x20\nclasses 5\n{BLOCKS[name]}{head}")
    module = build_module(checked).eval()
    exported = torch.export.export(module, (torch.zeros(1, 3, 16, 20),))
    images = torch.randn(1, 3, 16, 20)
    assert torch.equal(exported.module()(images), module(images))
    assert_as_predicted(checked, module)
    assert_trains(checked, module)


# ---------------------------------------------------------- generated networks

convolutions = st.builds(
    "({},{}{}){}".format,
    st.sampled_from([1, 2, 3, 5, 7]),
    st.sampled_from([1, 3]),
    st.sampled_from(["", ",p0"]),
    st.sampled_from(["", "/2", "/3", "x2"]),
)
pools = st.builds(
    "{}({}{}{})/{}".format,
    st.sampled_from(["max", "avg"]),
    st.integers(2, 4),
    st.sampled_from(["", ",p1"]),
    st.sampled_from(["", ",ceil"]),
    st.integers(1, 3),
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
    pad=st.sampled_from(["same", "paper", "valid"]),
    head=st.sampled_from(["gap fc", "fc(5) drop(0.2) fc", "spp(2,1) fc(4) fc", "\nhead: none"]),
)
def test_any_chain_is_as_predicted(
    row: list[str], height: int, width: int, pad: str, head: str
) -> None:
    text = f"input 3x{height}x{width}\nclasses 7\npad {pad}\n{' '.join(row)} {head}"
    for checked in check(text).networks:
        assert_as_predicted(checked, build_module(checked).eval())


@st.composite
def convs(draw: st.DrawFn, filters: str | None = None) -> str:
    """A convolution that keeps the map; multiples of four are divided by every group."""
    kernel = draw(st.sampled_from(["1", "3", "5", "1x3", "7x1", "k"]))
    count = filters or draw(st.sampled_from(["4", "8", "12", "n", "2n", "c", "dw"]))
    tags = ["d2", "linear", "bare", "relu6", "gelu", "bn", "ln", "bias", "nobias"]
    tags += ["g2", "g4"] * (count != "dw")
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
        "id",
        "scale",
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
    ]
)


@st.composite
def blocks(draw: st.DrawFn, depth: int) -> str:
    """A block whose branches agree: those that are added end in as many filters."""
    if draw(st.booleans()):
        branches = draw(st.lists(chains(depth), min_size=2, max_size=3))
        return f"{{ {' | '.join(branches)} }}"
    filters = draw(st.sampled_from(["8", "n", "c"]))
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
    for checked in check(text).networks:
        module = build_module(checked).eval()
        assert_as_predicted(checked, module)
        assert_trains(checked, module)


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


# ------------------------------------------------- numbers against hand-written


class Hand(nn.Module):
    """What a person would write: modules in order, and a function of them."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.m = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


def conv(channels: int, filters: int, kernel: int, stride: int = 1, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(
        channels, filters, kernel, stride, padding=kernel // 2, **{"bias": False, **more}
    )


class Projection(Hand):
    """style conv-bn-relu: [ (1,4) (3,4) (1,8) ]/2"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(
            *(conv(4, 4, 1), bn(4), conv(4, 4, 3, 2), bn(4), conv(4, 8, 1), bn(8)),
            *(conv(4, 8, 1, 2), bn(8)),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e, f, g, h = self.m
        y = f(e(d(c(b(a(x)).relu())).relu()))
        out: Tensor = (y + h(g(x))).relu()
        return out


class Inception(Hand):
    """style conv-relu: { (1,2) | (1,3) (3,4) | 3/1 (1,5) | id }"""

    def __init__(self) -> None:
        more = {"bias": True}
        super().__init__(
            conv(4, 2, 1, **more),
            conv(4, 3, 1, **more),
            conv(3, 4, 3, **more),
            conv(4, 5, 1, **more),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = self.m
        pooled = nn.functional.max_pool2d(x, 3, 1, 1)
        return torch.cat([a(x).relu(), c(b(x).relu()).relu(), d(pooled).relu(), x], 1)


class PreActivation(Hand):
    """style bn-relu-conv: [ (3,6) (3,6) ]/2 [ (3,6) (3,6) ]"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(
            *(bn(4), conv(4, 6, 3, 2), bn(6), conv(6, 6, 3), conv(4, 6, 1, 2)),
            *(bn(6), conv(6, 6, 3), bn(6), conv(6, 6, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e, f, g, h, i = self.m
        y = d(c(b(a(x).relu())).relu()) + e(x)
        out: Tensor = i(h(g(f(y).relu())).relu()) + y
        return out


class MobileGate(Hand):
    """style conv-bn-silu: [ (1,8) (3,dw) se(2) (1,4,linear) | id? ]"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(
            *(conv(4, 8, 1), bn(8), conv(8, 8, 3, groups=8), bn(8)),
            *(conv(8, 2, 1, bias=True), conv(2, 8, 1, bias=True), conv(8, 4, 1), bn(4)),
        )

    def forward(self, x: Tensor) -> Tensor:
        silu = nn.functional.silu
        a, b, c, d, e, f, g, h = self.m
        y = silu(d(c(silu(b(a(x))))))
        gate = torch.sigmoid(f(silu(e(y.mean((2, 3), keepdim=True)))))
        out: Tensor = h(g(y * gate)) + x
        return out


class Reparametrised(Hand):
    """style conv-bn-relu: [ (3,4) | (1,4) | bn? ]"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(conv(4, 4, 3), bn(4), conv(4, 4, 1), bn(4), bn(4))

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e = self.m
        out: Tensor = (b(a(x)) + d(c(x)) + e(x)).relu()
        return out


class Next(Hand):
    """style conv: [ (3,dw) ln (1,4c,gelu) (1,c) scale ]"""

    def __init__(self) -> None:
        more = {"bias": True}
        super().__init__(
            conv(4, 4, 3, groups=4, **more),
            nn.LayerNorm(4, eps=1e-6),
            conv(4, 16, 1, **more),
            conv(16, 4, 1, **more),
            nn.ParameterList([torch.zeros(4, 1, 1)]),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e = self.m
        y = b(a(x).movedim(1, -1)).movedim(-1, 1)
        out: Tensor = x + d(nn.functional.gelu(c(y))) * next(e.parameters())
        return out


class Within(Hand):
    """style conv: lrn(3,0.5,0.75,2,within) lrn(3,0.5,0.75,2) (1,4)"""

    def __init__(self) -> None:
        super().__init__(conv(4, 4, 1, bias=True))

    def forward(self, x: Tensor) -> Tensor:
        around = nn.functional.pad(x * x, (1, 1, 1, 1))
        total = sum(
            around[:, :, i : i + x.shape[2], j : j + x.shape[3]] for i in range(3) for j in range(3)
        )
        y = x / (2 + 0.5 * total / 9) ** 0.75
        near = nn.functional.pad(y * y, (0, 0, 0, 0, 1, 1))
        total = sum(near[:, i : i + 4] for i in range(3))
        out: Tensor = self.m[0](y / (2 + 0.5 * total / 3) ** 0.75)
        return out


class Shared(Hand):
    """style conv: relu [ relu (3,4) | id ] { sigmoid | relu | id } relu leaky"""

    def __init__(self) -> None:
        super().__init__(conv(4, 4, 3, bias=True))

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        y = self.m[0](x.relu()) + x
        z = torch.cat([y.sigmoid(), y.relu(), y], 1)
        return nn.functional.leaky_relu(z.relu(), 0.01)


@pytest.mark.parametrize(
    "hand", [Projection, Inception, PreActivation, MobileGate, Reparametrised, Next, Within, Shared]
)
def test_numbers_are_those_of_a_module_by_hand(hand: type[Hand]) -> None:
    torch.manual_seed(0)
    style, row = (hand.__doc__ or "").split(": ", 1)
    module = build_module(one(f"{style}\ninput 4x9x11\n{row}\nhead: none"))
    other = hand()
    pairs = list(zip(module.parameters(), other.parameters(), strict=True))
    with torch.no_grad():
        for a, b in pairs:
            nn.init.normal_(a)
            b.copy_(a)
    images = torch.randn(2, 4, 9, 11, requires_grad=True)
    again = images.detach().clone().requires_grad_()
    for mode in (True, False):  # training first: it moves the running statistics of norms
        outputs, expected = module.train(mode)(images), other.train(mode)(again)
        torch.testing.assert_close(outputs, expected)
    outputs.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(images.grad, again.grad)
    for a, b in pairs:
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("text", [SMALL[0], SMALL[1], SMALL[5]])
def test_a_module_exports(text: str) -> None:
    checked = one(text)
    module = build_module(checked).eval()
    images = torch.randn(2, *checked.network.input)
    exported = torch.export.export(module, (images,))
    assert torch.equal(exported.module()(images), module(images))


def test_weights_start_as_the_paper_says() -> None:
    torch.manual_seed(0)
    module = build_module(one("input 3x32x32\n(3,64)x3 gap fc(512) fc"))
    weights = torch.cat([p.flatten() for p in module.parameters() if p.dim() > 1])
    assert abs(weights.mean().item()) < 1e-4
    assert abs(weights.std().item() - 0.01) < 1e-4
    assert all(p.abs().max() == 0 for p in module.parameters() if p.dim() == 1)


def test_he_initialisation_keeps_the_variance() -> None:
    torch.manual_seed(0)
    module = build_module(one("input 3x32x32\n(3,64)x3 gap fc(512) fc"))
    initialise = module.initialise
    assert callable(initialise)
    initialise("he")
    weight = module.get_parameter("stage1.2.weight")
    assert abs(weight.std().item() / (2 / (64 * 9)) ** 0.5 - 1) < 0.02
    with pytest.raises(ValueError, match="gaussian"):
        initialise("xavier")
