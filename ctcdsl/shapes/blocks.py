"""How the branches of a block come together: shapes, shortcuts, the activation behind a sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ctcdsl.ir import (
    Activation,
    ActivationLayer,
    Block,
    Branch,
    Conv,
    Element,
    Identity,
    Join,
    PadRule,
    Pool,
    Shape,
    Style,
)
from ctcdsl.ir.network import Node
from ctcdsl.shapes.padding import window_output
from ctcdsl.text import Label, Severity, Span
from ctcdsl.text.sink import Diagnostics, quoted

Chain = tuple[Node, ...]


def final_activation(block: Block, diagnostics: Diagnostics) -> Activation | None:
    """What acts after the addition: the activation that the branches end in.

    Warns (CTC909) of activations that a reader would expect there and that stay in their branch.
    """
    ends = [(branch, _end(branch.elements)) for branch in block.branches]
    given = [(branch, end) for branch, end in ends if end is not None]
    for branch, end in given[1:]:
        if end != given[0][1]:
            diagnostics.error(
                "CTC308",
                f"branches that are added end in {given[0][1]} and in {end}",
                branch.elements[-1].origin,
                also=(Label(given[0][0].elements[-1].origin, given[0][1] or ""),),
                hint="one activation acts after the addition: end the others `linear`, or in"
                " `id` to keep theirs",
            )
    for branch in block.branches:
        _warn_of_kept(branch, block, given[0][1] if given else None, diagnostics)
    return given[0][1] if given else None


def _warn_of_kept(
    branch: Branch, block: Block, moved: Activation | None, diagnostics: Diagnostics
) -> None:
    last = branch.elements[-1]
    if len(block.branches) > 1 and len(branch.elements) == 1 and isinstance(last, ActivationLayer):
        diagnostics.add(
            Severity.WARNING,
            "CTC909",
            f"`{last.activation}` is all of its branch, and acts after the addition instead",
            last.origin,
            hint=f"write `{last.activation} id` to keep it in the branch",
        )
        return
    keeps = _keeps(branch.elements)
    if keeps is None:
        return
    after = f"{moved} acts" if moved else "none acts"
    diagnostics.add(
        Severity.WARNING,
        "CTC909",
        f"the activation of {quoted(keeps.origin)} stays in its branch, and {after} after the"
        " addition",
        Label(last.origin, "the branch ends here"),
        also=() if keeps is last else (Label(keeps.origin, "stays as it is"),),
        hint=_to_move(keeps, last),
    )


def _to_move(keeps: Element, last: Element) -> str:
    """What to write, so that the branch says whether its activation moves."""
    if isinstance(keeps, Conv) and isinstance(last, ActivationLayer):
        return "write `linear` in the convolution, or `id` behind it where both are meant"
    if isinstance(keeps, Conv):
        return (
            f"to move it, write `linear` in the convolution and `{keeps.activation}` at the"
            " branch's end; to keep it, end the branch in `id`"
        )
    return "end the branch in `id` to say that it stays; a `linear` block has none"


def _keeps(nodes: Sequence[Element]) -> Element | None:
    """What ends a branch with an activation that stays inside; None where none is, or `id` ends.

    Layers without activations behind it, such as `se`, are looked past, and so is an activation
    that moves.
    """
    rest = nodes[:-1] if isinstance(nodes[-1], ActivationLayer) else nodes
    if rest and isinstance(rest[-1], Conv) and rest is nodes:
        return None  # its activation moves
    for node in reversed(rest):
        if isinstance(node, Identity | ActivationLayer):
            return None  # written as it is meant
        if isinstance(node, Conv):
            return node if node.activation is not None and not node.preactivation else None
        if isinstance(node, Block):
            ends = (_end(branch.elements) or _keeps(branch.elements) for branch in node.branches)
            return node if any(ends) else None
    return None


def check_shapes_match(
    block: Block,
    kept: Sequence[Branch],
    chains: Sequence[Chain],
    shape: Shape,
    rule: PadRule,
    diagnostics: Diagnostics,
) -> bool:
    """Whether the branches have the shapes that their join needs; they are padded by `rule`."""
    first = after(chains[0], shape)
    for branch, chain in zip(kept[1:], chains[1:], strict=True):
        output = after(chain, shape)
        if block.join is Join.ADD and output != first:
            message = f"branches that are added leave {first} and {output}"
            hint = "give them the same filters and strides; `?` leaves a branch out"
        elif output[1:] != first[1:]:
            message = f"branches leave maps of {_side(first)} and {_side(output)}"
            hint = "give them the same strides, and paddings that keep their maps alike"
            if rule != PadRule.SAME and _stride(chain) == _stride(chains[0]):
                hint = f"`pad {rule}` is in force: `pad same` keeps maps, a tag `p1` pads one layer"
        else:
            continue
        diagnostics.error(
            "CTC206",
            message,
            Label(_extent(branch, block), f"leaves {output}"),
            also=(Label(_extent(kept[0], block), f"leaves {first}"),),
            hint=hint,
        )
        return False
    return True


def shortcut(
    name: str,
    stage: int | None,
    block: Block,
    chain: Chain,
    shape: Shape,
    style: Style,
    diagnostics: Diagnostics,
) -> Chain | None:
    """The identity where the shape stays, else a 1x1 projection with the chain's stride."""
    wanted = after(chain, shape)
    if wanted == shape:
        return ()
    projection = Conv(
        filters=wanted.channels,
        kernel=(1, 1),
        stride=_stride(chain),
        norm=None if style.preactivation else style.norm,
        activation=None,
        bias=style.norm is None,
        origin=block.origin,
    )
    output = window_output(shape, projection, (0, 0))
    if output != wanted:
        diagnostics.error(
            "CTC208",
            f"no shortcut leads from {shape} to {wanted}: a 1x1 projection with stride"
            f" {projection.stride} leaves {output}",
            block.origin,
            hint="pad the block's layers so that only strides change the map",
        )
        return None
    return (Node(f"{name}.shortcut", stage, projection, shape, output),)


def _extent(branch: Branch, block: Block) -> Span:
    """Where a branch stands; its last layer where it ends in a `def` of its own."""
    last = branch.elements[-1].origin
    whole = branch.elements[0].origin.merge(last)
    return whole if block.origin.start < whole.start < last.end < block.origin.end else last


def after(chain: Chain, shape: Shape) -> Shape:
    """The map behind a chain that `shape` enters; an empty chain is the identity."""
    return chain[-1].output if chain else shape


def _side(shape: Shape) -> str:
    return f"{shape.height}x{shape.width}"


def _stride(chain: Chain) -> int:
    """The stride of a chain as a whole."""
    stride = 1
    for node in chain:
        if isinstance(node.layer, Conv | Pool):
            stride *= node.layer.stride
        elif node.branches:
            stride *= _stride(node.branches[0])
    return stride


def _end(nodes: Sequence[Element]) -> Activation | None:
    last = nodes[-1]
    if isinstance(last, Conv):
        return None if last.preactivation else last.activation
    return last.activation if isinstance(last, ActivationLayer) else None


def without_final_activation(
    nodes: tuple[Element, ...], activation: Activation | None
) -> tuple[Element, ...]:
    """A branch whose end gives its activation up to the addition."""
    if activation is None or _end(nodes) != activation:
        return nodes
    last = nodes[-1]
    return (*nodes[:-1], *((replace(last, activation=None),) if isinstance(last, Conv) else ()))
