"""The networks that the paper compares itself with: every convolution, to the last digit."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from ctcdsl.checking import Network, check_source
from ctcdsl.ir import Block, Conv, Dropout, Linear, LocalResponseNorm, Pool
from ctcdsl.ir.printer import unparse
from ctcdsl.metrics import network_cost
from ctcdsl.resources import resource
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text.files import read_source
from tests.conftest import SPACES, load, one

FOLDER = Path(resource("specs"))
LITERATURE = sorted({*FOLDER.glob("*/*.ctc")} - {*SPACES})
"""The specs of networks that are not the paper's own: its peers, and modern ones."""


class Facts(NamedTuple):
    """A network's MACs and parameters, and those of its first fully connected layer (`fc6`).

    `convolutions` are map, parameters and MACs of each. What fc6 holds tells the map
    behind the last pool.
    """

    macs: int
    params: int
    fc6: int
    convolutions: str


ALEXNET = Facts(
    665_784_864,
    60_965_224,
    37_752_832,
    """
     55     34,944   105,415,200
     27    307,456   223,948,800
     13    885,120   149,520,384
     13    663,936   112,140,288
     13    442,624    74,760,192
    """,
)
ALEXNET_UNGROUPED = Facts(
    1_076_634_144,
    62_378_344,
    37_752_832,
    """
     55     34,944   105,415,200
     27    614,656   447,897,600
     13    885,120   149,520,384
     13  1,327,488   224,280,576
     13    884,992   149,520,384
    """,
)
ALEXNET_OWT = Facts(
    655_566_528,
    61_100_840,
    37_752_832,
    """
     55     23,296    70,276,800
     27    307,392   223,948,800
     13    663,936   112,140,288
     13    884,992   149,520,384
     13    590,080    99,680,256
    """,
)
ZF_FAST = Facts(
    1_109_410_944,
    62_357_608,
    37_752_832,
    """
    110     14,208   170,755,200
     26    614,656   415,334,400
     13    885,120   149,520,384
     13  1,327,488   224,280,576
     13    884,992   149,520,384
    """,
)
CNN_F = Facts(
    665_383_680,
    60_834_536,
    37_752_832,
    """
     54     23,296    67,744,512
     27    409,856   298,598,400
     13    590,080    99,680,256
     13    590,080    99,680,256
     13    590,080    99,680,256
    """,
)
CNN_M = Facts(
    1_579_801_632,
    102_908_520,
    75_501_568,
    """
    109     14,208   167,664,672
     26    614,656   415,334,400
     13  1,180,160   199,360,512
     13  2,359,808   398,721,024
     13  2,359,808   398,721,024
    """,
)
CNN_S = Facts(
    2_541_337_632,
    102_908_520,
    75_501_568,
    """
    109     14,208   167,664,672
     33    614,656   669,081,600
     17  1,180,160   340,918,272
     17  2,359,808   681,836,544
     17  2,359,808   681,836,544
    """,
)
SPPNET_O5 = Facts(
    2_874_956_832,
    132_268_648,
    104_861_696,
    """
    109     14,208   167,664,672
     36    614,656   796,262,400
     18  1,180,160   382,205,952
     18  2,359,808   764,411,904
     18  2,359,808   764,411,904
    """,
)
SPPNET_O7 = Facts(
    4_403_780_640,
    136_988_264,
    104_861_696,
    SPPNET_O5.convolutions
    + """
     18  2,359,808   764,411,904
     18  2,359,808   764,411,904
    """,
)
VGG16 = Facts(
    15_346_630_656,
    138_357_544,
    102_764_544,
    """
    224      1,792    86,704,128
    224     36,928 1,849,688,064
    112     73,856   924,844,032
    112    147,584 1,849,688,064
     56    295,168   924,844,032
     56    590,080 1,849,688,064
     56    590,080 1,849,688,064
     28  1,180,160   924,844,032
     28  2,359,808 1,849,688,064
     28  2,359,808 1,849,688,064
     14  2,359,808   462,422,016
     14  2,359,808   462,422,016
     14  2,359,808   462,422,016
    """,
)

PEERS = {
    "alexnet": ALEXNET,
    "alexnet_owt": ALEXNET_OWT,
    "alexnet_ungrouped": ALEXNET_UNGROUPED,
    "cnn_f": CNN_F,
    "cnn_m": CNN_M,
    "cnn_s": CNN_S,
    "sppnet_o5": SPPNET_O5,
    "sppnet_o7": SPPNET_O7,
    "sppnet_zf5": ZF_FAST._replace(params=77_037_672, fc6=52_432_896),
    "vgg16": VGG16,
    "zf_fast": ZF_FAST,
}

# Map, output channels and MACs of each module of GoogLeNet.
GOOGLENET = """
    28  256  128,049,152
    28  480  304,267,264
    14  512   73,608,192
    14  512   87,908,352
    14  512   99,850,240
    14  528  118,515,712
    14  832  169,996,288
     7  832   51,079,168
     7 1024   70,697,984
"""

# What norms say: size, alpha, beta, k, and whether they work within a channel.
CAFFE = (5, 1e-4, 0.75, 1.0, False)
CHATFIELD = (5, 5e-4, 0.75, 2.0, False)
ZEILER = (3, 5e-5, 0.75, 1.0, True)


class Around(NamedTuple):
    """What is beside the convolutions: norms, dropout, and whether pools round up."""

    norms: list[tuple[int, float, float, float, bool]]
    dropped: list[float]
    ceil: bool


AROUND = {
    "alexnet": Around([CAFFE] * 2, [0.5] * 2, True),
    "alexnet_owt": Around([], [0.5] * 2, False),
    "alexnet_ungrouped": Around([CAFFE] * 2, [0.5] * 2, True),
    "cnn_f": Around([CHATFIELD] * 2, [0.5] * 2, True),
    "cnn_m": Around([CHATFIELD] * 2, [0.5] * 2, True),
    "cnn_s": Around([CHATFIELD], [0.5] * 2, True),
    "googlenet": Around([CAFFE] * 2, [0.4], True),
    "sppnet_o5": Around([CAFFE], [0.5] * 2, False),
    "sppnet_o7": Around([CAFFE], [0.5] * 2, False),
    "sppnet_zf5": Around([ZEILER] * 2, [0.5] * 2, True),
    "vgg16": Around([], [0.5] * 2, False),
    "zf_fast": Around([ZEILER] * 2, [0.5] * 2, True),
}


def peer(stem: str) -> Network:
    return load(FOLDER / "peers" / f"{stem}.ctc")


def rows(text: str) -> list[tuple[int, ...]]:
    """The numbers of each line."""
    lines = [line.replace(",", "").split() for line in text.splitlines()]
    return [tuple(map(int, line)) for line in lines if line]


def test_there_are_facts_for_every_peer() -> None:
    stems = {path.stem for path in (FOLDER / "peers").glob("*.ctc")}
    assert stems == {*PEERS, "googlenet"} == set(AROUND)


@pytest.mark.parametrize("stem", PEERS)
def test_figures_of_a_peer(stem: str) -> None:
    cost = network_cost(peer(stem))
    facts = PEERS[stem]
    assert rows(facts.convolutions) == [
        (layer.node.output.height, layer.params, layer.macs)
        for layer in cost.layers
        if isinstance(layer.node.layer, Conv)
    ]
    fc = [layer.params for layer in cost.layers if isinstance(layer.node.layer, Linear)]
    assert fc == [facts.fc6, 16_781_312, 4_097_000]
    assert (cost.macs, cost.params) == (facts.macs, facts.params)


def test_figures_of_googlenet() -> None:
    network = peer("googlenet")
    cost = network_cost(network)
    assert (cost.depth, cost.macs, cost.params) == (57, 1_581_647_872, 6_998_552)
    stem = [node for node in network.stage(0) if isinstance(node.layer, Conv | Pool)]
    assert [node.output.height for node in stem] == [112, 56, 56, 56, 28]
    assert cost.layers[0].macs == 118_013_952
    modules = [node for node in network.nodes if isinstance(node.layer, Block)]
    macs = [
        sum(layer.macs for layer in cost.layers if layer.node.name.startswith(f"{module.name}."))
        for module in modules
    ]
    assert rows(GOOGLENET) == [
        (module.output.height, module.output.channels, count)
        for module, count in zip(modules, macs, strict=True)
    ]


@pytest.mark.parametrize("stem", AROUND)
def test_norms_dropout_and_pools_of_a_peer(stem: str) -> None:
    network = peer(stem)
    layers = [node.layer for node in network.layers]
    norms = [
        (layer.size, layer.alpha, layer.beta, layer.k, layer.within)
        for layer in layers
        if isinstance(layer, LocalResponseNorm)
    ]
    dropped = [layer.probability for layer in layers if isinstance(layer, Dropout)]
    pools = [node for node in network.nodes if isinstance(node.layer, Pool)]
    ceil = {node.layer.ceil for node in pools if isinstance(node.layer, Pool)}
    assert ceil == {AROUND[stem].ceil} and {node.padding for node in pools} == {(0, 0)}
    assert Around(norms, dropped, ceil.pop()) == AROUND[stem]


# --------------------------------------------- the specs of peers and modern networks alike


@pytest.mark.parametrize("path", LITERATURE, ids=lambda path: path.stem)
def test_a_spec_is_canonical(path: Path) -> None:
    source = read_source(str(path))
    tree, errors = parse(source)
    assert not errors and format_file(tree) == source.text


@pytest.mark.parametrize("path", LITERATURE, ids=lambda path: path.stem)
def test_a_spec_is_fine_and_is_read_again_from_its_network(path: Path) -> None:
    report = check_source(read_source(str(path)))
    assert report.diagnostics == ()
    (network,) = report.networks
    assert one(unparse(network.architecture)).architecture == network.architecture


def test_names_are_unique() -> None:
    names = [load(path).name for path in LITERATURE]
    assert len(set(names)) == len(names) == len(LITERATURE)
