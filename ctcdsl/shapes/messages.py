"""When feature maps go wrong: which layer or stage, with its numbers, and what would help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ctcdsl.ir import Architecture, Conv, Pair, Shape, SlidingWindow
from ctcdsl.shapes.solver import Step, feature_maps, fits, solve, steps
from ctcdsl.text import Label
from ctcdsl.text.sink import Diagnostics


def too_large(layer: SlidingWindow, padding: Pair, shape: Shape, diagnostics: Diagnostics) -> None:
    """Report a window that does not fit on the map `shape` that enters it (CTC201)."""
    dilation = layer.dilation if isinstance(layer, Conv) else 1
    high, wide = (dilation * (side - 1) + 1 for side in layer.kernel)
    height, width = shape.height + 2 * padding[0], shape.width + 2 * padding[1]
    padded = f", {height}x{width} with its padding" if any(padding) else ""
    dilated = f" (dilation {dilation})" if dilation > 1 else ""
    diagnostics.error(
        "CTC201",
        f"a window of {high}x{wide}{dilated} does not fit on the"
        f" {shape.height}x{shape.width} map{padded}",
        Label(layer.origin, f"gets {shape}"),
        hint="use a smaller window, more padding, fewer strides before it, or a larger input",
    )


def no_rule(layer: SlidingWindow, diagnostics: Diagnostics) -> None:
    """Report a window that `pad paper` has no padding for (CTC204)."""
    height, width = layer.kernel
    if height != width:
        what, say = f"{height}x{width} filters", f"p{(height - 1) // 2}x{(width - 1) // 2}"
    else:
        dilation = layer.dilation if isinstance(layer, Conv) else 1
        what = "dilated filters" if dilation > 1 else f"{height}x{width} filters"
        say = f"p{dilation * (height - 1) // 2}"
    diagnostics.error(
        "CTC204",
        f"`pad paper` has no padding for {what}",
        layer.origin,
        hint=f"write a tag, `{say}`, or `pad same`; the paper pads filters of 1, 2, 3, 5, 7 and 11",
    )


def unsolved(
    architecture: Architecture,
    trunk: Sequence[Step],
    diagnostics: Diagnostics,
    *,
    paper_holds: bool,
) -> None:
    """Report the stage that misses its `maps` (CTC203), with the nearest change that would help.

    `paper_holds` where `pad paper` would do, instead of the `pad same` that a `style` brought.
    """
    rule = tuple(step.rule or (0, 0) for step in trunk)
    maps = feature_maps(architecture.input, trunk, rule)
    wrong = next((k for k, m in enumerate(maps) if not fits(trunk[k], m)), len(maps))
    if wrong == len(trunk):  # only a missing rule can bring us here
        wrong = next(k for k, step in enumerate(trunk) if step.rule is None)
    step = trunk[wrong]
    stage = [k for k, s in enumerate(trunk) if s.stage == step.stage and s.wanted is not None]
    got = [_side(maps[k]) for k in stage if k < len(maps)]
    wanted = step.wanted or (trunk[stage[0]].wanted if stage else None)
    if wanted is None or not got:
        assert step.window is not None
        entering = maps[wrong - 1] if wrong else architecture.input
        too_large(step.window, rule[wrong], entering, diagnostics)
        return
    first = trunk[stage[0]]
    before = maps[stage[0] - 1] if stage[0] else architecture.input
    conv = first.window
    assert conv is not None
    diagnostics.error(
        "CTC203",
        f"stage {step.stage + 1} of `{architecture.name}` has maps {', '.join(got)} where `maps`"
        f" says {_side(Shape(1, *wanted))}",
        Label(
            conv.origin,
            f"{got[0]} from {_side(before)}, stride {conv.stride}, padding {in_pixels(rule[stage[0]])}",
        ),
        also=_also(trunk, stage, conv.origin.start),
        hint="`style` brings `pad same`; under `pad paper` these maps hold"
        if paper_holds
        else _nearest(architecture, trunk, maps),
    )


def _also(trunk: Sequence[Step], stage: Sequence[int], start: int) -> tuple[Label, ...]:
    last = trunk[stage[-1]].layer.origin
    return (Label(last, "the stage's last map"),) if last.start != start else ()


def _nearest(architecture: Architecture, trunk: Sequence[Step], maps: Sequence[Shape]) -> str:
    """The hint: the fewest paddings to change, else the `maps` that would describe this."""
    changed = solve(architecture.input, trunk, free_all=True)
    if changed is not None:
        parts = [
            f"padding {in_pixels(padding)} on {which(trunk, k)}"
            for k, (step, padding) in enumerate(zip(trunk, changed, strict=True))
            if padding != step.rule
        ]
        after = feature_maps(architecture.input, trunk, changed)
        stages = {step.stage for step in trunk if step.wanted is not None}
        given = " · ".join(
            " ".join(
                _side(m) for m, s in zip(after, trunk, strict=True) if s.stage == k and s.wanted
            )
            for k in sorted(stages)
        )
        return f"{', '.join(parts)} would give {given}"
    described = _described(architecture, trunk, maps) if len(maps) == len(trunk) else ()
    if described:
        sizes = " ".join(_side(Shape(1, *size)) for size in described)
        return f"no padding helps; `maps {sizes}` would describe what it has"
    return "no padding helps: change a stride, a pool or the input"


def _described(
    architecture: Architecture, trunk: Sequence[Step], maps: Sequence[Shape]
) -> tuple[tuple[int, int], ...]:
    """The sizes that dominate the stages as they are, if `maps` of them would hold."""
    common = tuple(
        Counter(
            (shape.height, shape.width)
            for shape, step in zip(maps, trunk, strict=True)
            if step.stage == stage and step.wanted
        ).most_common(1)[0][0]
        for stage in sorted({step.stage for step in trunk if step.wanted is not None})
    )
    holds = solve(architecture.input, steps(replace(architecture, maps=common))) is not None
    return common if holds else ()


def in_pixels(padding: Pair) -> str:
    """A padding as messages say it: `1`, or `0x3` where the sides differ."""
    return str(padding[0]) if padding[0] == padding[1] else f"{padding[0]}x{padding[1]}"


def which(trunk: Sequence[Step], index: int) -> str:
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
