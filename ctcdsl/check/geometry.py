"""Networks to checked networks: every feature map, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ctcdsl.check.advice import too_large, unsolved, which
from ctcdsl.check.checked import CheckedNetwork, Placed
from ctcdsl.check.padding import Step, fits, maps_of, solve, steps
from ctcdsl.check.problems import Problems
from ctcdsl.ir import (
    Conv,
    Dropout,
    GlobalPool,
    HeadLayer,
    Layer,
    Linear,
    LocalResponseNorm,
    Network,
    PadRule,
    Pool,
    Shape,
    SpatialPyramid,
)
from ctcdsl.text import Severity

_KINDS: dict[type[Layer], str] = {
    Conv: "conv",
    Pool: "pool",
    LocalResponseNorm: "lrn",
    Dropout: "drop",
    GlobalPool: "gap",
    SpatialPyramid: "spp",
    Linear: "fc",
}


def check_network(network: Network, problems: Problems) -> CheckedNetwork | None:
    """Place every layer of a network; None where an error was found."""
    trunk = steps(network)
    paddings = _paddings(network, trunk, problems)
    if paddings is None:
        return None
    names = _Names(network)
    placed: list[Placed] = []
    shape = network.input
    for step, padding, output in zip(trunk, *paddings, strict=True):
        placed.append(
            Placed(
                name=names.next(step.stage, step.layer),
                stage=step.stage,
                layer=step.layer,
                input=shape,
                output=output,
                padding=padding,
            )
        )
        shape = output
    vector = False
    for layer in network.head.layers:
        after = _head_output(layer, shape, network, problems)
        if after is None:
            return None
        name = names.next(None, layer)
        vector = vector or not isinstance(layer, Dropout)
        placed.append(
            Placed(name=name, stage=None, layer=layer, input=shape, output=after, vector=vector)
        )
        shape = after
    return CheckedNetwork(network=network, layers=tuple(placed))


class _Names:
    """Names layers `stage.kind`, numbered where a stage has several of the kind."""

    def __init__(self, network: Network) -> None:
        groups = [*network.stage_names, network.head.name]
        layers = [*(stage.layers for stage in network.stages), network.head.layers]
        totals = Counter(
            (group, _KINDS[type(layer)])
            for group, members in zip(groups, layers, strict=True)
            for layer in members
        )
        self._groups = groups
        # A number for each of several, an empty one for a lone layer.
        self._numbers = {
            key: iter(map(str, range(1, count + 1)) if count > 1 else [""])
            for key, count in totals.items()
        }

    def next(self, stage: int | None, layer: Layer) -> str:
        group = self._groups[-1 if stage is None else stage]
        kind = _KINDS[type(layer)]
        return f"{group}.{kind}{next(self._numbers[group, kind])}"


# ---------------------------------------------------------------------- trunk


def _paddings(
    network: Network, trunk: Sequence[Step], problems: Problems
) -> tuple[Sequence[int], Sequence[Shape]] | None:
    """The padding of each trunk layer, the rule's where it serves, else solved; and its map."""
    solving = bool(network.maps) and network.pad is PadRule.PAPER
    missing = next((s for s in trunk if s.rule is None), None)
    if missing is not None and not (solving and missing.wanted is not None):
        _no_rule(missing, problems)
        return None
    if missing is None:
        rule = tuple(step.rule or 0 for step in trunk)
        maps = maps_of(network.input, trunk, rule)
        fine = [fits(step, shape) for step, shape in zip(trunk, maps, strict=False)]
        if len(maps) == len(trunk) and all(fine):
            return rule, maps
        if len(maps) < len(trunk) and all(fine) and not solving:
            too_large(trunk[len(maps)], maps[-1] if maps else network.input, problems)
            return None
    solved = solve(network.input, trunk) if solving else None
    if solved is None:
        unsolved(network, trunk, problems)
        return None
    for k, (step, padding) in enumerate(zip(trunk, solved, strict=True)):
        if padding != step.rule:
            rule_says = f" instead of {step.rule}" if step.rule is not None else ""
            problems.add(
                Severity.NOTE,
                "CTC902",
                f"`{network.name}`: padding {padding}{rule_says} on {which(trunk, k)}, so that"
                " `maps` holds",
                step.layer.origin,
            )
    return solved, maps_of(network.input, trunk, solved)


def _no_rule(step: Step, problems: Problems) -> None:
    layer = step.window
    assert layer is not None
    problems.error(
        "CTC204",
        f"`pad paper` has no padding for {layer.kernel}x{layer.kernel} filters",
        layer.origin,
        hint=f"say it: `({layer.kernel},…,p{(layer.kernel - 1) // 2})`; the paper pads"
        " filters of 1, 2, 3, 5, 7 and 11",
    )


# ----------------------------------------------------------------------- head


def _head_output(
    layer: HeadLayer, shape: Shape, network: Network, problems: Problems
) -> Shape | None:
    match layer:
        case GlobalPool():
            return Shape(shape.channels, 1, 1)
        case SpatialPyramid(levels=levels):
            largest = max(levels)
            if largest > min(shape.height, shape.width):
                problems.error(
                    "CTC202",
                    f"the pyramid level {largest}x{largest} needs a map of at least that size,"
                    f" and gets {shape.height}x{shape.width}",
                    layer.origin,
                    f"`{network.name}` takes the paper's head" if network.head.implied else "",
                    hint="use smaller levels, fewer strides, or a larger input",
                )
                return None
            return Shape(shape.channels * sum(level * level for level in levels), 1, 1)
        case Linear(features=features):
            return Shape(features if features is not None else network.classes, 1, 1)
        case Dropout():
            return shape
