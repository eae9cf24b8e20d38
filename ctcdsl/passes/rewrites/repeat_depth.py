"""Depth for width where a stage repeats blocks: their number, and their inner widths."""

from __future__ import annotations

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Architecture, Block, replace
from ctcdsl.metrics import macs
from ctcdsl.passes.base import PassResult
from ctcdsl.passes.repeats import Repeats, repeats
from ctcdsl.passes.rescale import changed_widths
from ctcdsl.passes.scaling import Keeps, Scaled, Scaler, keeps_outside
from ctcdsl.passes.stage_view import with_stage
from ctcdsl.passes.texts import like, written_out
from ctcdsl.passes.widths import require_multiple
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural


def with_depth(
    network: Network, stage: int, depth: int, multiple: int, refusal: UserError
) -> PassResult:
    """A stage with another number of blocks, their inner widths by one factor.

    The factor brings the stage nearest to what it cost. What leaves the stage stays, and so
    does what blocks give. What the stage repeats may also be layers, alone or several in turn:
    then the last of them stays.

    Args:
        network: The network.
        stage: The stage's index.
        depth: How many blocks it is to have.
        multiple: Of what widths are multiples.
        refusal: Why the stage is not a row, raised where it has no blocks and repeats nothing.

    Raises:
        UserError: CTC404 the stage repeats nothing; CTC405 where the depth changes nothing, or
            no width can.
    """
    require_multiple(multiple)
    name = network.architecture.stage_names[stage]
    found = repeats(network, stage, refusal)
    origin = found.units[0][0].origin
    count = plural(len(found.units), found.noun)
    if not 1 <= depth <= 1_000 or depth == len(found.units):
        raise error(
            "CTC405",
            f"{name} has {count}: the depth is to be another number from 1 to 1,000",
            at=origin,
        )
    deeper = _deeper(network, stage, found, depth)
    if deeper is None:
        raise error(
            "CTC404",
            f"each {found.noun} of {name} changes the width: with {depth} of them another one"
            " would leave the stage",
            at=origin,
            hint="`scale` changes the widths of any stage",
        )
    budget = macs(network.stage(stage))
    keeps = _keeps_outputs(deeper, stage, len(found.before), len(found.after))
    scaler = Scaler(written_out(deeper, stage), deeper, multiple, keeps)
    scaled = scaler.nearest(budget, lambda other: macs(other.stage(stage)))
    if not scaler.free or scaled is None:
        raise error(
            "CTC405",
            f"no width inside of {name} is free: each {found.noun} has that of its output alone,"
            f" or widths below {multiple}",
            at=origin,
            hint="`scale` changes the widths of the network, and of its stages' outputs",
        )
    return PassResult(
        like(deeper.architecture, scaled.network.architecture),
        True,
        (_note(name, found, depth, scaled, budget),),
    )


def _keeps_outputs(network: Network, stage: int, before: int, after: int) -> Keeps:
    """Whether another network differs in a stage's units alone, and not in what blocks give."""
    outside = keeps_outside(network, stage)
    nodes = network.stage(stage)
    end = len(nodes) - after

    def keeps(other: Network) -> bool:
        return outside(other) and all(
            node.layer == old.layer
            or (
                before <= index < end
                and (not isinstance(old.layer, Block) or node.output == old.output)
            )
            for index, (old, node) in enumerate(zip(nodes, other.stage(stage), strict=True))
        )

    return keeps


def _deeper(network: Network, stage: int, found: Repeats, depth: int) -> Network | None:
    """The network with `depth` units, their widths as they were; None where the output differs."""
    architecture: Architecture = network.architecture
    for elements in found.with_depth(depth):
        part = replace(architecture.stages[stage], elements=elements)
        report = infer_shapes(with_stage(architecture, stage, part))
        if not report.ok:
            continue
        (deeper,) = report.networks
        if deeper.stage(stage)[-1].output == network.stage(stage)[-1].output:
            return deeper
    return None


def _note(name: str, found: Repeats, depth: int, scaled: Scaled, budget: int) -> str:
    return (
        f"{name}: {plural(depth, found.noun)} instead of {len(found.units)},"
        f" widths {changed_widths(scaled) or 'as they were'}: {scaled.cost:,} MACs instead of"
        f" {budget:,}"
    )
