"""What the text of He & Sun 2015 says in numbers, and whether it holds here."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose
from typing import NamedTuple

from paper_figures import MODELS, PEERS, RATIOS, Times, cost, relative

import ctcdsl
from ctcdsl.ir import SpatialPyramid

BASE = "J'"
TITAN, K40 = 6e9, 12e9
"""Bytes of memory of the paper's GPUs."""
STEPS = 75 * 1_281_167 / 128
"""Of 75 epochs on ImageNet."""
DAY = 86_400
NOT_MEASURED = "not measured"


class Claim(NamedTuple):
    """A claim: where it is, what it says, the paper's figure, ours, and whether ours agrees."""

    section: str
    text: str
    paper: str
    here: str
    verdict: str


def claims(times: Times) -> Iterator[Claim]:
    """All claims, in the order of the paper."""
    yield from _complexity()
    yield from _memory()
    yield from _time(times)
    yield Claim("1, 4, 6", "errors on ImageNet", "all of them", NOT_MEASURED, NOT_MEASURED)


def _complexity() -> Iterator[Claim]:
    less = 1 - relative(BASE, "alexnet_ungrouped")
    yield Claim(
        "1, 6",
        "J' has less complexity than AlexNet",
        "40 %",
        f"{100 * less:.0f} %",
        _verdict(less, 0.40, 0.005),
    )
    more = relative("googlenet", "alexnet_ungrouped") - 1
    yield Claim(
        "2",
        "GoogLeNet has more than AlexNet",
        "50 %",
        f"{100 * more:.0f} %",
        _verdict(more, 0.5, 0.05),
    )
    grows = relative(BASE, "A")
    yield Claim("4.7", "J' of A", "0.98", f"{grows:.4f}", _verdict(grows, 0.98, 0.005))
    for name, before in (("B'", "B"), ("D'", "D"), ("E'", "E"), ("J'", "J")):
        ratio = relative(name, before)
        exact = "yes" if ratio == 1 else "but for a padding"
        yield Claim(
            "4.6",
            f"delayed subsampling changes no convolution: {name} of {before}",
            "1",
            f"{ratio:.4f}",
            exact,
        )
    grown = ", ".join(f"{_with_nin(name):.2f}" for name in ("B", "D"))
    yield Claim(
        "4.4",
        "B and D with a 1x1 layer after each 2x2 and 3x3 one, errors, %",
        "37.8 / 16.5, 36.9 / 15.7",
        f"not measured; {grown} times the MACs",
        NOT_MEASURED,
    )
    fc = {cost(name).macs_fc for name in MODELS}
    yield Claim(
        "4.7",
        "all models have the same fc layers, MACs",
        "equal",
        ", ".join(f"{macs:,}" for macs in fc),
        "yes" if len(fc) == 1 else "no",
    )
    bins = sum(level**2 for level in _pyramid())
    yield Claim("5", "bins of the pyramid", "50", str(bins), "yes" if bins == 50 else "no")
    vgg = relative("vgg16", BASE)
    yield Claim("6", "VGG-16 of J'", "over 20", f"{vgg:.1f}", "yes" if vgg > 20 else "no")
    googlenet = relative("googlenet", BASE)
    yield Claim("6", "GoogLeNet of J'", "2.1", f"{googlenet:.2f}", _verdict(googlenet, 2.1, 0.05))


def _with_nin(name: str) -> float:
    """The MACs with a 1x1 layer after each 2x2 and 3x3 one, relative to those without."""
    before = cost(name).network
    after = ctcdsl.rewrite(before, "nin").network
    return ctcdsl.cost(after).relative_to(cost(name))


def _pyramid() -> tuple[int, ...]:
    (levels,) = (
        node.layer.levels
        for node in cost("A").network.nodes
        if isinstance(node.layer, SpatialPyramid)
    )
    return levels


def _memory() -> Iterator[Claim]:
    memory = {name: ctcdsl.memory(cost(name).network, batch=128).training for name in MODELS}
    deeper = [name for name in MODELS if cost(name).depth > cost("A").depth]
    kept = {name: memory[name].saved / 128 / 1e6 for name in ("A", *deeper)}
    peak = {name: memory[name].peak / 1e9 for name in ("A", *deeper)}
    for what, unit, values in (
        ("values kept for the backward pass of an image", "MB", kept),
        ("peak of a training step of 128 images", "GB", peak),
    ):
        base, *others = values.values()
        yield Claim(
            "7",
            f"the deeper models take more memory than A: {what}",
            "more",
            f"A {base:.2f} {unit}, they {min(others):.2f} to {max(others):.2f}",
            "yes" if min(others) > base else "not all",
        )
    fits = memory[BASE].peak
    verdict = "yes" if fits < TITAN else "no"
    yield Claim("6", "J' trains on 128 images in 6 GB", "yes", f"{fits / 1e9:.1f} GB", verdict)
    vgg = (ctcdsl.memory(cost("vgg16").network, batch=batch) for batch in (128, 64))
    whole, half = (memory.training.peak / 1e9 for memory in vgg)
    fitting = "in part" if whole < K40 / 1e9 else "yes"
    yield Claim(
        "6",
        "VGG-16 does not on 128 images in 12 GB, but does on 64",
        "no",
        f"{whole:.1f} GB, {half:.1f} GB",
        fitting,
    )


def _time(times: Times) -> Iterator[Claim]:
    seconds, _ = RATIOS[BASE]
    theirs, ours = (STEPS * each / DAY for each in (seconds, times.seconds(BASE, "train")))
    here = f"{theirs:.1f} days by its {seconds} s; {ours:.0f} on one CPU core"
    yield Claim("6", "75 epochs of J' take", "3 to 4 days", here, "by its seconds")
    theirs, ours = (1000 * each / 128 for each in (seconds / 3, times.seconds(BASE, "test")))
    here = f"{theirs:.2f} by a third of its {seconds} s; {ours:.0f} on one CPU core"
    yield Claim("6", "a view of J' takes in the test, ms", "1.0", here, "by its seconds")
    ratio = times.training_over_test()
    yield Claim(
        "3.2",
        "training over testing",
        "roughly 3",
        f"{ratio:.1f}, mean of {len(times.recorded['times'])} networks",
        _verdict(ratio, 3, 0.5),
    )
    own = {name: 100 * times.beside_convolutions(name) for name in MODELS if times.of(name)}
    low, high = min(own.values()), max(own.values())
    yield Claim(
        "3.2",
        "fc and pooling layers take of the time of a model",
        "5 to 10 %",
        f"{low:.0f} to {high:.0f} % of {', '.join(own)}",
        "yes" if low >= 5 and high <= 10 else "more" if high > 10 else "less",
    )
    if times.of("alexnet_ungrouped") is not None:
        faster = 1 - 1 / times.ratio("alexnet_ungrouped")
        yield Claim(
            "1, 6",
            "J' is faster than AlexNet",
            "20 %",
            f"{100 * faster:.0f} %",
            "yes, by more" if faster > 0.25 else _verdict(faster, 0.2, 0.05),
        )
    agree = [
        name
        for name in PEERS
        if times.of(name) and isclose(times.ratio(name), RATIOS[name][1], rel_tol=0.15)
    ]
    measured = sum(times.of(name) is not None for name in PEERS)
    names = ", ".join(cost(name).network.name for name in agree)
    yield Claim(
        "6",
        "seconds relative to J', Tables 5 and 6",
        "10 networks",
        f"of {measured} measured, within 15 %: {names or 'none'}",
        "yes" if len(agree) == len(PEERS) else "in part",
    )


def _verdict(here: float, paper: float, tolerance: float) -> str:
    return "yes" if abs(here - paper) <= tolerance else "no"
