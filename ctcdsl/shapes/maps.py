"""`maps`: the paddings that make it hold, and what to say where none do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ctcdsl.ir import Architecture, Block, Conv, PadRule, Pair, Shape, format_sides, replace
from ctcdsl.ir.network import Node
from ctcdsl.layers.base import Context
from ctcdsl.shapes.messages import no_rule
from ctcdsl.shapes.solver import SolverStep, feature_maps, fits, near, solve, solver_steps
from ctcdsl.text import Label, Severity
from ctcdsl.text.sink import Diagnostics


def maps_hold(architecture: Architecture, stage: int, nodes: Sequence[Node]) -> bool:
    """Whether the maps of a stage are what `maps` asks for; not where it has blocks."""
    targeted = 0 < stage <= len(architecture.maps)
    last = True
    for node in reversed(nodes):
        if isinstance(node.layer, Block):
            return False
        if targeted and isinstance(node.layer, Conv):
            if not near(node.output, architecture.maps[stage - 1], last=last):
                return False
            last = False
    return True


def paddings_for_maps(
    architecture: Architecture,
    diagnostics: Diagnostics,
    *,
    paper_holds: bool,
    rule_misses: bool,
) -> dict[tuple[int, int], Pair] | None:
    """The paddings that `maps` changes from the rule's, by stage and index; None if it cannot hold.

    `paper_holds` where `pad paper` would do, instead of the `pad same` that a `style` brought;
    `rule_misses` where the rule's paddings are known to give other maps.
    """
    for index, stage in enumerate(architecture.stages, start=1):
        for element in stage.elements:
            if isinstance(element, Block):
                diagnostics.error(
                    "CTC205",
                    f"`maps` is for rows of layers, and stage {index} of `{architecture.name}`"
                    " contains a block",
                    element.origin,
                    hint="remove `maps`; blocks are padded by the rule, or by `p` tags",
                )
                return None
    trunk = solver_steps(architecture)
    solving = architecture.pad is PadRule.PAPER
    missing = next((step for step in trunk if step.rule is None), None)
    if missing is not None and missing.window and not (solving and missing.target is not None):
        no_rule(missing.window, architecture.pad, diagnostics)
        return None
    if missing is None and not (solving and rule_misses):
        rule = tuple(step.rule or (0, 0) for step in trunk)
        maps = feature_maps(architecture.input, trunk, rule)
        ok = all(fits(step, shape) for step, shape in zip(trunk, maps, strict=False))
        if len(maps) == len(trunk) and ok:
            return {}
        if len(maps) < len(trunk) and ok and not solving:
            _too_large(architecture, trunk, maps, len(maps), diagnostics)
            return None
    solved = solve(architecture.input, trunk) if solving else None
    if solved is None:
        _unsolved(architecture, trunk, diagnostics, paper_holds=paper_holds)
        return None
    paddings: dict[tuple[int, int], Pair] = {}
    places = [
        (k, i) for k, stage in enumerate(architecture.stages) for i in range(len(stage.elements))
    ]
    for k, (step, padding) in enumerate(zip(trunk, solved, strict=True)):
        if padding != step.rule:
            instead = f" instead of {format_sides(step.rule)}" if step.rule is not None else ""
            diagnostics.add(
                Severity.NOTE,
                "CTC902",
                f"`{architecture.name}`: padding {format_sides(padding)}{instead} on"
                f" {_which(trunk, k)}, so that `maps` holds",
                step.layer.origin,
            )
            paddings[places[k]] = padding
    return paddings


def _too_large(
    architecture: Architecture,
    trunk: Sequence[SolverStep],
    maps: Sequence[Shape],
    index: int,
    diagnostics: Diagnostics,
) -> None:
    window = trunk[index].window
    assert window is not None
    shape = maps[index - 1] if index else architecture.input
    window.report_too_large(shape, Context(trunk[index].rule or (0, 0), diagnostics=diagnostics))


def _unsolved(
    architecture: Architecture,
    trunk: Sequence[SolverStep],
    diagnostics: Diagnostics,
    *,
    paper_holds: bool,
) -> None:
    """Report the stage that misses its `maps` (CTC203), with the nearest change that would help."""
    rule = tuple(step.rule or (0, 0) for step in trunk)
    maps = feature_maps(architecture.input, trunk, rule)
    wrong = next((k for k, shape in enumerate(maps) if not fits(trunk[k], shape)), len(maps))
    if wrong == len(trunk):  # only a missing rule can bring us here
        wrong = next(k for k, step in enumerate(trunk) if step.rule is None)
    number = trunk[wrong].stage
    stage = [k for k, x in enumerate(trunk) if x.stage == number and x.target is not None]
    sizes = [format_sides(maps[k][1:]) for k in stage if k < len(maps)]
    target = trunk[wrong].target or (trunk[stage[0]].target if stage else None)
    if target is None or not sizes:
        _too_large(architecture, trunk, maps, wrong, diagnostics)
        return
    before = maps[stage[0] - 1] if stage[0] else architecture.input
    conv, last = trunk[stage[0]].window, trunk[stage[-1]].layer
    assert conv is not None
    derived = (
        f"{sizes[0]} from {format_sides(before[1:])}, stride {format_sides(conv.stride)},"
        f" padding {format_sides(rule[stage[0]])}"
    )
    elsewhere = last.origin.span != conv.origin.span
    diagnostics.error(
        "CTC203",
        f"stage {number + 1} of `{architecture.name}` has maps {', '.join(sizes)} where `maps`"
        f" says {format_sides(target)}",
        Label(conv.origin, derived),
        also=(Label(last.origin, "the stage's last map"),) if elsewhere else (),
        hint="`style` brings `pad same`; under `pad paper` these maps hold"
        if paper_holds
        else _nearest(architecture, trunk, maps),
    )


def _nearest(architecture: Architecture, trunk: Sequence[SolverStep], maps: list[Shape]) -> str:
    """The hint: the fewest paddings to change, else the `maps` that would describe this."""
    stages = sorted({step.stage for step in trunk if step.target is not None})
    changed = solve(architecture.input, trunk, free_all=True)
    if changed is not None:
        changes = [
            f"padding {format_sides(padding)} on {_which(trunk, k)}"
            for k, (step, padding) in enumerate(zip(trunk, changed, strict=True))
            if padding != step.rule
        ]
        after = feature_maps(architecture.input, trunk, changed)
        sizes = (" ".join(map(format_sides, _sizes(trunk, after, stage))) for stage in stages)
        return f"{', '.join(changes)} would give {' · '.join(sizes)}"
    if len(maps) == len(trunk):
        common = tuple(Counter(_sizes(trunk, maps, k)).most_common(1)[0][0] for k in stages)
        described = solver_steps(replace(architecture, maps=common))
        if solve(architecture.input, described) is not None:
            maps_line = " ".join(["maps", *map(format_sides, common)])
            return f"no padding helps; `{maps_line}` would describe what it has"
    return "no padding helps: change a stride, a pool or the input"


def _sizes(trunk: Sequence[SolverStep], maps: Sequence[Shape], stage: int) -> list[tuple[int, int]]:
    """The maps of a stage's convolutions under `maps`, as (height, width)."""
    pairs = zip(maps, trunk, strict=True)
    return [shape[1:] for shape, step in pairs if step.stage == stage and step.target]


def _which(trunk: Sequence[SolverStep], index: int) -> str:
    """Name a window of the trunk: repeated layers share their text, so count them."""
    step = trunk[index]
    kind = type(step.layer)
    alike = [k for k, x in enumerate(trunk) if x.stage == step.stage and type(x.layer) is kind]
    word = "convolution" if kind is Conv else "pool"
    return f"{word} {alike.index(index) + 1} of stage {step.stage + 1}"
