"""Items to nodes: repeats unrolled, groups and definitions opened, channels followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from ctcdsl.elaborate.arguments import Arguments
from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.expressions import Scope
from ctcdsl.elaborate.windows import MAX_KERNEL, Windows, in_braces
from ctcdsl.elaborate.words import Words
from ctcdsl.ir import (
    Block,
    Branch,
    DefCall,
    Element,
    GlobalPool,
    Identity,
    Join,
    Linear,
    SpatialPyramid,
    Style,
    layers_of,
    out_channels,
)
from ctcdsl.ir.strides import NoStridedLayer, StrideAlreadySet, with_stride
from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.lexing import MAX_DEPTH
from ctcdsl.text import Label, Severity, Span
from ctcdsl.text.plural import plural
from ctcdsl.text.sink import Diagnostics, quoted

MAX_LAYERS = 10_000


class LayerElaborator:
    """Turns the items of one network into nodes and reports what it cannot."""

    def __init__(
        self,
        diagnostics: Diagnostics,
        style: Style,
        definitions: Definitions,
        values: Mapping[str, float | None],
    ) -> None:
        self._diagnostics = diagnostics
        self._arguments = Arguments(diagnostics)
        self._windows = Windows(diagnostics, style)
        self._words = Words(diagnostics, style)
        self._defs = definitions.defs
        self._values = values
        self._path: list[str] = []  # of definitions being opened
        self._depth = 0
        self._opened = 0
        self._repeats = 0  # layers made by all repetitions, to stop what would never end

    def nodes(
        self, items: Sequence[syntax.Item], channels: int | None
    ) -> tuple[list[Element], int | None]:
        """The nodes of a line which `channels` enter, and the channels that leave it.

        They are None, unknown, behind a mistake.
        """
        return self._sequence(items, channels, Scope(self._values, each=True))

    def _sequence(
        self, items: Sequence[syntax.Item], channels: int | None, scope: Scope
    ) -> tuple[list[Element], int | None]:
        """Read items in turn; the channels are None, unknown, behind a mistake."""
        nodes: list[Element] = []
        if self._too_deep(items[0].span):
            return nodes, None
        self._depth += 1
        for item in items:
            found, channels = self._item(item, len(item.postfixes), channels, scope)
            nodes += found
        self._depth -= 1
        return nodes, channels

    def _too_deep(self, span: Span) -> bool:
        """Whether `span` is nested too deep, reported if so."""
        if self._depth < MAX_DEPTH:
            return False
        message = f"brackets, `def`s, `/s` and `xN` are nested more than {MAX_DEPTH} deep"
        self._diagnostics.error("CTC004", message, span)
        return True

    # -------------------------------------------------------------- postfixes

    def _item(
        self, item: syntax.Item, upto: int, channels: int | None, scope: Scope
    ) -> tuple[list[Element], int | None]:
        """Read an item with the first `upto` of its postfixes."""
        if scope.each:
            scope = scope._replace(channels=channels, unknown=channels is None)
        if upto == 0:
            return self._primary(item, channels, scope)
        postfix = item.postfixes[upto - 1]
        if self._too_deep(postfix.span):
            return [], None
        self._depth += 1
        if isinstance(postfix, syntax.Repeat):
            found = self._repeated(item, upto, postfix, channels, scope)
        else:
            found = self._strided(item, upto, postfix, channels, scope)
        self._depth -= 1
        return found

    def _strided(
        self,
        item: syntax.Item,
        upto: int,
        postfix: syntax.Stride,
        channels: int | None,
        scope: Scope,
    ) -> tuple[list[Element], int | None]:
        """Read an item and give it a stride."""
        stride = self._stride(postfix, scope)
        if upto == 1 and _is_pool(item.primary):
            span = item.span._replace(end=postfix.span.end)
            pool = stride and self._windows.pool(item.primary, stride, span, scope)
            return ([pool], channels) if pool else ([], None)
        nodes, after = self._item(item, upto - 1, channels, scope)
        if stride is None or (not nodes and after is None):
            return [], None
        try:
            return with_stride(nodes, stride), after
        except NoStridedLayer:
            empty = "`x0` leaves no layer: remove the stride, or repeat at least once"
            self._diagnostics.error(
                "CTC302",
                f"`/{stride}` strides a convolution or a pool, and there is none",
                postfix.span,
                hint="" if nodes else empty,
            )
        except StrideAlreadySet as taken:
            before = taken.layer.stride
            self._diagnostics.error(
                "CTC302",
                f"`/{stride}` falls on a layer that already has stride {before}",
                postfix.span,
                hint=f"write one stride: `/{stride * before}` if both are meant",
            )
        return [], None

    def _stride(self, postfix: syntax.Stride, scope: Scope) -> int | None:
        value = postfix.value
        if isinstance(value, int):
            fine = self._arguments.number(value, 1, MAX_KERNEL, "a stride", postfix.span)
            return value if fine else None
        return self._arguments.integer(value, 1, MAX_KERNEL, "a stride", scope)

    def _repeated(
        self, item: syntax.Item, upto: int, times: syntax.Repeat, channels: int | None, scope: Scope
    ) -> tuple[list[Element], int | None]:
        """Read an item once for each repetition: `c` may differ from one to the next."""
        amount = times.amount
        if (
            amount == 1
            and upto > 1
            and isinstance(before := item.postfixes[upto - 2], syntax.Stride)
        ):
            self._diagnostics.error(
                "CTC116",
                f"`/{before.value}x1` reads as stride {before.value}, once",
                before.span.merge(times.span),
                hint=f"write `/{before.value}`; a stride for each side is not in the language yet",
            )
            return [], None
        if isinstance(amount, int):
            fine = self._arguments.number(amount, 0, MAX_LAYERS, "a repetition", times.span)
            count = amount if fine else None
        else:
            count = self._arguments.integer(amount, 0, MAX_LAYERS, "a repetition", scope)
        if count == 0:
            with self._diagnostics.ignoring_ranges():
                self._item(item, upto - 1, channels, scope)
            return [], channels
        once, after = self._item(item, upto - 1, channels, scope)
        if count is None or not once:
            return [], None if count is None else after
        layers = sum(1 for _ in layers_of(once))
        self._repeats += layers * count
        if layers * count > MAX_LAYERS or self._repeats > 100 * MAX_LAYERS:
            self._diagnostics.error(
                "CTC108",
                f"{count:,} times {layers:,} layers are more than the {MAX_LAYERS:,} that a"
                " network may have",
                times.span,
            )
            return [], None
        nodes = list(once)
        for _ in range(count - 1):
            if after != channels:  # else the same again
                channels = after
                once, after = self._item(item, upto - 1, channels, scope)
            nodes += once
        return nodes, after

    # -------------------------------------------------------------- primaries

    def _primary(
        self, item: syntax.Item, channels: int | None, scope: Scope
    ) -> tuple[list[Element], int | None]:
        primary = item.primary
        inside = Scope(scope.values, channels, unknown=channels is None)
        layer: Element | None = None
        match primary:
            case syntax.Convolution():
                layer = self._windows.convolution(primary, scope, channels)
            case syntax.Group("{", (syntax.Branch(items, False),)):
                nodes, after = self._sequence(items, channels, inside)
                return in_braces(nodes, grouped=True), after
            case syntax.Group():
                layer = self._block(primary, channels, inside)
            case syntax.Number():
                self._no_stride(primary)
            case syntax.Call("max" | "avg"):
                self._no_stride(primary)
            case syntax.Name(word) if word in self._defs:
                return self._expand_def(self._defs[word], (), primary.span, channels, scope)
            case syntax.Call(word, arguments) if word in self._defs:
                return self._expand_def(self._defs[word], arguments, primary.span, channels, scope)
            case syntax.Name(word):
                layer = self._words.word(word, primary.span, tuple(self._defs))
            case syntax.Call():
                layer = self._words.call(primary, scope, tuple(self._defs))
        if layer is None:
            return [], None
        return [layer], None if channels is None else out_channels((layer,), channels)

    def _no_stride(self, primary: syntax.Number | syntax.Call) -> None:
        text = quoted(primary.span)
        if isinstance(primary, syntax.Number):
            message = f"{text} alone is no layer: a pool is `k/s`, window size and stride"
        else:
            message = f"{text} has no stride"
        hint = f"write `{text[1:-1]}/2` for stride 2"
        self._diagnostics.error("CTC102", message, primary.span, hint=hint)

    # ----------------------------------------------------- blocks, definitions

    def _block(self, group: syntax.Group, channels: int | None, inside: Scope) -> Block | None:
        join = Join.CONCAT if group.bracket == "{" else Join.ADD
        branches: list[Branch] = []
        for index, branch in enumerate(group.branches):
            if branch.optional and (join is Join.CONCAT or index == 0):
                self._diagnostics.error(
                    "CTC307",
                    "`?` leaves a branch of `[ a | b? ]` out where its shape differs from the"
                    " first branch's",
                    branch.span,
                    hint="the first branch, and branches in braces, always stay",
                )
            nodes, after = self._sequence(branch.items, channels, inside)
            for layer in layers_of(nodes):
                if isinstance(layer, GlobalPool | SpatialPyramid | Linear):
                    self._diagnostics.error(
                        "CTC301",
                        f"{quoted(layer.origin)} leaves a vector, and branches hold maps",
                        layer.origin,
                        hint="the head comes last, outside of all brackets",
                    )
            if after is None and (channels is not None or not nodes):
                return None
            chain = in_braces(nodes, grouped=False) or [Identity(origin=branch.span)]
            branches.append(Branch(elements=tuple(chain), optional=branch.optional))
        return Block(join=join, branches=tuple(branches), origin=group.span)

    def _expand_def(
        self,
        definition: syntax.Def,
        arguments: Sequence[syntax.Argument],
        span: Span,
        channels: int | None,
        scope: Scope,
    ) -> tuple[list[Element], int | None]:
        """The body of a definition with its parameters' values."""
        name = definition.name.text
        parameters = definition.parameters
        self._opened += 1
        if name in self._path:
            cycle = " → ".join([*self._path[self._path.index(name) :], name])
            self._diagnostics.error("CTC115", f"`{name}` is defined by itself: {cycle}", span)
            return [], None
        if self._opened > MAX_LAYERS:
            outermost = self._defs[(self._path or [name])[0]].name
            self._diagnostics.add(
                Severity.ERROR,
                "CTC108",
                f"`{outermost.text}` opens definitions more than {MAX_LAYERS:,} times",
                outermost.span,
                hint="each `def` that uses another one twice doubles the layers",
            )
            return [], None
        if len(arguments) != len(parameters):
            wanted = ", ".join(parameter.text for parameter in parameters)
            takes = plural(len(parameters), "argument")
            self._diagnostics.error(
                "CTC102",
                f"`{name}` takes {takes}{f' ({wanted})' * bool(wanted)}, not {len(arguments)}",
                span,
                also=(Label(definition.name.span, "defined here"),),
                hint=f"write `{name}{f'({wanted})' * bool(wanted)}`",
            )
            return [], None
        values = {
            parameter.text: self._arguments.real(argument, scope)
            for parameter, argument in zip(parameters, arguments, strict=True)
        }
        inside = Scope({**self._values, **values}, channels, unknown=channels is None)
        self._path.append(name)
        with self._diagnostics.in_def_call(span):
            nodes, after = self._sequence(definition.items, channels, inside)
        self._path.pop()
        if len(nodes) == 1 and isinstance(nodes[0], Block) and nodes[0].call is None:
            given = tuple((key, value) for key, value in values.items() if value is not None)
            nodes = [replace(nodes[0], call=DefCall(name, given))]
        return nodes, after


def _is_pool(primary: syntax.Primary) -> TypeGuard[syntax.Number | syntax.Call]:
    """Whether this is `3` of `3/2`, `max(…)` or `avg(…)`."""
    return isinstance(primary, syntax.Number) or (
        isinstance(primary, syntax.Call) and primary.word in ("max", "avg")
    )
