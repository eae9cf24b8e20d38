"""Parameters and MACs of the networks of specs/, to the last digit, and what their files look like.

The counts are not ours: parameters and MACs are those of the modules of torchvision 0.28 and timm
1.0.31, by hooks on their convolutions and fully connected layers. In the last column are the
billions of MACs that torchvision publishes with its weights.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ctcdsl.metrics import network_cost
from tests.conftest import NETWORKS, load

# name, parameters, MACs of convolutions and of fully connected layers, billions published
TORCHVISION = """
    alexnet_owt              61,100,840     655,566,528  58,621,952    0.714
    convnext_base            88,591,464  15,353,705,472   1,024,000   15.355
    convnext_large          197,767,336  34,359,897,600   1,536,000   34.361
    convnext_small           50,223,688   8,682,944,256     768,000    8.684
    convnext_tiny            28,589,128   4,454,763,264     768,000    4.456
    densenet121               7,978,856   2,833,137,664   1,024,000    2.834
    densenet161              28,681,000   7,725,699,072   2,208,000    7.728
    densenet169              14,149,480   3,358,179,328   1,664,000    3.360
    densenet201              20,013,928   4,289,445,888   1,920,000    4.291
    efficientnet_b0           5,288,548     384,534,752   1,280,000    0.386
    efficientnet_b1           7,794,184     685,522,832   1,280,000    0.687
    efficientnet_b2           9,109,994   1,086,121,456   1,408,000    1.088
    efficientnet_b3          12,233,232   1,825,605,392   1,536,000    1.827
    efficientnet_b4          19,341,616   4,391,979,024   1,792,000    4.394
    efficientnet_b5          30,389,784  10,264,336,752   2,048,000   10.266
    efficientnet_b6          43,040,704  19,065,289,536   2,304,000   19.068
    efficientnet_b7          66,347,960  37,743,324,192   2,560,000   37.746
    efficientnet_v2_l       118,515,272  56,078,419,008   1,280,000   56.080
    efficientnet_v2_m        54,139,356  24,581,180,384   1,280,000   24.582
    efficientnet_v2_s        21,458,488   8,364,337,152   1,280,000    8.366
    googlenet_bn              6,624,904   1,497,352,192   1,024,000    1.498
    inception_v3             23,834,568   5,711,168,096   2,048,000    5.713
    mnasnet0_5                2,218,512     103,175,968   1,280,000    0.104
    mnasnet0_75               3,170,208     214,213,104   1,280,000    0.215
    mnasnet1_0                4,383,312     313,135,872   1,280,000    0.314
    mnasnet1_3                6,282,256     525,082,432   1,280,000    0.526
    mobilenet_v2              3,504,872     299,494,272   1,280,000    0.301
    mobilenet_v3_large        5,483,032     214,080,960   2,508,800    0.217
    mobilenet_v3_small        2,542,856      54,896,576   1,613,824    0.057
    regnet_x_16gf            54,278,536  15,938,707,456   2,048,000   15.941
    regnet_x_1_6gf            9,190,136   1,601,937,792     912,000    1.603
    regnet_x_32gf           107,811,560  31,733,409,792   2,520,000   31.736
    regnet_x_3_2gf           15,296,552   3,175,613,952   1,008,000    3.177
    regnet_x_400mf            5,495,976     413,412,608     400,000    0.414
    regnet_x_800mf            7,259,656     799,027,712     672,000    0.800
    regnet_x_8gf             39,572,648   7,993,212,416   1,920,000    7.995
    regnet_y_128gf          644,812,894 374,562,614,400   7,392,000  374.570
    regnet_y_16gf            83,590,140  15,908,486,272   3,024,000   15.912
    regnet_y_1_6gf           11,202,430   1,611,188,160     888,000    1.612
    regnet_y_32gf           145,046,770  32,275,840,832   3,712,000   32.280
    regnet_y_3_2gf           19,436,338   3,174,970,752   1,512,000    3.176
    regnet_y_400mf            4,344,144     401,402,848     440,000    0.402
    regnet_y_800mf            6,432,512     833,072,256     784,000    0.834
    regnet_y_8gf             39,381,472   8,471,054,592   2,016,000    8.473
    resnet101                44,549,160   7,799,357,440   2,048,000    7.801
    resnet152                60,192,808  11,511,578,624   2,048,000   11.514
    resnet18                 11,689,512   1,813,561,344     512,000    1.814
    resnet34                 21,797,672   3,663,249,408     512,000    3.664
    resnet50                 25,557,032   4,087,136,256   2,048,000    4.089
    resnext101_32x8d         88,791,336  16,411,967,488   2,048,000   16.414
    resnext101_64x4d         83,455,272  15,458,222,080   2,048,000   15.460
    resnext50_32x4d          25,028,904   4,228,431,872   2,048,000    4.230
    shufflenet_v2_x0_5        1,366,792      39,452,448   1,024,000    0.040
    shufflenet_v2_x1_0        2,278,604     143,883,992   1,024,000    0.145
    shufflenet_v2_x1_5        3,503,624     294,735,392   1,024,000    0.296
    shufflenet_v2_x2_0        7,393,996     581,205,464   2,048,000    0.583
    squeezenet1_0             1,248,424     818,924,576           0    0.819
    squeezenet1_1             1,235,496     349,151,936           0    0.349
    vgg11                   132,863,336   7,485,456,384 123,633,664    7.609
    vgg11_bn                132,868,840   7,485,456,384 123,633,664    7.609
    vgg13                   133,047,848  11,184,832,512 123,633,664   11.308
    vgg13_bn                133,053,736  11,184,832,512 123,633,664   11.308
    vgg16                   138,357,544  15,346,630,656 123,633,664   15.470
    vgg16_bn                138,365,992  15,346,630,656 123,633,664   15.470
    vgg19                   143,667,240  19,508,428,800 123,633,664   19.632
    vgg19_bn                143,678,248  19,508,428,800 123,633,664   19.632
    wide_resnet101_2        126,886,696  22,751,002,624   2,048,000   22.753
    wide_resnet50_2          68,883,240  11,395,973,120   2,048,000   11.398
"""
# The same, without a published number of MACs.
TIMM = """
    convmixer_1536_20        51,625,960  51,097,632,768   1,536,000
    convmixer_768_32         21,110,248  20,676,083,712     768,000
    convnext_nano            15,593,560   2,444,888,320     640,000
    convnextv2_nano          15,623,800   2,444,888,320     640,000
    cspdarknet53             27,642,184   6,532,628,480   1,024,000
    cspresnet50              21,616,168   4,516,216,832   1,024,000
    darknet53                41,609,928   9,284,091,904   1,024,000
    ecaresnet50d             25,576,350   4,326,864,640   2,048,000
    efficientnet_es           5,438,392   1,787,451,008   1,280,000
    efficientnet_lite0        4,652,008     383,907,552   1,280,000
    ese_vovnet39b            24,568,936   7,073,169,408   1,024,000
    fasternet_t0              3,905,500     334,142,720   1,280,000
    gernet_m                 21,142,920   3,001,948,544   2,560,000
    inception_next_tiny      28,055,680   4,184,560,800   4,073,472
    inception_resnet_v2      55,843,464  13,154,258,016   1,536,000
    lcnet_100                 2,953,800     154,420,480   1,280,000
    xception                 22,855,952   8,355,355,496   2,048,000
    mambaout_femto            7,304,536   1,146,501,216   1,483,776
    mobilenetv1_100           4,231,976     567,716,352   1,024,000
    mobilenetv4_conv_medium   9,715,512   1,078,964,224   1,280,000
    mobilenetv4_conv_small    3,774,024     184,725,568   1,280,000
    mobileone_s0              5,293,272   1,050,911,232   1,024,000
    mobileone_s1              4,825,192     828,782,080   1,280,000
    poolformer_s12           11,915,176   1,811,755,008     512,000
    repvgg_a0                 9,108,968   1,511,301,120   1,280,000
    repvgg_a1                14,092,264   2,625,208,320   1,280,000
    repvgg_a2                28,210,600   5,683,937,280   1,408,000
    repvgg_b0                15,817,960   3,395,911,680   1,280,000
    repvgg_b1                57,415,016  13,126,041,600   2,048,000
    repvgg_b2                89,022,376  20,415,610,880   2,560,000
    repvgg_b3               123,085,288  29,118,136,320   2,560,000
    resnet50_gn              25,557,032   4,087,136,256   2,048,000
    resnet50d                25,576,264   4,326,776,832   2,048,000
    resnetrs50               35,691,912   2,276,581,376   2,048,000
    resnetv2_50              25,549,352   4,087,136,256   2,048,000
    resnetv2_50d_gn          25,568,584   4,326,776,832   2,048,000
    resnetv2_50x1_bit        25,549,352   4,087,136,256   2,048,000
    selecsls42b              32,458,248   2,970,900,480   1,024,000
    semnasnet_100             3,887,038     310,299,072   1,280,000
    senet154                115,088,984  20,686,315,520   2,048,000
    seresnet50               28,088,024   4,089,651,200   2,048,000
    seresnext50_32x4d        27,559,896   4,230,946,816   2,048,000
    starnet_s1                2,869,168     421,685,376     192,000
    tf_efficientnetv2_b0      7,139,704     526,906,752   1,280,000
    vovnet39a                22,600,296   7,071,203,328   1,024,000
    vovnet57a                36,640,296   8,929,120,256   1,024,000
"""
ROWS = [line.replace(",", "").split() for line in f"{TORCHVISION}{TIMM}".splitlines() if line]
ALIASES = {"googlenet_bn": "googlenet", "xception": "legacy_xception"}
PATHS = {path.stem: path for path in NETWORKS}
OWN = ("specs", "peers", "papers")
"""The folders whose networks are not as a library has them."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_figures_are_those_of_the_reference(row: list[str]) -> None:
    stem, params, macs, macs_fc, *published = row
    network = load(PATHS[stem])
    cost = network_cost(network)
    assert (cost.params, cost.macs, cost.macs_fc) == (int(params), int(macs), int(macs_fc))
    assert network.output == (1000, 1, 1)
    for billions in published:
        assert round((cost.macs + cost.macs_fc) / 1e9, 3) == float(billions)


def test_every_network_has_a_reference() -> None:
    own = {path.stem for path in NETWORKS if path.parent.name in OWN}
    assert len(PATHS) == len(NETWORKS) and len({row[0] for row in ROWS}) == len(ROWS)
    assert {*PATHS} - own == {row[0] for row in ROWS} - {"alexnet_owt", "vgg16"}


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_a_spec_has_at_most_twelve_lines_and_names_its_source(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.strip("# ") for line in lines if line.startswith("#"))
    assert len(lines) <= 12 and lines[0].startswith("# ")
    assert re.search(r"\b(19|20)\d\d\b", comment), "the publication's year"
    if path.parent.name not in OWN:
        assert re.search(rf"\b(torchvision|timm)'s {ALIASES.get(path.stem, path.stem)}\b", comment)
