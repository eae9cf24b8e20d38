"""Networks to checked networks: every feature map, and what is wrong with it."""

from __future__ import annotations

from ctcdsl.check.advice import in_pixels, no_rule, too_large, unsolved, which
from ctcdsl.check.checked import CheckedNetwork
from ctcdsl.check.placing import Placer
from ctcdsl.check.problems import Problems
from ctcdsl.check.solver import fits, maps_of, solve, steps
from ctcdsl.ir import Block, Network, PadRule, Sides
from ctcdsl.text import Severity


def check_network(
    network: Network, problems: Problems, like: CheckedNetwork | None = None
) -> CheckedNetwork | None:
    """Place every layer of a network; None where an error was found.

    What it shares with `like` is taken from there.
    """
    paddings = _for_maps(network, problems) if network.maps else {}
    if paddings is None:
        return None
    nodes = Placer(network, problems, paddings, like).place()
    return None if nodes is None else CheckedNetwork(network, nodes)


def _for_maps(network: Network, problems: Problems) -> dict[tuple[int, int], Sides] | None:
    """The padding of each trunk layer under `maps`: the rule's where it serves, else solved."""
    for index, stage in enumerate(network.stages, start=1):
        for node in stage.nodes:
            if isinstance(node, Block):
                problems.error(
                    "CTC205",
                    f"`maps` is for rows of layers, and stage {index} of `{network.name}` holds a"
                    " block",
                    node.origin,
                    hint="remove `maps`; blocks are padded by the rule, or by `p` tags",
                )
                return None
    trunk = steps(network)
    solving = network.pad is PadRule.PAPER
    missing = next((step for step in trunk if step.rule is None), None)
    if missing is not None and missing.window and not (solving and missing.wanted is not None):
        no_rule(missing.window, problems)
        return None
    if missing is None:
        rule = tuple(step.rule or (0, 0) for step in trunk)
        maps = maps_of(network.input, trunk, rule)
        fine = all(fits(step, shape) for step, shape in zip(trunk, maps, strict=False))
        if len(maps) == len(trunk) and fine:
            return {}
        if len(maps) < len(trunk) and fine and not solving:
            window = trunk[len(maps)].window
            assert window is not None
            entering = maps[-1] if maps else network.input
            too_large(window, rule[len(maps)], entering, problems)
            return None
    solved = solve(network.input, trunk) if solving else None
    if solved is None:
        unsolved(network, trunk, problems)
        return None
    paddings: dict[tuple[int, int], Sides] = {}
    places = [(k, i) for k, stage in enumerate(network.stages) for i in range(len(stage.nodes))]
    for k, (step, padding) in enumerate(zip(trunk, solved, strict=True)):
        if padding != step.rule:
            rule_says = f" instead of {in_pixels(step.rule)}" if step.rule is not None else ""
            problems.add(
                Severity.NOTE,
                "CTC902",
                f"`{network.name}`: padding {in_pixels(padding)}{rule_says} on {which(trunk, k)},"
                " so that `maps` holds",
                step.layer.origin,
            )
            paddings[places[k]] = padding
    return paddings
