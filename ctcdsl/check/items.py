"""Items of a line to layers: what each word means and which arguments it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeGuard

from ctcdsl.check.arguments import Arguments
from ctcdsl.check.problems import Problems
from ctcdsl.ir import (
    Conv,
    Dropout,
    GlobalPool,
    Layer,
    Linear,
    LocalResponseNorm,
    Pool,
    SpatialPyramid,
)
from ctcdsl.syntax import nodes as n
from ctcdsl.text import Span

MAX_LAYERS = 10_000
MAX_KERNEL = 1_000
MAX_WIDTH = 1_000_000


class Items:
    """Turns items into layers and reports what it cannot."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._arguments = Arguments(problems)
        self._calls: dict[str, Callable[[n.Call], list[Layer]]] = {
            "spp": self._spp,
            "fc": self._fc,
            "drop": self._drop,
            "lrn": self._lrn,
        }

    def layers(self, items: Sequence[n.Item]) -> list[Layer]:
        """The layers of items in their order, repeats unrolled; wrong items are left out."""
        return [layer for item in items for layer in self._item(item)]

    # -------------------------------------------------------------- postfixes

    def _item(self, item: n.Item) -> list[Layer]:
        postfixes = item.postfixes
        if _is_pool(item.primary):
            if not (postfixes and isinstance(postfixes[0], n.Stride)):
                self._no_stride(item)
                return []
            layers = self._pool(item.primary, postfixes[0])
            postfixes = postfixes[1:]
        else:
            layers = self._primary(item.primary)
        for postfix in postfixes:
            if not layers:
                return []
            if isinstance(postfix, n.Stride):
                layers = self._strided(layers, postfix)
            else:
                layers = self._repeated(layers, postfix)
        return layers

    def _strided(self, layers: list[Layer], stride: n.Stride) -> list[Layer]:
        """Give a group its stride: to the first layer with k > 1, else the first convolution."""
        if not self._arguments.number(stride.value, 1, MAX_KERNEL, "a stride", stride.span):
            return []
        windows = [k for k, layer in enumerate(layers) if isinstance(layer, Conv | Pool)]
        wide = [k for k in windows if _kernel(layers[k]) > 1]
        if not windows:
            self._problems.error(
                "CTC302",
                f"`/{stride.value}` strides a convolution or a pool, and there is none",
                stride.span,
            )
            return []
        at = (wide or windows)[0]
        layer = layers[at]
        assert isinstance(layer, Conv | Pool)
        if layer.stride != 1:
            self._problems.error(
                "CTC302",
                f"`/{stride.value}` falls on a layer that already has stride {layer.stride}",
                stride.span,
                hint=f"write one stride: `/{stride.value * layer.stride}` if both are meant",
            )
            return []
        return [*layers[:at], replace(layer, stride=stride.value), *layers[at + 1 :]]

    def _repeated(self, layers: list[Layer], times: n.Times) -> list[Layer]:
        if not isinstance(times.amount, int):
            self._arguments.not_yet("repetition by an expression", times.span)
            return []
        if not self._arguments.number(times.amount, 1, MAX_LAYERS, "a repetition", times.span):
            return []
        if len(layers) * times.amount > MAX_LAYERS:
            self._problems.error(
                "CTC108",
                f"{times.amount:,} times {len(layers):,} layers are more than the"
                f" {MAX_LAYERS:,} that a network may have",
                times.span,
            )
            return []
        return layers * times.amount

    # ----------------------------------------------------------------- layers

    def _primary(self, primary: n.Primary) -> list[Layer]:
        match primary:
            case n.Convolution():
                return self._conv(primary)
            case n.Group("{", (n.Branch(items, False),)):
                return self.layers(items)
            case n.Group(bracket):
                what = "`{ a | b }`" if bracket == "{" else "`[ … ]`"
                self._arguments.not_yet(f"{what}, a block with branches,", primary.span)
                return []
            case n.Name(word):
                return self._word(word, primary.span)
            case n.Call(word):
                return self._call(primary)
            case n.Number():
                return []

    def _conv(self, conv: n.Convolution) -> list[Layer]:
        if len(conv.arguments) < 2:
            self._problems.error(
                "CTC103",
                "a convolution is `(k,n)`: filter size, then number of filters",
                conv.span,
                hint="write `(3,64)` for 64 filters of 3x3",
            )
            return []
        kernel = self._arguments.integer(conv.arguments[0], 1, MAX_KERNEL, "a filter size")
        filters = self._arguments.integer(conv.arguments[1], 1, MAX_WIDTH, "the number of filters")
        padding, _ = self._arguments.tags(conv.arguments[2:], options=())
        if kernel is None or filters is None:
            return []
        if padding is not None and padding >= kernel:
            self._problems.error(
                "CTC109",
                f"padding {padding} of a {kernel}x{kernel} filter: windows would see nothing"
                " but padding",
                conv.span,
                hint=f"pad at most {kernel - 1}",
            )
            return []
        return [Conv(filters=filters, kernel=kernel, padding=padding, origin=conv.span)]

    def _pool(self, primary: n.Number | n.Call, stride: n.Stride) -> list[Layer]:
        word = primary.word if isinstance(primary, n.Call) else "max"
        arguments: tuple[n.Argument, ...] = (
            primary.arguments if isinstance(primary, n.Call) else (primary,)
        )
        if not arguments:
            message = f"`{word}` needs a window size"
            self._problems.error("CTC102", message, primary.span)
            return []
        size, *tags = arguments
        kernel = self._arguments.integer(size, 1, MAX_KERNEL, "a pool's window size")
        padding, options = self._arguments.tags(tags, options=("ceil",))
        fine = self._arguments.number(stride.value, 1, MAX_KERNEL, "a stride", stride.span)
        if kernel is None or not fine:
            return []
        if padding is not None and padding > kernel // 2:
            self._problems.error(
                "CTC109",
                f"padding {padding} of a {kernel}x{kernel} pool is more than half its window",
                primary.span,
                hint=f"pad at most {kernel // 2}",
            )
            return []
        return [
            Pool(
                reduction="avg" if word == "avg" else "max",
                kernel=kernel,
                stride=stride.value,
                padding=padding,
                ceil="ceil" in options,
                origin=primary.span.to(stride.span),
            )
        ]

    def _no_stride(self, item: n.Item) -> None:
        text = item.primary.span.text
        if isinstance(item.primary, n.Number):
            message = f"`{text}` alone is no layer: a pool is `k/s`, window size and stride"
        else:
            message = f"`{text}` has no stride"
        self._problems.error(
            "CTC102", message, item.primary.span, hint=f"write `{text}/2` for stride 2"
        )

    def _word(self, word: str, span: Span) -> list[Layer]:
        match word:
            case "gap":
                return [GlobalPool(origin=span)]
            case "fc":
                return [Linear(features=None, origin=span)]
            case "lrn":
                return [LocalResponseNorm(origin=span)]
            case "spp" | "drop":
                example = {"spp": "spp(6,3,2,1)", "drop": "drop(0.5)"}[word]
                self._problems.error(
                    "CTC102", f"`{word}` needs an argument", span, hint=f"write `{example}`"
                )
            case "none":
                self._problems.error(
                    "CTC301", "`none` stands alone behind `head:`", span, hint="write `head: none`"
                )
            case "x":
                self._problems.error(
                    "CTC008",
                    "`x` is reserved for repetition",
                    span,
                    hint="a number follows it: `(3,256)x3`",
                )
            case _:
                self._arguments.unknown(word, span)
        return []

    def _call(self, call: n.Call) -> list[Layer]:
        if call.word in self._calls:
            return self._calls[call.word](call)
        if call.word in ("gap", "none"):
            self._problems.error(
                "CTC102",
                f"`{call.word}` takes no arguments",
                call.span,
                hint=f"write `{call.word}`",
            )
        else:
            self._arguments.unknown(
                call.word, Span(call.span.source, call.span.start, call.span.start + len(call.word))
            )
        return []

    def _spp(self, call: n.Call) -> list[Layer]:
        if not call.arguments:
            self._problems.error(
                "CTC102", "`spp` needs its levels", call.span, hint="write `spp(6,3,2,1)`"
            )
            return []
        levels = [
            self._arguments.integer(a, 1, MAX_KERNEL, "a pyramid level") for a in call.arguments
        ]
        sizes = tuple(level for level in levels if level is not None)
        return [SpatialPyramid(levels=sizes, origin=call.span)] if len(sizes) == len(levels) else []

    def _fc(self, call: n.Call) -> list[Layer]:
        argument = self._arguments.one(call, "fc(4096)")
        features = argument and self._arguments.integer(
            argument, 1, MAX_WIDTH, "the number of outputs"
        )
        return [Linear(features=features, origin=call.span)] if features else []

    def _drop(self, call: n.Call) -> list[Layer]:
        argument = self._arguments.one(call, "drop(0.5)")
        if argument is None:
            return []
        if not isinstance(argument, n.Number) or not 0 <= argument.value < 1:
            self._problems.error(
                "CTC108",
                "a dropout probability lies from 0 up to, but not at, 1",
                argument.span,
                hint="write `drop(0.5)` to drop one half",
            )
            return []
        return [Dropout(probability=float(argument.value), origin=call.span)]

    def _lrn(self, call: n.Call) -> list[Layer]:
        argument = self._arguments.one(call, "lrn(5)")
        size = argument and self._arguments.integer(
            argument, 1, MAX_WIDTH, "the number of channels"
        )
        return [LocalResponseNorm(size=size, origin=call.span)] if size else []


def _kernel(layer: Layer) -> int:
    return layer.kernel if isinstance(layer, Conv | Pool) else 0


def _is_pool(primary: n.Primary) -> TypeGuard[n.Number | n.Call]:
    """Whether this is `3` of `3/2`, `max(…)` or `avg(…)`."""
    return isinstance(primary, n.Number) or (
        isinstance(primary, n.Call) and primary.word in ("max", "avg")
    )
