"""Networks to checked networks: every feature map, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ctcdsl.ir import Architecture, Block, PadRule, Pair, Pool
from ctcdsl.ir.network import Network, Node
from ctcdsl.shapes.infer import ShapeInference
from ctcdsl.shapes.messages import in_pixels, no_rule, too_large, unsolved, which
from ctcdsl.shapes.solver import feature_maps, fits, solve, steps
from ctcdsl.text import Label, Severity
from ctcdsl.text.sink import Diagnostics, quoted


def check_network(
    architecture: Architecture, diagnostics: Diagnostics, previous: Network | None = None
) -> Network | None:
    """Place every layer of a network; None where an error was found.

    What it shares with `like` is taken from there.
    """
    paper = _under_paper(architecture)
    paddings = _for_maps(architecture, diagnostics, paper) if architecture.maps else {}
    if paddings is None:
        return None
    nodes = ShapeInference(architecture, diagnostics, paddings, previous).place()
    if nodes is None:
        return None
    _note_whole_maps(nodes, diagnostics)
    if paper is not None:
        _note_style_padding(architecture, nodes, paper.nodes, diagnostics)
    return Network(architecture, nodes)


def _note_whole_maps(nodes: Sequence[Node], diagnostics: Diagnostics) -> None:
    """Note the pools that take no padding since they cover their whole map (CTC906)."""
    for node in nodes:
        pool = node.layer
        if node.map_dependent and isinstance(pool, Pool):
            height, width = pool.kernel
            call = f"{pool.reduction}({in_pixels(pool.kernel)}"
            kept = in_pixels(((height - 1) // 2, (width - 1) // 2))
            diagnostics.add(
                Severity.NOTE,
                "CTC906",
                f"{quoted(pool.origin)} covers its whole {height}x{width} map and takes no padding",
                pool.origin,
                hint=f"`{call},p0)/1` does the same without this note, `{call},p{kept})/1` pads it",
            )


def _under_paper(architecture: Architecture) -> Network | None:
    """A plain row as `pad paper` pads it, where only its `style` brought `pad same`.

    None where the author named the rule, or where the paper's cannot pad the network.
    """
    if architecture.pad_implied_by is None or architecture.pad is PadRule.PAPER:
        return None
    if any(isinstance(node, Block) for stage in architecture.stages for node in stage.elements):
        return None
    paper = replace(architecture, pad=PadRule.PAPER, pad_implied_by=None)
    return check_network(paper, Diagnostics())


def _note_style_padding(
    architecture: Architecture,
    same: Sequence[Node],
    paper: Sequence[Node],
    diagnostics: Diagnostics,
) -> None:
    """Note the `style` that brought `pad same` and so changed the maps of a plain row (CTC907)."""
    assert architecture.pad_implied_by is not None
    for here, there in zip(same, paper, strict=True):
        if here.stage is not None and here.output != there.output:
            diagnostics.add(
                Severity.NOTE,
                "CTC907",
                f"`{architecture.name}`: `style` brings `pad same`; write `pad paper` for the"
                " paper's",
                architecture.pad_implied_by,
                also=(
                    Label(
                        here.layer.origin,
                        f"leaves {here.output}, and {there.output} under `pad paper`",
                    ),
                ),
                hint="write `pad same` to keep these maps without this note",
            )
            return


def _for_maps(
    architecture: Architecture, diagnostics: Diagnostics, paper: Network | None
) -> dict[tuple[int, int], Pair] | None:
    """The paddings that `maps` changes from the rule's; None where it cannot hold.

    `paper` is the network under `pad paper`, where that is a way out.
    """
    for index, stage in enumerate(architecture.stages, start=1):
        for node in stage.elements:
            if isinstance(node, Block):
                diagnostics.error(
                    "CTC205",
                    f"`maps` is for rows of layers, and stage {index} of `{architecture.name}`"
                    " holds a block",
                    node.origin,
                    hint="remove `maps`; blocks are padded by the rule, or by `p` tags",
                )
                return None
    trunk = steps(architecture)
    solving = architecture.pad is PadRule.PAPER
    missing = next((step for step in trunk if step.rule is None), None)
    if missing is not None and missing.window and not (solving and missing.wanted is not None):
        no_rule(missing.window, diagnostics)
        return None
    if missing is None:
        rule = tuple(step.rule or (0, 0) for step in trunk)
        maps = feature_maps(architecture.input, trunk, rule)
        fine = all(fits(step, shape) for step, shape in zip(trunk, maps, strict=False))
        if len(maps) == len(trunk) and fine:
            return {}
        if len(maps) < len(trunk) and fine and not solving:
            window = trunk[len(maps)].window
            assert window is not None
            entering = maps[-1] if maps else architecture.input
            too_large(window, rule[len(maps)], entering, diagnostics)
            return None
    solved = solve(architecture.input, trunk) if solving else None
    if solved is None:
        unsolved(architecture, trunk, diagnostics, paper_holds=paper is not None)
        return None
    paddings: dict[tuple[int, int], Pair] = {}
    places = [
        (k, i) for k, stage in enumerate(architecture.stages) for i in range(len(stage.elements))
    ]
    for k, (step, padding) in enumerate(zip(trunk, solved, strict=True)):
        if padding != step.rule:
            rule_says = f" instead of {in_pixels(step.rule)}" if step.rule is not None else ""
            diagnostics.add(
                Severity.NOTE,
                "CTC902",
                f"`{architecture.name}`: padding {in_pixels(padding)}{rule_says} on"
                f" {which(trunk, k)}, so that `maps` holds",
                step.layer.origin,
            )
            paddings[places[k]] = padding
    return paddings
