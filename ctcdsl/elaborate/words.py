"""Layers that are words: what each means and which arguments it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ctcdsl.elaborate.arguments import Arguments
from ctcdsl.elaborate.expressions import Scope
from ctcdsl.elaborate.windows import ACTIVATIONS, MAX_KERNEL, MAX_WIDTH, NORMS, activation
from ctcdsl.ir import (
    Activation,
    ActivationLayer,
    Dropout,
    GlobalPool,
    Identity,
    Layer,
    Linear,
    LocalResponseNorm,
    NormLayer,
    Scale,
    Shuffle,
    SpatialPyramid,
    SqueezeExcite,
    Style,
)
from ctcdsl.syntax.nodes import Argument, Call, Name
from ctcdsl.text import Origin, Span
from ctcdsl.text.sink import Diagnostics

_EXAMPLES = {"spp": "spp(6,3,2,1)", "drop": "drop(0.5)", "se": "se(16)", "shuffle": "shuffle(3)"}


class Words:
    """Reads the words of one network, whose style gives an activation to some."""

    def __init__(self, diagnostics: Diagnostics, style: Style) -> None:
        self._diagnostics = diagnostics
        self._arguments = Arguments(diagnostics)
        self._style = style
        self._calls: dict[str, Callable[[Call, Scope, Origin], Layer | None]] = {
            "spp": self._spp,
            "fc": self._fc,
            "drop": self._drop,
            "lrn": self._lrn,
            "se": self._se,
            "shuffle": self._shuffle,
        }

    def word(self, word: str, origin: Origin, known: tuple[str, ...] = ()) -> Layer | None:
        """A word without arguments; `known` are user-defined names, to suggest."""
        span = origin.span
        match word:
            case "gap":
                return GlobalPool(origin=origin)
            case "gmp":
                return GlobalPool(reduction="max", origin=origin)
            case "fc":
                return Linear(features=None, origin=origin)
            case "lrn":
                return LocalResponseNorm(origin=origin)
            case "bn" | "ln":
                return NormLayer(norm="bn" if word == "bn" else "ln", origin=origin)
            case "scale":
                return Scale(origin=origin)
            case "id":
                return Identity(origin=origin)
            case _ if word in ACTIVATIONS:
                return ActivationLayer(activation=activation(word), origin=origin)
            case _ if word in _EXAMPLES:
                self._diagnostics.error(
                    "CTC102", f"`{word}` needs an argument", span, hint=f"write `{_EXAMPLES[word]}`"
                )
            case "max" | "avg":
                hint = f"write `{word}(3)/2`"
                self._diagnostics.error("CTC102", f"`{word}` needs a window size", span, hint=hint)
            case "none":
                self._diagnostics.error(
                    "CTC301", "`none` is alone after `head:`", span, hint="write `head: none`"
                )
            case "x":
                self._diagnostics.error(
                    "CTC101",
                    "`x` is reserved for repetition",
                    span,
                    hint="a number follows it: `(3,256)x3`",
                )
            case _:
                self._arguments.unknown(word, span, known)
        return None

    def call(
        self, call: Call, scope: Scope, origin: Origin, known: tuple[str, ...] = ()
    ) -> Layer | None:
        """A word with arguments."""
        if call.word in self._calls:
            return self._calls[call.word](call, scope, origin)
        span = Span(call.span.source, call.span.start, call.span.start + len(call.word))
        if call.word in ("gap", "gmp", "none", "scale", "id", *NORMS, *ACTIVATIONS):
            self._diagnostics.error(
                "CTC102",
                f"`{call.word}` takes no arguments",
                call.span,
                hint=f"write `{call.word}`",
            )
        else:
            self._arguments.unknown(call.word, span, known)
        return None

    def _spp(self, call: Call, scope: Scope, origin: Origin) -> Layer | None:
        if not call.arguments:
            self._diagnostics.error(
                "CTC102", "`spp` needs its levels", call.span, hint="write `spp(6,3,2,1)`"
            )
            return None
        levels = [
            self._arguments.integer(a, 1, MAX_KERNEL, "a pyramid level", scope)
            for a in call.arguments
        ]
        sizes = tuple(level for level in levels if level is not None)
        return SpatialPyramid(levels=sizes, origin=origin) if len(sizes) == len(levels) else None

    def _fc(self, call: Call, scope: Scope, origin: Origin) -> Layer | None:
        usual = self._style.activation
        values = self._width_and_activation(call, scope, "fc(4096)", "the number of outputs", usual)
        if values is None:
            return None
        return Linear(features=values[0], activation=values[1], origin=origin)

    def _se(self, call: Call, scope: Scope, origin: Origin) -> Layer | None:
        usual = self._style.activation or "relu"
        values = self._width_and_activation(call, scope, "se(16)", "the width of `se`", usual)
        if values is None:
            return None
        return SqueezeExcite(width=values[0], activation=values[1] or "relu", origin=origin)

    def _width_and_activation(
        self, call: Call, scope: Scope, example: str, noun: str, usual: Activation | None
    ) -> tuple[int, Activation | None] | None:
        if not call.arguments:
            self._arguments.one(call, example)
            return None
        width = self._arguments.integer(call.arguments[0], 1, MAX_WIDTH, noun, scope)
        tags = self._arguments.tags(call.arguments[1:], options=("linear", *ACTIVATIONS))
        self._arguments.one_of(tags, ("linear", *ACTIVATIONS), "activation", call.span)
        if width is None:
            return None
        for word in tags.words:
            usual = None if word == "linear" else activation(word)
        return width, usual

    def _drop(self, call: Call, scope: Scope, origin: Origin) -> Layer | None:
        argument = self._arguments.one(call, "drop(0.5)")
        value = None if argument is None else self._arguments.real(argument, scope)
        if argument is None or value is None:
            return None
        if not 0 <= value < 1:
            self._diagnostics.error(
                "CTC108",
                "a dropout probability must be at least 0 and less than 1",
                argument.span,
                hint="write `drop(0.5)` to drop one half",
            )
            return None
        return Dropout(probability=float(value), origin=origin)

    def _lrn(self, call: Call, scope: Scope, origin: Origin) -> Layer | None:
        """`lrn(size,alpha,beta,k,within)`; only the size is required."""
        numbers: Sequence[Argument] = call.arguments
        within = bool(numbers) and isinstance(numbers[-1], Name) and numbers[-1].text == "within"
        if within:
            numbers = numbers[:-1]
        if not 1 <= len(numbers) <= 4:
            self._diagnostics.error(
                "CTC102",
                "`lrn` takes a size, then alpha, beta and k",
                call.span,
                hint="write `lrn(5)`, or `lrn(5,0.0001,0.75,1)`, or `lrn(3,within)`",
            )
            return None
        size = self._arguments.integer(numbers[0], 1, MAX_KERNEL, "the size of `lrn`", scope)
        values = [self._arguments.real(argument, scope) for argument in numbers[1:]]
        known = [value for value in values if value is not None]
        if size is None or len(known) < len(values):
            return None
        if within and size % 2 == 0:
            message = f"a window of {size}x{size} has no middle"
            self._diagnostics.error("CTC108", message, numbers[0].span, hint="use an odd size")
            return None
        alpha, beta, k = [*map(float, known), *(1e-4, 0.75, 1.0)[len(known) :]]
        return LocalResponseNorm(
            size=size, alpha=alpha, beta=beta, k=k, within=within, origin=origin
        )

    def _shuffle(self, call: Call, scope: Scope, origin: Origin) -> Layer | None:
        argument = self._arguments.one(call, "shuffle(3)")
        groups = argument and self._arguments.integer(
            argument, 1, MAX_WIDTH, "the number of groups", scope
        )
        return Shuffle(groups=groups, origin=origin) if groups else None
