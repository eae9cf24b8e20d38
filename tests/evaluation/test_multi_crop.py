"""What views share is computed once, and not a bit changes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.evaluation.multi_crop import MultiCropEvaluator
from ctcdsl.evaluation.shared_layers import Region, Slice, shareable, shared_prefix, unshared
from ctcdsl.evaluation.split import Split, run
from ctcdsl.evaluation.views import centre_place, five_places, views
from ctcdsl.images.colour import Statistics, preprocess
from ctcdsl.images.sampling import Crop
from ctcdsl.ir import Shape
from ctcdsl.resources import resource
from tests.conftest import SAMPLE, load, one

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
STATISTICS = Statistics((120.5, 110.25, 100.125), (60.0, 9.0, 5.0), AXES)
INPUT = partial(preprocess, statistics=STATISTICS, divisor=58.0)


def some_images(*sizes: tuple[int, int]) -> list[Tensor]:
    random = np.random.default_rng(0)
    return [
        torch.from_numpy(random.integers(0, 256, (*size, 3), dtype=np.uint8)).permute(2, 0, 1)
        for size in sizes
    ]


def crops(module: nn.Module, network: Network, *, shared: bool = True) -> MultiCropEvaluator:
    input = network.input
    return MultiCropEvaluator(
        model=module,
        crop=(input.height, input.width),
        places=five_places,
        mirrored=True,
        input=INPUT,
        network=network if shared else None,
    )


def one_by_one(module: nn.Module, images: list[Tensor], crop: Crop) -> Tensor:
    """The test as it was before anything was shared: views cut on the host, all in one batch."""
    inputs = INPUT(torch.cat([views(image, crop) for image in images]))
    logits: Tensor = module(inputs)
    return logits.float().softmax(dim=1).view(len(images), 10, -1).mean(dim=1)


def built(network: Network) -> Any:
    torch.manual_seed(0)
    module = build_module(network)
    module.initialise()  # type: ignore[operator]
    return module.eval()


def same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.view(torch.int32), other.view(torch.int32))


# ------------------------------------------------------------- what is shared


def test_the_paper_s_best_model_shares_its_first_convolution_and_pool() -> None:
    network = load(Path(resource("specs")) / "J_prime.ctc")
    prefix = shared_prefix(network, five_places(256, 256, (224, 224)))
    assert (prefix.layers, prefix.stride, prefix.map) == (2, (2, 2), Shape(64, 107, 107))
    slices = (Slice(0, 0, 0), Slice(1, 0, 16), Slice(2, 16, 0), Slice(3, 16, 16), Slice(4, 8, 8))
    assert prefix.regions == (Region(0, 0, 256, 256, slices),)
    (region,) = prefix.regions
    assert [each[1:] for each in prefix.mirrored(region)] == [
        (0, 16), (0, 0), (16, 16), (16, 0), (8, 8)
    ]  # fmt: skip
    assert prefix.work < 0.5 * prefix.unshared_work


def test_views_share_with_those_whose_offsets_leave_the_same_remainder() -> None:
    network = load(Path(resource("specs")) / "J_prime.ctc")
    prefix = shared_prefix(network, five_places(256, 341, (224, 224)))  # right: 117, centre: 58
    assert prefix.layers == 2
    shared = {tuple(each.view for each in region.slices): region for region in prefix.regions}
    assert set(shared) == {(0, 2, 4), (1, 3)}
    assert shared[1, 3][:4] == (0, 117, 256, 224)
    assert shared[0, 2, 4][:4] == (0, 0, 256, 282), "no further than the views reach"


def test_far_apart_views_do_not_compute_what_lies_between() -> None:
    network = load(Path(resource("specs")) / "J_prime.ctc")
    prefix = shared_prefix(network, five_places(224, 2000, (224, 224)))
    widths = sorted(region.width for region in prefix.regions)
    assert widths == [224, 224, 224]


def test_without_shared_layers_views_are_slices_of_the_image() -> None:
    prefix = unshared(Shape(3, 10, 8), five_places(13, 17, (10, 8)))
    (region,) = prefix.regions
    assert (prefix.layers, prefix.map, region[:4]) == (0, Shape(3, 10, 8), (0, 0, 13, 17))
    assert [each[1:] for each in region.slices] == list(five_places(13, 17, (10, 8)))


def test_one_view_shares_with_none() -> None:
    network = load(Path(resource("specs")) / "J_prime.ctc")
    assert shared_prefix(network, centre_place(256, 256, (224, 224))).layers == 0


@pytest.mark.parametrize(
    ("row", "count"),
    [
        ("(7,8)/2 3/2 (3,8,p1)", 2),
        ("(7,8,p3)/2 3/2 (3,8)", 0),
        ("drop(0.1) (3,8) bn relu 2/2 (3,8,leaky) (3,8,p1)", 6),
        ("(3,8) lrn(3) (3,8)", 1),  # a power: its last bit depends on the place
        ("(3,8,gelu) (3,8)", 0),
        ("(3,8) sigmoid (3,8)", 1),
        ("(3,8) se(4) (3,8)", 1),
        ("(3,8) [ (3,8,p1) ] (3,8)", 1),
        ("(2,8) max(2,ceil)/2 (3,8)", 1),  # a map of 47: the last window of the pool is cut off
        ("(3,8) max(2,ceil)/2 (3,8)", 3),  # a map of 46: `ceil` changes nothing
    ],
)
def test_layers_that_are_the_same_anywhere(row: str, count: int) -> None:
    network = one(f"net N\ninput 3x48x48\npad valid\n{row}\nhead: gap fc\n")
    assert len(shareable(network)) == count


def test_a_stride_that_divides_no_offset_shares_nothing() -> None:
    network = one("net N\ninput 3x28x28\n(4,8,p0)/8 (1,8)\nhead: gap fc\n")
    assert shareable(network)
    assert shared_prefix(network, five_places(33, 33, (28, 28))).layers == 0


def test_sharing_never_costs_more() -> None:
    for path in SAMPLE:
        network = load(path)
        _, high, wide = network.input
        for height, width in ((high, wide), (high + 32, wide + 32), (high + 5, 2 * wide + 1)):
            prefix = shared_prefix(network, five_places(height, width, (high, wide)))
            assert prefix.work <= prefix.unshared_work, path
            held = sorted(each.view for region in prefix.regions for each in region.slices)
            assert held == [0, 1, 2, 3, 4]
            assert prefix.layers or prefix.work == prefix.unshared_work


# --------------------------------------------------------- the module's parts


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_a_module_s_parts_do_what_it_does(path: Path) -> None:
    network = load(path)
    with torch.device("meta"):
        module = build_module(network)
    split = Split.of(module, network)
    assert split is not None
    trunk = sum(node.stage is not None for node in network.nodes)
    assert (split.ends[0], split.ends[-1], len(split.ends)) == (0, len(split.trunk), trunk + 1)
    with torch.device("meta"):
        maps = torch.empty(1, *network.input)
        for node, start, end in zip(network.nodes, split.ends, split.ends[1:], strict=False):
            assert tuple(maps.shape[1:]) == tuple(node.input)
            maps = run(split.trunk[start:end], maps)
            assert tuple(maps.shape[1:]) == tuple(node.output)


def test_another_module_is_not_taken_apart() -> None:
    network = one("net N\ninput 3x16x16\n(3,8,p0) 2/2\nhead: gap fc\n")
    other = built(one("net N\ninput 3x16x16\n(3,8,p0) (3,8) 2/2\nhead: gap fc\n"))
    assert Split.of(other, network) is None
    assert Split.of(nn.Sequential(nn.Flatten()), network) is None
    found = crops(other, network)
    images = some_images((20, 20))
    assert same_bits(found.probabilities(images), one_by_one(other, images, (16, 16)))
    assert "the module is not built as its network is" in found.note


# ------------------------------------------------------------- bit for bit


def test_the_paper_s_best_model_to_the_last_bit() -> None:
    spec = (Path(resource("specs")) / "J_prime.ctc").read_text(encoding="utf-8")
    network = one(f"{spec}head: spp(6,3,2,1) fc(64) fc\n")  # the paper's is large, and not shared
    module = built(network)
    images = some_images((256, 256))
    for layout in (torch.contiguous_format, torch.channels_last):
        module.to(memory_format=layout)
        with torch.inference_mode():
            shared = crops(module, network)
            found = shared.probabilities(images)
            assert [plan.layers for plan in shared._plans.values()] == [2]
            assert shared.note == ""
            assert same_bits(found, one_by_one(module, images, (224, 224)))
            assert same_bits(found, crops(module, network, shared=False).probabilities(images))


ROWS = {
    "J'": "(7,16)/2 3/1 (2,32)/3+(2,32)x3 2/1 (2,32)/2",
    "A": "(7,16)/2 3/3 (5,32,p2) 2/2 (3,32,p1)",
    "alexnet": "(11,16,p0)/4 lrn(5) 3/2 (5,16,g2,p2) lrn(5)",
    "ceil": "(7,16,p0)/2 max(3,ceil)/2 (3,16,p1)",
    "norms": "bn (3,16,p0)/2 ln relu drop(0.5) (3,16,g4,p0) (1,24) avg(2)/2 (3,16,p1)",
    "padded": "(3,16,p1) 2/2 (3,16,p1)",
    "no offset": "(4,16,p0)/8 (1,16)",
    "all": "(3,16,p0) (3,16,p0)",
}
LIKE_J = "\n".join(("net N", "input 3x64x56", "pad paper", ROWS["J'"], "head: gap fc", ""))


@pytest.mark.parametrize(
    ("row", "style"),
    [
        *((row, "conv-relu") for row in ROWS),
        *(("J'", style) for style in ("conv-bn-relu", "bn-relu-conv", "conv-ln-leaky")),
        ("norms", "bn-relu-conv"),
        ("all", "conv-ln-gelu"),
    ],
)
def test_nothing_changes_by_sharing(row: str, style: str) -> None:
    head = "fc(20) drop(0.5) fc" if row == "ceil" else "gap fc"
    heads = f"net N\ninput 3x64x56\nstyle {style}\nclasses 10\npad paper"
    network = one(f"{heads}\n{ROWS[row]}\nhead: {head}\n")
    module = built(network)
    for sizes in (
        [(73, 73)] * 2,
        [(73, 64), (73, 99), (73, 64), (64, 200)],  # of some sizes more is shared than of others
        [(64, 56)],
    ):
        images = some_images(*sizes)
        with torch.inference_mode():
            shared = crops(module, network)
            found = shared.probabilities(images)
            assert shared.note == "", shared.note
            assert same_bits(found, one_by_one(module, images, (64, 56)))


def test_in_bf16_nothing_changes_either() -> None:
    network = one(LIKE_J)
    module = built(network)
    images = some_images((72, 72), (72, 72))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        shared = crops(module, network)
        assert same_bits(shared.probabilities(images), one_by_one(module, images, (64, 56)))
    assert shared.note == ""


class Rounding(nn.Module):
    """A convolution that rounds otherwise on large maps, as another algorithm for them might."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.inner(maps)
        return found * (1 + 2**-20) if maps.shape[2] > 64 else found


def test_where_the_last_bits_would_change_nothing_is_shared() -> None:
    network = one(LIKE_J)
    module = built(network)
    module.stage1[0] = Rounding(module.stage1[0])
    images = some_images((72, 72), (72, 72))
    with torch.inference_mode():
        shared = crops(module, network)
        for _ in range(2):
            assert same_bits(shared.probabilities(images), one_by_one(module, images, (64, 56)))
        calls: list[int] = []
        module.register_forward_hook(lambda *_: calls.append(1))
        assert shared.probabilities(images).shape == (2, 1000)
        assert calls == [1], "not compared again"
        assert shared.note == (
            "the views of some images of 72x72 share no layers: it would change the last bits"
        )


def test_a_forward_of_its_own_is_noticed() -> None:
    network = one(LIKE_J)

    class Own(type(built(network))):  # type: ignore[misc]
        def forward(self, images: Tensor) -> Tensor:
            found: Tensor = super().forward(images) * 2
            return found

    module = built(network)
    module.__class__ = Own
    images = some_images((72, 72))
    with torch.inference_mode():
        shared = crops(module, network)
        assert same_bits(shared.probabilities(images), one_by_one(module, images, (64, 56)))
    assert shared.note == "the views share no layers: the module is more than its layers"
