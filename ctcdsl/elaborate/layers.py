"""Items to layers and blocks: repeats unrolled, groups and definitions expanded, channels known."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from typing import cast

from ctcdsl.elaborate.arguments import Arguments
from ctcdsl.elaborate.calls import bind
from ctcdsl.elaborate.choices import Choices, Chooser, has_choice
from ctcdsl.elaborate.expressions import Scope
from ctcdsl.elaborate.joins import read_join, report_apart, with_shortcut_widths
from ctcdsl.elaborate.windows import Windows, in_braces, is_pool
from ctcdsl.elaborate.words import Words
from ctcdsl.ir import (
    Block,
    Branch,
    ConvTranspose,
    DefCall,
    Element,
    Identity,
    Join,
    Pair,
    Style,
    VectorLayer,
    format_sides,
    layers_of,
    out_channels,
    replace,
    shares,
)
from ctcdsl.ir.strides import NoStridedLayer, StrideAlreadySet, with_stride
from ctcdsl.layers.stochastic_depth import report_misplaced
from ctcdsl.syntax import nodes as syntax
from ctcdsl.syntax.lexing import MAX_DEPTH
from ctcdsl.syntax.words import KEYWORDS
from ctcdsl.text import Expansion, Hint, Origin, Span
from ctcdsl.text.fixes import Fix, write
from ctcdsl.text.sink import Diagnostics, quoted

MAX_LAYERS = 10_000

Chain = tuple[list[Element], int | None]
"""Layers and blocks one after another, and their output channels: None, unknown, after an error."""


class LayerElaborator:
    """Turns the items of one network into layers and blocks, and reports those it cannot."""

    def __init__(
        self,
        diagnostics: Diagnostics,
        style: Style,
        defs: Mapping[str, syntax.Def],
        values: Mapping[str, float | None],
        chooser: Chooser | None = None,
    ) -> None:
        """Read items with some `def`s and values of `let`s; `chooser` makes choices in place."""
        self._diagnostics = diagnostics
        self._arguments = Arguments(diagnostics)
        self._words = Words(diagnostics, style)
        self._windows = Windows(diagnostics, style, self._words)
        self._choices = Choices(diagnostics, chooser)
        self._defs = defs
        self._values = values
        self._line_item: Span | None = None  # that is being read
        self._path: list[str] = []  # of definitions being expanded
        self._expansions: tuple[Expansion, ...] = ()
        self._depth = 0
        self._expanded = 0
        self._repeated_layers = 0  # by all repetitions, to stop what would never end

    def elements(self, items: Sequence[syntax.Item], channels: int | None) -> Chain:
        """The layers and blocks of a line with `channels` at its input."""
        chain = self._sequence(items, channels, Scope(self._values, per_layer=True))
        report_misplaced(chain[0], self._diagnostics)
        return chain

    def inside(
        self,
        items: Sequence[syntax.Item],
        channels: int | None,
        scope: Scope,
        *,
        braced: bool | None,
    ) -> Chain:
        """Items of a part of a bracket or a `def`'s body, with `channels` before them.

        `braced` says whether braces hold them together, or a branch does; None for neither.
        """
        if braced is None:
            return self._sequence(items, channels, scope)
        elements, after = self._within(items, channels, scope)
        return in_braces(elements, grouped=braced), after

    def expand(self, expansion: Expansion) -> Sequence[Element]:
        """The layers and blocks of a call of a `def`."""
        definition, channels = self._defs[expansion.name], expansion.channels
        scope = Scope(self._with_lets(dict(expansion.arguments)), channels)
        self._expansions = (expansion,)
        elements, _ = self._sequence(definition.items, channels, scope)
        self._expansions = ()
        return elements

    def _origin(self, span: Span) -> Origin:
        """The origin of the layer or block that is being read."""
        return Origin(span, self._line_item, self._diagnostics.calls, self._expansions)

    def _sequence(self, items: Sequence[syntax.Item], channels: int | None, scope: Scope) -> Chain:
        elements: list[Element] = []
        if self._too_deep(items[0].span):
            return elements, None
        self._depth += 1
        for item in items:
            more, channels = self._item(item, len(item.postfixes), channels, scope)
            elements += more
        self._depth -= 1
        return elements, channels

    def _too_deep(self, span: Span) -> bool:
        """Whether `span` is nested too deep, reported if so."""
        if self._depth < MAX_DEPTH:
            return False
        message = f"brackets, `def`s, `/s` and `xN` are nested more than {MAX_DEPTH} deep"
        self._diagnostics.error("CTC004", message, span)
        return True

    # -------------------------------------------------------------- postfixes

    def _item(self, item: syntax.Item, upto: int, channels: int | None, scope: Scope) -> Chain:
        """Read an item with the first `upto` of its postfixes."""
        if scope.per_layer:  # outside of all brackets
            self._line_item = item.span
            if channels is None or channels != scope.channels:
                scope = Scope(scope.values, channels, channels is None, True)
        if upto == 0:
            return self._primary(item.primary, channels, scope)
        postfix = item.postfixes[upto - 1]
        if self._too_deep(postfix.span):
            return [], None
        self._depth += 1
        read = self._repeat if isinstance(postfix, syntax.Repeat) else self._stride
        chain = read(item, upto, channels, scope)
        self._depth -= 1
        return chain

    def _stride(self, item: syntax.Item, upto: int, channels: int | None, scope: Scope) -> Chain:
        """Read an item and give it a stride."""
        postfix = item.postfixes[upto - 1]
        assert isinstance(postfix, syntax.Stride)
        stride = self._arguments.stride(postfix, scope)
        if upto == 1 and is_pool(item.primary):
            if self._names_arguments(item.primary):
                return [], None
            primary: syntax.Number | syntax.Convolution | syntax.Call | None = item.primary
            if isinstance(primary, syntax.Call) and has_choice(primary):
                primary = self._choices.primary(primary, scope)
            origin = self._origin(item.span.merge(postfix.span))
            pool = None
            if stride and is_pool(primary):
                pool = self._windows.pool(primary, stride, scope, origin)
            return ([pool], channels) if pool else ([], None)
        elements, after = self._item(item, upto - 1, channels, scope)
        if stride is None or (not elements and after is None):
            return [], None
        try:
            return with_stride(elements, stride), after
        except NoStridedLayer:
            hint = ""
            if not elements:
                hint = "`x0` leaves no layer: remove the stride, or repeat at least once"
            elif any(isinstance(layer, ConvTranspose) for layer in layers_of(elements)):
                hint = "`up2` doubles the map, and has no stride: leave one of them out"
            self._diagnostics.error(
                "CTC302",
                f"`/{format_sides(stride)}` strides a convolution or a pool, and there is none",
                postfix.span,
                hint=Hint(hint, "") if hint else "",
            )
        except StrideAlreadySet as cause:
            before = cause.layer.stride
            self._diagnostics.error(
                "CTC302",
                f"{quoted(postfix.span)} falls on a layer that already has stride"
                f" {format_sides(before)}",
                postfix.span,
                hint=_one_stride(item, upto, (stride[0] * before[0], stride[1] * before[1])),
            )
        return [], None

    def _repeat(self, item: syntax.Item, upto: int, channels: int | None, scope: Scope) -> Chain:
        """Read an item once for each repetition: `c` may differ from one to the next."""
        postfix = item.postfixes[upto - 1]
        assert isinstance(postfix, syntax.Repeat)
        before = item.postfixes[upto - 2] if upto > 1 else None
        if postfix.amount == 1 and isinstance(before, syntax.Stride):
            stride = before.span.text.removeprefix("/")
            self._diagnostics.error(
                "CTC116",
                f"`/{stride}x1` reads as stride {stride}, once",
                before.span.merge(postfix.span),
                hint=write(f"/{stride}", f"; the tag of two sides is `(3,64,s{stride}x1)`"),
            )
            return [], None
        amount: int | syntax.Argument = postfix.amount
        if not isinstance(amount, int):
            chosen = self._choices.argument(amount, scope)
            if chosen is None:
                return [], None
            amount = chosen
        count = self._arguments.amount(amount, postfix.span, 0, MAX_LAYERS, "a repetition", scope)
        if count == 0:
            if not self._choices.made:  # a layer that is not there makes no choice
                with self._diagnostics.ignoring_ranges():
                    self._item(item, upto - 1, channels, scope)
            return [], channels
        once, after = self._item(item, upto - 1, channels, scope)
        if count is None or not once:
            return [], None if count is None else after
        layers = sum(1 for _ in layers_of(once))
        self._repeated_layers += layers * count
        if layers * count > MAX_LAYERS or self._repeated_layers > 100 * MAX_LAYERS:
            self._diagnostics.error(
                "CTC108",
                f"{count:,} times {layers:,} layers are more than the {MAX_LAYERS:,} that a"
                " network may have",
                postfix.span,
            )
            return [], None
        elements = list(once)
        for _ in range(count - 1):
            if after != channels or self._choices.made:  # else the same again
                channels = after
                once, after = self._item(item, upto - 1, channels, scope)
            elements += once
        return elements, after

    # -------------------------------------------------------------- primaries

    def _primary(self, primary: syntax.Primary, channels: int | None, scope: Scope) -> Chain:
        if isinstance(primary, (syntax.Convolution, syntax.Call)) and has_choice(primary):
            chosen = self._choices.primary(primary, scope)
            if chosen is None:
                return [], None
            primary = chosen
        layer: Element | None = None
        origin = self._origin(primary.span)
        match primary:
            case syntax.Convolution():
                layer = self._windows.convolution(primary, scope, channels, origin)
            case syntax.Group(_, (syntax.Branch(items, _), *_)) if is_chain(primary):
                inner = Scope(scope.values, channels, unknown=channels is None)
                elements, after = self._sequence(items, channels, inner)
                return in_braces(elements, grouped=True), after
            case syntax.Group():
                inner = Scope(scope.values, channels, unknown=channels is None)
                layer = self._block(primary, channels, inner)
            case syntax.Alternatives():
                branch = self._choices.branch(primary)
                if branch is None:
                    return [], None
                return (
                    ([], channels)
                    if _is_none(branch)
                    else self._sequence(branch.items, channels, scope)
                )
            case syntax.Number() | syntax.Call("max" | "avg", named=()):
                self._windows.report_no_stride(primary)
            case syntax.Name(word) | syntax.Call(word) if word in self._defs:
                return self._expand_def(self._defs[word], primary, channels, scope)
            case syntax.Name(word) | syntax.Call(word) if self._is_unknown_let(word):
                return [], None
            case syntax.Name("split" | "mul") | syntax.Call("split" | "mul"):
                report_apart(primary, self._diagnostics)
            case syntax.Name(word):
                layer = self._words.word(word, origin, tuple(self._defs))
            case syntax.Call() if self._names_arguments(primary):
                pass
            case syntax.Call():
                layer = self._words.call(primary, scope, origin, tuple(self._defs))
        if layer is None:
            return [], None
        return [layer], None if channels is None else out_channels((layer,), channels)

    def _is_unknown_let(self, word: str) -> bool:
        """Whether a word is a `let` whose value an error, or a choice, leaves open."""
        return not self._choices.made and word in self._values and self._values[word] is None

    def _names_arguments(self, call: syntax.Call | syntax.Number) -> bool:
        """Whether a layer's arguments have names, reported if so."""
        if isinstance(call, syntax.Number) or not call.named or call.word not in KEYWORDS:
            return False
        name, value, _ = call.named[0]
        named = name.span._replace(end=value.span.start)
        self._diagnostics.error(
            "CTC102",
            f"only arguments of a `def` have names, and `{call.word}` is a layer",
            name.span,
            hint=Hint(f"write {quoted(value.span)} without `{name.text}=`", Fix(named, "")),
        )
        return True

    def _block(self, group: syntax.Group, channels: int | None, inner: Scope) -> Block | None:
        joining = read_join(group, channels, inner, self._diagnostics, self._defs)
        if joining is None:
            return None
        inputs: Sequence[int | None] = (None,) * len(group.branches)
        if channels is not None:
            inputs = shares(joining.join, channels, len(group.branches), joining.share)
        adds = joining.join is Join.ADD
        chains: list[list[Element]] = []
        for index, (branch, share) in enumerate(zip(group.branches, inputs, strict=True)):
            if branch.optional and (not adds or index == 0):
                self._diagnostics.error(
                    "CTC307",
                    "`?` leaves a branch of `[ a | b? ]` out where its shape differs from the"
                    " first branch's",
                    branch.span,
                    hint="the first branch, and branches of other joins, always stay",
                )
            inside = inner._replace(channels=share, unknown=share is None)
            elements, after = self._within(branch.items, share, inside)
            if after is None and (channels is not None or not elements):
                return None
            report_misplaced(elements[:-1] if adds else elements, self._diagnostics)
            identity = Identity(origin=self._origin(branch.span))
            chains.append(in_braces(elements, grouped=False) or [identity])
        if adds and channels is not None:
            chains = with_shortcut_widths(chains, channels)
        return Block(
            join=joining.join,
            branches=tuple(
                Branch(elements=tuple(chain), optional=branch.optional)
                for chain, branch in zip(chains, group.branches, strict=True)
            ),
            share=joining.share,
            origin=self._origin(group.span),
        )

    def _within(self, items: Sequence[syntax.Item], channels: int | None, scope: Scope) -> Chain:
        """Read items of a branch."""
        elements, after = self._sequence(items, channels, scope)
        for layer in layers_of(elements):
            if isinstance(layer, VectorLayer):
                self._diagnostics.error(
                    "CTC301",
                    f"{quoted(layer.origin)} gives a vector, and branches need maps",
                    layer.origin,
                    hint="the head comes last, outside of all brackets",
                )
        return elements, after

    def _expand_def(
        self,
        definition: syntax.Def,
        call: syntax.Name | syntax.Call,
        channels: int | None,
        scope: Scope,
    ) -> Chain:
        """The body of a definition with its parameters' values."""
        self._expanded += 1
        if not self._may_expand(definition, call.span):
            return [], None
        given = bind(definition, call, self._diagnostics)
        if given is None:
            return [], None
        name = definition.name.text
        values: dict[str, float | None] = {
            parameter: self._arguments.real(argument, scope)
            for parameter, argument in given.items()
        }
        inner = Scope(self._with_lets(values), channels, unknown=channels is None)
        self._path.append(name)
        with self._diagnostics.in_def_call(call.span):
            values, inner = self._with_defaults(definition, values, inner)
            known = tuple((key, value) for key, value in values.items() if value is not None)
            outer = self._expansions
            if channels is not None and len(known) == len(values):
                self._expansions = (*outer, Expansion(name, known, channels))
            elements, after = self._sequence(definition.items, channels, inner)
            self._expansions = outer
        self._path.pop()
        if len(elements) == 1 and isinstance(elements[0], Block) and elements[0].call is None:
            elements = [replace(elements[0], call=DefCall(name, known))]
        return elements, after

    def _with_defaults(
        self, definition: syntax.Def, given: Mapping[str, float | None], scope: Scope
    ) -> tuple[dict[str, float | None], Scope]:
        """The value of each parameter, in order; defaults may use those before, `let`s and `c`."""
        values: dict[str, float | None] = {}
        for name, _, default in definition.parameters:
            if name in given or default is None:
                values[name] = given[name]
            else:
                before = scope._replace(values=self._with_lets(values))
                chosen = self._choices.argument(default, before)
                values[name] = chosen and self._arguments.real(chosen, before)
        return values, scope._replace(values=self._with_lets(values))

    def _with_lets(self, values: dict[str, float | None]) -> Mapping[str, float | None]:
        """The values of parameters before those of `let`s, which may be made when they are read."""
        # A ChainMap writes to its first map alone, which is ours.
        return ChainMap(values, cast("MutableMapping[str, float | None]", self._values))

    def _may_expand(self, definition: syntax.Def, span: Span) -> bool:
        """Whether a definition can be expanded in a call; reported if not."""
        name = definition.name.text
        if name in self._path:
            cycle = " → ".join([*self._path[self._path.index(name) :], name])
            self._diagnostics.error("CTC115", f"`{name}` is defined by itself: {cycle}", span)
        elif self._expanded > MAX_LAYERS:
            outermost = self._defs[(self._path or [name])[0]].name
            self._diagnostics.error(
                "CTC108",
                f"`{outermost.text}` expands definitions more than {MAX_LAYERS:,} times",
                Origin(outermost.span, calls=self._diagnostics.calls[:1]),
                hint="each `def` that uses another one twice doubles the layers",
            )
        else:
            return True
        return False


def is_chain(group: syntax.Group) -> bool:
    """Whether a group's braces only hold a chain together: `{ (3,8) (3,16) }x2`."""
    alone = len(group.branches) == 1 and not group.branches[0].optional
    return group.bracket == "{" and group.join is None and alone


def _is_none(branch: syntax.Branch) -> bool:
    """Whether a branch is `none`: no layers."""
    match branch.items:
        case [syntax.Item(primary=syntax.Name("none"), postfixes=())]:
            return True
        case _:
            return False


def _one_stride(item: syntax.Item, upto: int, stride: Pair) -> Hint:
    """The hint to write two strides, the second before `upto`, as one.

    With the change, where they follow one another.
    """
    height, width = stride
    if height != width:
        return Hint(f"write one stride: the tag `s{height}x{width}` if both are meant")
    before, last = item.postfixes[max(upto - 2, 0)], item.postfixes[upto - 1]
    fixes: tuple[Fix, ...] = ()
    if before is not last and before.span.text[0] == last.span.text[0] == "/":
        fixes = (Fix(before.span.merge(last.span), f"/{height}"),)
    return Hint(f"write one stride: `/{height}` if both are meant", *fixes)
