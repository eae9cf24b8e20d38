"""Generated modules and images of other sizes than the one they were compiled for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.codegen import generate
from ctcdsl.codegen.load import build_module
from ctcdsl.ir import Linear, Shape, replace
from ctcdsl.resources import resource
from ctcdsl.shapes.resize import bound_to_size
from tests.codegen.test_oracle_generated import blocks, rows
from tests.conftest import SAMPLE, check, load, one

GUARD = r"the (paddings|branches) are for images of \d+x\d+, not of \d+x\d+"


def at(network: Network, height: int, width: int) -> Network | None:
    """The same spec for images of another size; None where it has none."""
    shape = Shape(network.input.channels, height, width)
    report = infer_shapes(network.architecture, input=shape)
    return report.networks[0] if report.ok else None


def with_small_fc(network: Network) -> Network:
    """The network with small fully connected layers: theirs are most of the weights."""
    head = network.architecture.head
    layers = tuple(
        replace(layer, features=16) if isinstance(layer, Linear) and layer.features else layer
        for layer in head.layers
    )
    small = replace(network.architecture, classes=7, head=replace(head, layers=layers))
    return infer_shapes(small).networks[0]


def twin(module: nn.Module, network: Network) -> nn.Module:
    """The module of another network with the weights of `module`."""
    with torch.device("meta"):  # made without numbers, and given these
        other = build_module(network).eval()
    other.load_state_dict(module.state_dict(), assign=True)
    return other


def fixed_map(network: Network) -> Shape | None:
    """The map that the head's fc takes; None where a pool precedes it."""
    first = next((node for node in network.stage(None) if node.vector), None)
    return first.input if first and isinstance(first.layer, Linear) else None


@torch.inference_mode()
def assert_like_compiled_for(network: Network, *sizes: tuple[int, int]) -> list[str]:
    """At each size a module gives, bit for bit, what the same spec compiled for it gives."""
    module = build_module(network).eval()
    outcomes: list[str] = []
    for height, width in sizes:
        images = torch.randn(1, network.input.channels, height, width)
        other = at(network, height, width)
        if Shape(network.input.channels, height, width) == network.input:
            assert module(images).shape[0] == 1
        elif bound_to_size(network):
            with pytest.raises(ValueError, match=GUARD):
                module(images)
            outcomes.append("refused")
        elif other is None:
            outcomes.append("no network")
        elif fixed_map(network) != fixed_map(other):
            assert module(images).shape == (len(images), network.classes)  # averaged
            outcomes.append("other map")
        elif not bound_to_size(other):
            assert torch.equal(module(images), twin(module, other)(images)), (height, width)
            outcomes.append("equal")
    return outcomes


# ------------------------------------------------------------------------ spp


def pyramid(*levels: int) -> nn.Module:
    """The pyramid that a generated module has."""
    text = f"input 3x40x40\nclasses 5\n(3,4) spp({','.join(map(str, levels))}) fc"
    return build_module(one(text)).get_submodule("head.spp")


@pytest.mark.parametrize("size", [(6, 6), (7, 17), (18, 13), (35, 36), (11, 60)])
def test_a_pyramid_covers_maps_of_every_size(size: tuple[int, int]) -> None:
    maps = torch.randn(2, 4, *size)
    expected = []
    for bins in (6, 3, 2, 1):
        (down, high), (across, wide) = ((a // bins, a - (bins - 1) * (a // bins)) for a in size)
        cells = [
            maps[:, :, i * down : i * down + high, j * across : j * across + wide].amax((2, 3))
            for i in range(bins)
            for j in range(bins)
        ]
        assert ((bins - 1) * down + high, (bins - 1) * across + wide) == size
        expected.append(torch.stack(cells, dim=2).flatten(1))
    assert torch.equal(pyramid(6, 3, 2, 1)(maps), torch.cat(expected, dim=1))


def test_a_pyramid_names_the_map_that_is_too_small() -> None:
    for size in ((5, 9), (9, 5), (1, 1)):
        with pytest.raises(
            ValueError, match=f"6x6 bins need .* one of {size[0]}x{size[1]}: the im"
        ):
            pyramid(3, 6)(torch.randn(1, 4, *size))


def test_every_pixel_of_the_last_map_counts() -> None:
    """At 233 to 256 pixels the windows of a 224 image would end before the map does."""
    module = build_module(with_small_fc(load(Path(resource("specs")) / "E.ctc"))).eval()
    trunk = nn.Sequential(*list(module.children())[:-2])
    for side in (233, 256):
        with torch.no_grad():
            maps = trunk(torch.randn(1, 3, side, side))
        maps.requires_grad_()
        pooled = module.get_submodule("head.spp")(maps)
        (gradient,) = torch.autograd.grad(pooled.sum(), maps)
        assert gradient[..., -1].abs().sum() > 0 and gradient[..., -1, :].abs().sum() > 0


PAPERS = "pad paper\ninput 3x64x80\nclasses 5\n(7,8)/2 3/3 (2,8)x2 "


def test_exported_windows_are_numbers() -> None:
    module = build_module(one(f"{PAPERS} spp(3,2,1) fc")).eval()
    for size in ((64, 80), (97, 61)):
        images = torch.randn(2, 3, *size)
        exported = torch.export.export(module, (images,))
        assert torch.equal(exported.module()(images), module(images))
        pools = [node for node in exported.graph.nodes if "pool" in str(node.target)]
        assert len(pools) == 4 and not any("adaptive" in str(node.target) for node in pools)
        assert all(isinstance(n, int) for node in pools for sides in node.args[1:] for n in sides)


def test_sizes_stay_open_in_an_export_without_a_pyramid() -> None:
    blocks = "[ (3,8)x2/2 ] { (1,4) | max(3,ceil)/1 } lrn(3,within) se(4) gap fc"
    module = build_module(one(f"style conv-bn-relu\n{PAPERS} {blocks}".replace("paper", "same")))
    exported = torch.export.export(
        module.eval(),
        (torch.randn(2, 3, 64, 80),),
        dynamic_shapes=({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},),
    )
    for size in ((64, 80), (97, 61), (65, 130)):
        images = torch.randn(2, 3, *size)
        assert torch.equal(exported.module()(images), module(images))


# ---------------------------------------------------------------------- guard


SOLVED = "pad paper\ninput 3x112x112\nclasses 5\nmaps 17\n(7,8)/2 3/1 (2,8)/3+(2,8)x3 gap fc"


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        (SOLVED, "paddings"),
        (SOLVED.replace("maps 17\n", ""), ""),
        (SOLVED.replace("maps 17", "maps 18"), ""),  # the rule's paddings give these
        (SOLVED.replace("(2,8)x3", "(2,8)x2 (2,8,p0)"), ""),  # given, not solved
        ("input 3x64x64\nmaps 16\npad paper\n(5,8)/2 2/2 (4,8) gap fc", "paddings"),  # no rule
        ("pad same\ninput 3x14x14\n(3,8)/2 avg(7)/1 fc", "paddings"),  # the pool's whole map
        ("pad same\ninput 3x14x14\n(3,8)/2 avg(7,p0)/1 gap fc", ""),
        ("input 3x1x1\n[ (3,3)/2 ] gap fc", "branches"),
        ("input 3x2x2\n[ (3,3)/2 ] gap fc", ""),
        ("input 3x1x1\n[ (3,3)/2 | id? ] gap fc", "branches"),
        ("input 3x1x1\n[ (3,3)/2 | id ] gap fc", "branches"),
        ("input 3x1x1\n{ (3,3)/2 | id } gap fc", "branches"),
        ("input 3x1x1\n{ { (3,3) | [ (3,3)/2 ] } } gap fc", "branches"),
        ("input 3x1x1\n[ (3,4) | id? ] [ (3,4) ] gap fc", ""),
        ("input 3x8x8\n[ (3,3)/2 | avg(2)/2? ] gap fc", "branches"),  # left out of odd maps
        ("input 3x9x9\n[ (3,3)/2 | avg(2)/2? ] gap fc", "branches"),
        ("input 3x9x9\n[ (3,3)/2 | avg(2,ceil)/2? ] gap fc", ""),
        ("input 3x9x12\npad paper\n(2,4)x3 max(3,ceil)/2 ln spp(2,1) fc", ""),
    ],
)
def test_a_module_of_one_size_says_so(text: str, bound: str) -> None:
    network = one(text)
    source = generate(network)
    module = build_module(network).eval()
    height, width = network.input[1:]
    images = torch.randn(2, *network.input)
    assert torch.equal(torch.export.export(module, (images,)).module()(images), module(images))
    if bound:
        assert f"The {bound} were chosen for this size; images of another are refused." in source
        message = f"the {bound} are for images of {height}x{width}, not of {height + 2}x{width}"
        with pytest.raises(ValueError, match=f"{message}:.*--input 3x{height + 2}x{width}`"):
            module(torch.randn(2, 3, height + 2, width))
    else:
        assert "raise ValueError" not in source[source.index("def forward_features(self") :]
        assert module(torch.randn(2, 3, height + 2, width)).shape == module(images).shape


def test_compiled_modules_do_as_others_do() -> None:
    torch.compiler.reset()
    module = build_module(one(f"{PAPERS} spp(3,2,1) fc")).eval()
    compiled = torch.compile(module, backend="eager", fullgraph=True, dynamic=False)
    for size in ((64, 80), (97, 61)):
        images = torch.randn(2, 3, *size)
        assert torch.equal(compiled(images), module(images))
    module = build_module(one(SOLVED)).eval()
    compiled = torch.compile(module, backend="eager", dynamic=False)
    images = torch.randn(2, 3, 112, 112)
    assert torch.equal(compiled(images), module(images))
    with pytest.raises(ValueError, match=GUARD):
        compiled(images[..., 1:])


def test_a_fixed_head_is_documented() -> None:
    text = "input 3x32x24\n(3,8)/2 2/2 drop(0.1)"
    fixed = generate(one(f"{text}\nhead: max(2)/2 fc(5) fc"))
    assert "The head takes maps of 4x3 alone" in fixed and "adaptive" not in fixed
    averaged = generate(one(f"{text}\nhead: bn fc(5) fc"))
    assert "head takes maps" not in averaged and "adaptive_avg_pool2d(x, (8, 6))" in averaged
    for head in ("gap fc", "gmp fc", "spp(2,1) fc", "\nhead: none"):
        assert "head takes maps" not in generate(one(f"{text} {head}"))


# ----------------------------------------------------------- as compiled there


FIXED = {"alexnet", "alexnet_owt", "alexnet_ungrouped", "cnn_f", "cnn_m", "cnn_s", "vgg16"}
FIXED |= {"vgg16_bn", "zf_fast"}


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_the_networks_of_the_repository(path: Path) -> None:
    network = with_small_fc(load(path))
    _, height, width = network.input
    if path.stem in ("E_prime", "J_prime"):
        outcomes = assert_like_compiled_for(network, (height, width + 1), (256, 256))
        assert outcomes == ["refused"] * 2
    elif path.stem in FIXED:
        outcomes = assert_like_compiled_for(network, (height + 1, width + 3), (100, 133))
        assert outcomes == ["equal", "other map"]
    elif path.stem in ("J", "sppnet_zf5"):  # their pyramids need larger images
        assert assert_like_compiled_for(network, (223, 256)) == ["equal"]
    else:
        assert assert_like_compiled_for(network, (99, 123), (109, 80)) == ["equal"] * 2


@settings(max_examples=60)
@given(
    row=rows,
    sizes=st.lists(st.tuples(st.integers(7, 40), st.integers(7, 40)), min_size=2, max_size=3),
    pad=st.sampled_from(["same", "paper", "valid"]),
    head=st.sampled_from(["gap fc", "fc(5) fc", "spp(3,1) fc", "gmp fc", "\nhead: none"]),
)
def test_any_chain(row: list[str], sizes: list[tuple[int, int]], pad: str, head: str) -> None:
    (height, width), *others = sizes
    text = f"input 3x{height}x{width}\nclasses 7\npad {pad}\n{' '.join(row)} {head}"
    for network in check(text).networks:
        assert_like_compiled_for(network, *others)


@settings(max_examples=30)
@given(
    style=st.sampled_from(["conv-bn-relu", "conv", "bn-relu-conv"]),
    body=blocks(1),
    calls=st.lists(st.sampled_from(["b(3,4)", "b(3,8)/2", "b(3,8)x2/2"]), min_size=1, max_size=3),
    sizes=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=2, max_size=3),
)
def test_any_blocks(style: str, body: str, calls: list[str], sizes: list[tuple[int, int]]) -> None:
    (height, width), *others = sizes
    text = (
        f"style {style}\ninput 4x{height}x{width}\nclasses 7\nlet n = 8\nlet k = 3\n"
        f"def b(k,n) = {body}\n{' '.join(calls)}\nhead: gap fc"
    )
    for network in check(text).networks:
        assert_like_compiled_for(network, *others)
