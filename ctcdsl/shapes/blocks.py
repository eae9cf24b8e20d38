"""How the branches of a block join: shapes, shortcuts, the activation after an addition."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from ctcdsl.ir import (
    Activation,
    ActivationLayer,
    Block,
    Branch,
    Conv,
    ConvLayer,
    Element,
    Identity,
    Join,
    PadRule,
    Shape,
    SlidingWindow,
    Style,
    format_sides,
)
from ctcdsl.ir.network import Node
from ctcdsl.layers.base import Context
from ctcdsl.layers.stochastic_depth import without_depth
from ctcdsl.text import Fix, Hint, Label, Origin, Severity, Span
from ctcdsl.text.fixes import write
from ctcdsl.text.sink import Diagnostics, quoted

Chain = tuple[Node, ...]

_JOINED = {
    Join.ADD: "added",
    Join.MULTIPLY: "multiplied",
    Join.MAXIMUM: "compared by `max`",
}


def final_activation(block: Block, diagnostics: Diagnostics) -> Activation | None:
    """What acts after the addition: the activation that the branches end in.

    Warns (CTC909) of activations that a reader would expect there and that stay in their branch.
    """
    moved, first = None, block.origin
    for branch in block.branches:
        last, activation = branch.elements[-1], end_of(branch.elements)
        if activation is None or activation == moved:
            continue
        if moved is None:
            moved, first = activation, last.origin
        else:
            report_ends(moved, activation, last.origin, first, diagnostics)
    for branch in block.branches:
        _warn_of_staying(branch, block, moved, diagnostics)
    return moved


def report_ends(
    one: Activation, other: Activation, at: Origin, first: Origin, diagnostics: Diagnostics
) -> None:
    """Report branches that are added and end in two activations (CTC308)."""
    diagnostics.error(
        "CTC308",
        f"branches that are added end in {one} and in {other}",
        at,
        also=(Label(first, str(one)),),
        hint="one activation acts after the addition: end the others `linear`, or in"
        " `id` to keep theirs",
    )


def _warn_of_staying(
    branch: Branch, block: Block, moved: Activation | None, diagnostics: Diagnostics
) -> None:
    last = branch.elements[-1]
    if len(block.branches) > 1 and len(branch.elements) == 1 and isinstance(last, ActivationLayer):
        diagnostics.add(
            Severity.WARNING,
            "CTC909",
            f"`{last.activation}` is all of its branch, and acts after the addition instead",
            last.origin,
            hint=write(f"{last.activation} id", " to keep it in the branch"),
        )
        return
    staying = _staying(branch.elements)
    if staying is None:
        return
    acts = f"{moved} acts" if moved else "none acts"
    diagnostics.add(
        Severity.WARNING,
        "CTC909",
        f"the activation of {quoted(staying.origin)} stays in its branch, and {acts} after the"
        " addition",
        Label(last.origin, "the branch ends here"),
        also=() if staying is last else (Label(staying.origin, "stays as it is"),),
        hint=_to_move(staying, last),
    )


def _to_move(staying: Element, last: Element) -> str:
    """What to write to say whether the branch's activation moves."""
    source, _, end = last.origin.span
    kept = (Fix(Span(source, end, end), " id"),) if source.text[end : end + 1] in " \t\n|]" else ()
    if isinstance(staying, ConvLayer) and isinstance(last, ActivationLayer):
        return Hint(
            "write `linear` in the convolution, or `id` after it where both are meant", *kept
        )
    if isinstance(staying, ConvLayer):
        return Hint(
            f"to move it, write `linear` in the convolution and `{staying.last_activation}` at the"
            " branch's end; to keep it, end the branch in `id`",
            *kept,
        )
    return Hint("end the branch in `id` to say that it stays; a `linear` block has none", *kept)


def _staying(elements: Sequence[Element]) -> Element | None:
    """What ends a branch with an activation that stays inside; None if there is none, or an `id`.

    Layers without activations after it, such as `se`, are skipped, and so is an activation
    that moves.
    """
    elements = elements[: without_depth(elements)]
    rest = elements[:-1] if isinstance(elements[-1], ActivationLayer) else elements
    if rest and isinstance(rest[-1], ConvLayer) and rest is elements:
        return None  # its activation moves
    for element in reversed(rest):
        if isinstance(element, Block):
            inner = (branch.elements for branch in element.branches)
            return element if any(end_of(chain) or _staying(chain) for chain in inner) else None
        if isinstance(element, Identity | ActivationLayer):
            return None  # written as it is meant
        if element.last_activation is not None:
            return element
        if isinstance(element, ConvLayer):
            return None
    return None


def check_shapes_match(
    block: Block,
    branches: Sequence[Branch],
    chains: Sequence[Chain],
    inputs: Sequence[Shape],
    rule: PadRule,
    diagnostics: Diagnostics,
) -> bool:
    """Whether the branches have the shapes that their join needs; they are padded by `rule`.

    `inputs` are what enters each of the block's branches, those that were left out too.
    """
    first = after(chains[0], inputs[0])
    for branch, chain, shape in zip(branches[1:], chains[1:], inputs[1:], strict=False):
        output = after(chain, shape)
        message = mismatch(block.join, first, output)
        if message is None:
            continue
        if not block.join.concatenates:
            hint = "give them the same filters and strides"
            if block.join is Join.ADD:
                hint += "; `?` leaves a branch out"
        else:
            hint = "give them the same strides, and paddings that keep their maps alike"
            if rule not in (PadRule.SAME, PadRule.TF) and steps_of(chain) == steps_of(chains[0]):
                hint = f"`pad {rule}` is in force: `pad same` keeps maps, a tag `p1` pads one layer"
        diagnostics.error(
            "CTC206",
            message,
            Label(_extent(branch, block), f"gives {output}"),
            also=(Label(_extent(branches[0], block), f"gives {first}"),),
            hint=hint,
        )
        return False
    return True


def mismatch(join: Join, first: Shape, output: Shape) -> str | None:
    """What is wrong where the first branch and another one have these shapes; None if nothing."""
    if not join.concatenates and output != first:
        return f"branches that are {_JOINED[join]} give {first} and {output}"
    if output[1:] != first[1:]:
        return f"branches give maps of {_side(first)} and {_side(output)}"
    return None


def shortcut(
    name: str,
    stage: int | None,
    origin: Origin,
    steps: tuple[int, int, int],
    shape: Shape,
    target: Shape,
    style: Style,
    diagnostics: Diagnostics,
) -> Chain | None:
    """The identity where the shape stays, else a 1x1 projection with the branch's stride.

    CTC208 where it gives another map, or where the branch enlarges it. `origin` is the block's,
    `steps` and `target` are the branch's strides, growth and output.
    """
    if target == shape:
        return ()
    height, width, growth = steps
    if growth > 1:
        width_too = f"(1,{target.channels},linear) " if target.channels != shape.channels else ""
        branch, text = f"| {width_too}up({growth}) ]", origin.text
        known = height == width == 1 and text.endswith("]")
        diagnostics.error(
            "CTC208",
            f"no shortcut leads from {shape} to {target}: a 1x1 projection enlarges no map",
            origin,
            hint=Hint(f"write the shortcut as a branch: `{branch}`", text[:-1] + branch)
            if known
            else "write the shortcut as a branch",
        )
        return None
    projection = Conv(
        filters=target.channels,
        kernel=(1, 1),
        stride=(height, width),
        norm=None if style.preactivation else style.norm,
        activation=None,
        bias=style.norm is None,
        standardisation=style.standardisation,
        origin=origin,
    )
    output = projection.infer(shape, Context(diagnostics=diagnostics))
    if output != target:
        diagnostics.error(
            "CTC208",
            f"no shortcut leads from {shape} to {target}: a 1x1 projection with stride"
            f" {format_sides(projection.stride)} gives {output}",
            origin,
            hint="pad the block's layers so that only strides change the map",
        )
        return None
    return (Node(f"{name}.shortcut", stage, projection, shape, output),)


def _extent(branch: Branch, block: Block) -> Origin:
    """The text of a branch; its last layer where that is in the body of a `def`."""
    first, last = branch.elements[0].origin, branch.elements[-1].origin
    around = block.origin.span
    if around.start < first.span.start < last.span.end < around.end:
        return last._replace(span=first.span.merge(last.span))
    return last


def after(chain: Chain, shape: Shape) -> Shape:
    """The output of a chain with the input `shape`; an empty chain is the identity."""
    return chain[-1].output if chain else shape


def _side(shape: Shape) -> str:
    return f"{shape.height}x{shape.width}"


def steps_of(chain: Chain) -> tuple[int, int, int]:
    """From a chain's input to its output: the strides of height and width, and the growth.

    Without a common factor: those of `(3,64)/2 up(2)` are 1, 1 and 1.
    """
    height = width = growth = 1
    for node in chain:
        if isinstance(node.layer, Block):
            down, across, up = steps_of(node.branches[0])
        else:
            layer, up = node.layer, node.layer.growth  # nothing but windows has a stride
            down, across = layer.stride if isinstance(layer, SlidingWindow) else (1, 1)
        height, width, growth = height * down, width * across, growth * up
    common = gcd(height, width, growth)
    return height // common, width // common, growth // common


def end_of(elements: Sequence[Element]) -> Activation | None:
    """The activation that a branch ends in, which acts after an addition instead."""
    last = elements[without_depth(elements) - 1]
    return None if isinstance(last, Block) else last.last_activation


def without_final_activation(
    elements: tuple[Element, ...], activation: Activation | None
) -> tuple[Element, ...]:
    """The elements of a branch without the activation that moves after the addition."""
    if activation is None or end_of(elements) != activation:
        return elements
    count = without_depth(elements)
    *before, last = elements[:count]
    assert not isinstance(last, Block)
    rest = last.without_activation()
    return (*before, *(() if rest is None else (rest,)), *elements[count:])
