"""Networks to checked networks: every feature map, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ctcdsl.check.checked import CheckedNetwork, Placed
from ctcdsl.check.padding import Step, fits, slide, solve, steps
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
from ctcdsl.text import Label, Severity

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
        maps = _maps(network.input, trunk, rule)
        fine = [fits(step, shape) for step, shape in zip(trunk, maps, strict=False)]
        if len(maps) == len(trunk) and all(fine):
            return rule, maps
        if len(maps) < len(trunk) and all(fine) and not solving:
            _too_large(trunk[len(maps)], maps[-1] if maps else network.input, problems)
            return None
    solved = solve(network.input, trunk) if solving else None
    if solved is None:
        _unsolved(network, trunk, problems)
        return None
    for k, (step, padding) in enumerate(zip(trunk, solved, strict=True)):
        if padding != step.rule:
            rule_says = f" instead of {step.rule}" if step.rule is not None else ""
            problems.add(
                Severity.NOTE,
                "CTC902",
                f"`{network.name}`: padding {padding}{rule_says} on {_which(trunk, k)}, so that"
                " `maps` holds",
                step.layer.origin,
            )
    return solved, _maps(network.input, trunk, solved)


def _maps(input: Shape, trunk: Sequence[Step], paddings: Sequence[int]) -> list[Shape]:
    """The map behind each step, up to the first window that does not fit."""
    maps: list[Shape] = []
    shape = input
    for step, padding in zip(trunk, paddings, strict=True):
        shape = slide(shape, step.layer, padding)
        if shape.height < 1 or shape.width < 1:
            break
        maps.append(shape)
    return maps


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


def _too_large(step: Step, shape: Shape, problems: Problems) -> None:
    layer = step.window
    assert layer is not None
    padding = step.rule or 0
    padded = f", {shape.height + 2 * padding}x{shape.width + 2 * padding} with its padding"
    problems.error(
        "CTC201",
        f"a window of {layer.kernel}x{layer.kernel} does not fit on the"
        f" {shape.height}x{shape.width} map{padded if padding else ''}",
        layer.origin,
        f"gets {shape}",
        hint="use a smaller window, more padding, fewer strides before it, or a larger input",
    )


def _unsolved(network: Network, trunk: Sequence[Step], problems: Problems) -> None:
    """Say which stage misses its `maps`, and the nearest change that would help."""
    rule = tuple(step.rule or 0 for step in trunk)
    maps = _maps(network.input, trunk, rule)
    wrong = next((k for k, m in enumerate(maps) if not fits(trunk[k], m)), len(maps))
    if wrong == len(trunk):  # only a missing rule can bring us here
        wrong = next(k for k, step in enumerate(trunk) if step.rule is None)
    step = trunk[wrong]
    stage = [k for k, s in enumerate(trunk) if s.stage == step.stage and s.wanted is not None]
    got = [_side(maps[k]) for k in stage if k < len(maps)]
    wanted = step.wanted or (trunk[stage[0]].wanted if stage else None)
    if wanted is None or not got:
        _too_large(step, maps[wrong - 1] if wrong else network.input, problems)
        return
    first = trunk[stage[0]]
    before = maps[stage[0] - 1] if stage[0] else network.input
    conv = first.window
    assert conv is not None
    problems.error(
        "CTC203",
        f"stage {step.stage + 1} of `{network.name}` has maps {', '.join(got)} where `maps`"
        f" says {_side(Shape(1, *wanted))}",
        conv.origin,
        f"{got[0]} from {_side(before)}, stride {conv.stride}, padding {rule[stage[0]]}",
        also=_also(trunk, stage, conv.origin.start),
        hint=_nearest(network, trunk, maps),
    )


def _also(trunk: Sequence[Step], stage: Sequence[int], start: int) -> tuple[Label, ...]:
    last = trunk[stage[-1]].layer.origin
    return (Label(last, "the stage's last map"),) if last.start != start else ()


def _nearest(network: Network, trunk: Sequence[Step], maps: Sequence[Shape]) -> str:
    """The hint: the fewest paddings to change, else the `maps` that would describe this."""
    changed = solve(network.input, trunk, free_all=True)
    if changed is not None:
        parts = [
            f"padding {padding} on {_which(trunk, k)}"
            for k, (step, padding) in enumerate(zip(trunk, changed, strict=True))
            if padding != step.rule
        ]
        after = _maps(network.input, trunk, changed)
        stages = {step.stage for step in trunk if step.wanted is not None}
        given = " · ".join(
            " ".join(
                _side(m) for m, s in zip(after, trunk, strict=True) if s.stage == k and s.wanted
            )
            for k in sorted(stages)
        )
        return f"{', '.join(parts)} would give {given}"
    if len(maps) == len(trunk):
        stages = {step.stage for step in trunk if step.wanted is not None}
        common = [
            Counter(
                _side(m) for m, s in zip(maps, trunk, strict=True) if s.stage == k and s.wanted
            ).most_common(1)[0][0]
            for k in sorted(stages)
        ]
        return f"no padding helps; `maps {' '.join(common)}` would describe what it has"
    return "no padding helps: change a stride, a pool or the input"


def _which(trunk: Sequence[Step], index: int) -> str:
    """Name a window of the trunk: repeated layers share their text, so count them."""
    step = trunk[index]
    kind = type(step.layer)
    alike = [k for k, s in enumerate(trunk) if s.stage == step.stage and type(s.layer) is kind]
    what = "convolution" if kind is Conv else "pool"
    return f"{what} {alike.index(index) + 1} of stage {step.stage + 1}"


def _side(shape: Shape) -> str:
    if shape.height == shape.width:
        return str(shape.height)
    return f"{shape.height}x{shape.width}"


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
