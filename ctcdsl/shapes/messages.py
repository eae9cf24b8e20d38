"""What to say of a window that has no padding, or is padded as a reader may miss."""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.ir import Architecture, PadRule, Pool, SlidingWindow, format_sides
from ctcdsl.ir.network import Node
from ctcdsl.shapes.padding import covers_map
from ctcdsl.text import Hint, Label, Severity
from ctcdsl.text.fixes import write
from ctcdsl.text.sink import Diagnostics, quoted


def no_rule(layer: SlidingWindow, rule: PadRule, diagnostics: Diagnostics) -> None:
    """Report a window that a rule has no padding for (CTC204)."""
    height, width = layer.kernel
    if rule is PadRule.TF:
        diagnostics.error(
            "CTC204",
            f"`pad tf` pads a {height}x{width} pool of stride 1 below and on the right alone, and"
            " pools of PyTorch pad both sides",
            layer.origin,
            hint=write(_unpadded(layer), ", which has no padding and a smaller map"),
        )
        return
    if height != width:
        filters, tag = f"{height}x{width} filters", f"p{(height - 1) // 2}x{(width - 1) // 2}"
    else:
        dilated = layer.extent != layer.kernel
        filters = "dilated filters" if dilated else f"{height}x{width} filters"
        above, left = ((extent - 1) // 2 for extent in layer.extent)
        tag = f"p{format_sides((above, left))}"
    text = layer.origin.text
    tagged = (f"{text[:-1]},{tag})",) if text.endswith(")") else ()
    diagnostics.error(
        "CTC204",
        f"`pad paper` has no padding for {filters}",
        layer.origin,
        hint=Hint(
            f"write a tag, `{tag}`, or `pad same`; the paper pads filters of 1, 2, 3, 5, 7 and 11",
            *tagged,
        ),
    )


def _unpadded(pool: SlidingWindow) -> str:
    """The text of a pool with the tag `p0`."""
    text = pool.origin.text
    size, slash, stride = text.partition("/")
    return text.replace(")", ",p0)", 1) if ")" in size else f"max({size},p0){slash}{stride}"


def note_unpadded_pools(nodes: Sequence[Node], diagnostics: Diagnostics) -> None:
    """Note the pools that take no padding since they cover their whole map (CTC906)."""
    for node in nodes:
        pool = node.layer
        if node.map_dependent and isinstance(pool, Pool) and covers_map(pool, node.input):
            height, width = pool.kernel
            call = f"{pool.reduction}({format_sides(pool.kernel)}"
            padding = format_sides(((height - 1) // 2, (width - 1) // 2))
            diagnostics.add(
                Severity.NOTE,
                "CTC906",
                f"{quoted(pool.origin)} covers its whole {height}x{width} map and takes no padding",
                pool.origin,
                hint=Hint(
                    f"`{call},p0)/1` does the same without this note,"
                    f" `{call},p{padding})/1` pads it",
                    f"{call},p0)/1",
                    f"{call},p{padding})/1",
                ),
            )


def note_style_padding(
    architecture: Architecture,
    same: Sequence[Node],
    paper: Sequence[Node],
    diagnostics: Diagnostics,
) -> None:
    """Note the `style` that brought `pad same` and so changed the maps of a plain row (CTC907)."""
    assert architecture.pad_implied_by is not None
    for here, there in zip(same, paper, strict=True):
        if here.stage is not None and here.output != there.output:
            maps = f"gives {here.output}, and {there.output} under `pad paper`"
            diagnostics.add(
                Severity.NOTE,
                "CTC907",
                f"`{architecture.name}`: `style` brings `pad same`; write `pad paper` for the"
                " paper's",
                architecture.pad_implied_by,
                also=(Label(here.layer.origin, maps),),
                hint=Hint(
                    "write `pad same` to keep these maps without this note",
                    f"{architecture.pad_implied_by.text}  pad same",
                ),
            )
            return
