"""Layers that slide a window: convolutions `(k,n,tags)` and pools `k/s`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeGuard

from ctcdsl.elaborate.arguments import Arguments, Tags, with_padding, without
from ctcdsl.elaborate.expressions import Scope
from ctcdsl.elaborate.words import Words
from ctcdsl.ir import Conv, ConvTranspose, Element, Pair, Pool, Style, format_sides, replace
from ctcdsl.layers.activations import ACTIVATIONS
from ctcdsl.layers.base import MAX_KERNEL, MAX_WIDTH
from ctcdsl.layers.convolution import EXCLUSIVE, TAGS
from ctcdsl.layers.norms import NORMS
from ctcdsl.layers.pooling import POOL_TAGS
from ctcdsl.layers.transposed import FACTOR
from ctcdsl.ops.pooling import Reduction
from ctcdsl.syntax.nodes import Argument, Call, Convolution, Name, Number, Primary
from ctcdsl.text import Fix, Hint, Origin, Severity, Span
from ctcdsl.text.plural import plural
from ctcdsl.text.sink import Diagnostics, quoted

_CONV_TAGS = (*TAGS, *NORMS, *ACTIVATIONS)
_PARTS = frozenset((*NORMS, *ACTIVATIONS, *(word for word, tag in TAGS.items() if tag.arguments)))
"""The tags that are more than a word: they have constants."""

_KERNELS = frozenset({1, 2, 3, 4, 5, 7, 9, 11})
"""Filter sizes of papers: so few filters of a larger size are probably swapped numbers."""


def in_braces(elements: Sequence[Element], *, grouped: bool) -> list[Element]:
    """Mark the pools of a chain in braces; or unmark them, where the chain is a branch."""
    return [
        replace(element, grouped=grouped)
        if isinstance(element, Pool) and not element.strided and element.padding is None
        else element
        for element in elements
    ]


def is_pool(primary: Primary | None) -> TypeGuard[Number | Call]:
    """Whether this is `3` of `3/2`, `max(…)` or `avg(…)`."""
    return isinstance(primary, Number) or (
        isinstance(primary, Call) and primary.word in ("max", "avg")
    )


class Windows:
    """Reads the convolutions and pools of one network, whose style goes with every one."""

    def __init__(self, diagnostics: Diagnostics, style: Style, words: Words) -> None:
        self._diagnostics = diagnostics
        self._arguments = Arguments(diagnostics)
        self._style = style
        self._words = words

    # ----------------------------------------------------------- convolutions

    def convolution(
        self, conv: Convolution, scope: Scope, channels: int | None, origin: Origin
    ) -> Conv | ConvTranspose | None:
        """`(k,n,tags)`, with `channels` at its input, which a depthwise convolution keeps."""
        if len(conv.arguments) < 2:
            self._diagnostics.error(
                "CTC103",
                "a convolution is `(k,n)`: filter size, then number of filters",
                conv.span,
                hint="write `(3,64)` for 64 filters of 3x3",
            )
            return None
        size, count, *rest = conv.arguments
        kernel = self._arguments.window(size, MAX_KERNEL, "a filter size", scope)
        tags = self._arguments.tags(rest, scope, letters="pgd", options=_CONV_TAGS)
        groups = tags.groups
        if isinstance(count, Name) and count.text == "dw":
            filters = channels
            if groups != 1:
                message = "a depthwise convolution has a group for each channel"
                hint = Hint("drop the `g` tag", *without(f"g{groups}", conv.span))
                self._diagnostics.error("CTC104", message, conv.span, hint=hint)
            groups = filters or 1
        else:
            filters = self._arguments.integer(count, 1, MAX_WIDTH, "the number of filters", scope)
        if kernel is None or filters is None:
            return None
        if min(kernel) > max(_KERNELS) and filters in _KERNELS:
            self._warn_swapped(conv, kernel, filters)
        self._warn_border(kernel, tags, conv.span)
        style = self._style
        layer = Conv(
            filters=filters,
            kernel=kernel,
            padding=tags.padding,
            groups=groups,
            dilation=tags.dilation,
            norm=style.norm,
            activation=style.activation,
            bias=style.norm is None,
            preactivation=style.preactivation,
            standardisation=style.standardisation,
            origin=origin,
        )
        if not tags.words:
            return layer
        for words, noun in EXCLUSIVE:
            self._arguments.one_of(tags, words, noun, conv.span)
        parts = [
            self._words.part(word, tags, scope) if word in _PARTS else word for word in tags.words
        ]
        layer = layer.tagged([part for part in parts if part is not None])
        return self._transposed(layer, conv.span) if "up2" in tags.words else layer

    def _transposed(self, conv: Conv, span: Span) -> ConvTranspose | None:
        """The transposed convolution; None, reported, where it is not one that doubles a map."""
        problem = hint = ""
        if conv.padding is not None or conv.dilation != (1, 1):
            what = "padding" if conv.padding is not None else "dilation"
            problem = f"`up2` doubles its map, and takes no {what} of its own"
            text = "leave the tag out" + (": it follows from the filter" if conv.padding else "")
            letter = "p" if conv.padding is not None else "d"
            hint = Hint(text, *without(rf"{letter}[0-9]+(?:[x×][0-9]+)?", span))
        elif min(conv.kernel) < FACTOR:
            height, width = conv.kernel
            problem = f"a {height}x{width} filter does not reach all of a doubled map"
            larger = re.sub(r"^\([ \t]*1[ \t]*,", "(2,", span.text)
            changes = (larger,) if larger != span.text else ()
            hint = Hint("write `(2,n,up2)`, or a larger filter", *changes)
        elif conv.standardisation is not None:
            problem = "weight standardisation is not for transposed convolutions"
            hint = Hint("add the tag `nows`", f"{span.text[:-1]},nows)")
            if self._style.standardisation is None:
                hint = Hint("leave `ws` out", *without("ws", span))
        if problem:
            self._diagnostics.error("CTC104", problem, span, hint=hint)
            return None
        return ConvTranspose(conv=conv, origin=conv.origin)

    def _warn_swapped(self, conv: Convolution, kernel: Pair, filters: int) -> None:
        size, count = (argument.span for argument in conv.arguments[:2])
        between = conv.span.source.text[size.end : count.start]
        swapped = Fix(size._replace(end=count.end), f"{count.text}{between}{size.text}")
        self._diagnostics.add(
            Severity.WARNING,
            "CTC924",
            f"{quoted(conv.span)} is {plural(filters, 'filter')} of {kernel[0]}x{kernel[1]}",
            conv.span,
            hint=Hint(
                f"the filter size comes first: `({filters},{kernel[0]})` is {kernel[0]} filters of"
                f" {filters}x{filters}",
                swapped,
            ),
        )

    def _warn_border(self, kernel: Pair, tags: Tags, span: Span) -> None:
        """Warn of paddings so large that some windows see nothing of the map (CTC908)."""
        if tags.padding is None:
            return
        sides = list(zip(kernel, tags.dilation, tags.padding, strict=True))
        most = [min(padding, dilation * (side - 1)) for side, dilation, padding in sides]
        for side, dilation, padding in sides:
            reach = dilation * (side - 1)
            if padding > reach:
                fits = f"p{format_sides((most[0], most[1]))}"
                dilated = f" of dilation {dilation}" if dilation > 1 else ""
                self._diagnostics.add(
                    Severity.WARNING,
                    "CTC908",
                    f"padding {padding} of a {kernel[0]}x{kernel[1]} filter{dilated}: windows at"
                    " the border see padding alone",
                    span,
                    hint=Hint(
                        f"with `{fits}` or less every window sees some of the map",
                        *with_padding(fits, span),
                    ),
                )
                return

    # ------------------------------------------------------------------ pools

    def pool(
        self, primary: Number | Call, stride: Pair, scope: Scope, origin: Origin
    ) -> Pool | None:
        """`k/s`, `max(k,tags)/s`, `avg(k,tags)/s`; `origin` includes the stride."""
        word = primary.word if isinstance(primary, Call) else "max"
        arguments: tuple[Argument, ...] = (
            primary.arguments if isinstance(primary, Call) else (primary,)
        )
        if not arguments:
            message = f"`{word}` needs a window size"
            self._diagnostics.error("CTC102", message, primary.span, hint=f"write `{word}(3)/2`")
            return None
        size, *rest = arguments
        kernel = self._arguments.window(size, MAX_KERNEL, "a pool's window size", scope)
        reduction: Reduction = "avg" if word == "avg" else "max"
        flags = {flag.word: flag for flag in POOL_TAGS[reduction]}
        tags = self._arguments.tags(rest, scope, letters="p", options=tuple(flags))
        if kernel is None:
            return None
        for side, padding in zip(kernel, tags.padding or (), strict=False):
            if padding > side // 2 and tags.padding is not None:
                height, width = (min(p, k // 2) for p, k in zip(tags.padding, kernel, strict=True))
                most = format_sides((height, width))
                self._diagnostics.error(
                    "CTC109",
                    f"padding {padding} of a {kernel[0]}x{kernel[1]} pool is more than half its"
                    " window",
                    primary.span,
                    hint=Hint(f"pad at most {side // 2}", *with_padding(f"p{most}", primary.span)),
                )
                return None
        return Pool(
            reduction=reduction,
            kernel=kernel,
            stride=stride,
            padding=tags.padding,
            origin=origin,
            **{flags[word].name: flags[word].value for word in tags.words},
        )

    def report_no_stride(self, primary: Number | Call) -> None:
        """Report a pool without a stride."""
        text = quoted(primary.span)
        if isinstance(primary, Number):
            message = f"{text} alone is not a layer: a pool is `k/s`, window size and stride"
        else:
            message = f"{text} has no stride"
        hint = Hint(f"write `{text[1:-1]}/2` for stride 2", f"{primary.span.text}/2")
        self._diagnostics.error("CTC102", message, primary.span, hint=hint)
