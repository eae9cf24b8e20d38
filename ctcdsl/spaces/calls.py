"""Calls of `def`s whose bodies are placed in parts: the values of parameters, when they are read.

An argument that is a choice in place, as both of `fire(<16|32>,<64|128>)`, is a choice with a name
of its own, a slot: it is made where the body first reads it, and forgotten behind the last part
that does, so that the choices of one call need not multiply. What no part reads is made at the end.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import NamedTuple, cast

from ctcdsl.elaborate.calls import bind
from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.expressions import Scope, names_in
from ctcdsl.spaces.choices import Decision, Lets, Option, choices_named
from ctcdsl.syntax.nodes import Argument, Call, Choice, Convolution, Def, Group, Item, Name, Repeat
from ctcdsl.text import Span
from ctcdsl.text.sink import Diagnostics


class Opened(NamedTuple):
    """A call of a `def` whose body is placed in parts.

    `arguments` are those of its parameters, in their order, or their defaults; `given` are the
    parameters that the call names a value for; `chosen` are those of slots, in the order in which
    the compiler makes their choices; `unsure` those that no layer of the body reads for sure.
    """

    number: int
    definition: Def
    arguments: Mapping[str, Argument]
    given: frozenset[str]
    chosen: tuple[str, ...]
    unsure: tuple[str, ...]
    span: Span

    def slot(self, parameter: str) -> str:
        """The name of a parameter's choice, which no `let` has."""
        return f"<{self.number}.{parameter}>"

    @property
    def awaited(self) -> tuple[Decision, ...]:
        """A decision for each slot that is to be made: it has the choice instead of a value."""
        return tuple(Decision(self.slot(p), Option("", self.arguments[p])) for p in self.chosen)


Around = tuple[Group | Opened, ...]
"""The brackets and calls that parts of a step are inside of, from the outside in."""


def opened_call(number: int, call: Name | Call, definitions: Definitions) -> Opened | None:
    """A call of a `def` of a space; None for anything else, or where its arguments are wrong."""
    word = call.text if isinstance(call, Name) else call.word
    if word not in definitions.defs:
        return None
    definition = definitions.defs[word]
    given = bind(definition, call, Diagnostics())
    if given is None:
        return None
    defaults = {p.text: p.default for p in definition.parameters if p.text not in given}
    chosen = [p for p, argument in given.items() if isinstance(argument, Choice)]
    chosen += [p for p, argument in defaults.items() if isinstance(argument, Choice)]
    every = {**defaults, **given}
    arguments = {p.text: every[p.text] for p in definition.parameters}
    assert all(argument is not None for argument in arguments.values())
    known = cast("Mapping[str, Argument]", arguments)
    sure = frozenset(_read_for_sure(definition.items, definitions))
    unsure = tuple(name for name in arguments if name not in sure)
    return Opened(number, definition, known, frozenset(given), tuple(chosen), unsure, call.span)


def _read_for_sure(items: Sequence[Item], definitions: Definitions) -> Iterator[str]:
    """The names that layers read, however choices are made."""
    for item in items:
        amounts = [p.amount for p in item.postfixes if isinstance(p, Repeat)]
        if not all(isinstance(amount, int) and amount > 0 for amount in amounts):
            continue
        primary = item.primary
        if isinstance(primary, Group):
            for branch in primary.branches:
                yield from _read_for_sure(branch.items, definitions)
        elif isinstance(primary, Convolution) or (
            isinstance(primary, Call) and primary.word in definitions.defs
        ):
            yield from names_in(tuple(x for x in primary.arguments if not isinstance(x, Choice)))


class Parameters(Mapping[str, float | None]):
    """The values of some parameters of a call, each evaluated when it is read."""

    def __init__(
        self, call: Opened, outer: Scope, channels: int, lets: Lets, names: Sequence[str]
    ) -> None:
        """Parameters `names` of a call in the scope `outer`, which `channels` enter."""
        self._call = call
        self._outer = outer
        self._channels = channels
        self._lets = lets
        self._names = names

    def __getitem__(self, name: str) -> float | None:
        if name not in self._names:
            raise KeyError(name)
        argument, scope = self._call.arguments[name], self._outer
        if name not in self._call.given:  # a default, which may read parameters before it
            before = self._names[: self._names.index(name)]
            scope = _scope(self._call, scope, self._channels, self._lets, before)
        return self._lets.argument(self._call.slot(name), argument, scope)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _scope(
    call: Opened, outer: Scope, channels: int, lets: Lets, names: Sequence[str] | None = None
) -> Scope:
    """The scope of a call's body, or of one of its defaults, which reads some parameters alone."""
    names = tuple(call.arguments) if names is None else names
    own = Parameters(call, outer, channels, lets, names)
    # A ChainMap writes to its first map alone, and nobody writes to a scope.
    maps = cast("tuple[MutableMapping[str, float | None], ...]", (own, lets))
    return Scope(ChainMap(*maps), channels)


def scope_inside(around: Around, channels: Sequence[int], lets: Lets) -> Scope:
    """The scope inside of brackets and calls, which so many channels enter each."""
    scope = Scope(lets, channels[0])  # a call outside of all has the `c` of its own layers
    for each, entering in zip(around, channels, strict=True):
        if isinstance(each, Opened):
            scope = _scope(each, scope, entering, lets)
        else:
            scope = scope._replace(channels=entering)
    return scope


class Reads(NamedTuple):
    """The choices that a part of a step may read, and whether it reads `c`."""

    names: frozenset[str]
    channels: bool


def reads(node: object, around: Around, definitions: Definitions) -> Reads:
    """What a node inside of brackets and calls may read, by itself and through parameters."""
    names = set(choices_named(node, definitions))
    mentioned = set(names_in(node))
    channels = "c" in mentioned
    for call in reversed(around):
        if not isinstance(call, Opened):
            continue
        outside: set[str] = set()
        for parameter, argument in reversed(tuple(call.arguments.items())):
            if parameter not in mentioned:
                continue
            if isinstance(argument, Choice):
                names.add(call.slot(parameter))
            names |= choices_named(argument, definitions)
            inside = outside if parameter in call.given else mentioned
            inside |= set(names_in(argument))
            channels = channels or "c" in names_in(argument)
        mentioned = outside
    return Reads(frozenset(names), channels)


def in_order(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """Decisions in the order of the compiler, those of slots as choices in place at their calls."""
    ordered: list[Decision] = []
    awaited: dict[str, int] = {}
    for decision in decisions:
        name, option = decision
        if not name.startswith("<"):
            ordered.append(decision)
        elif isinstance(option.node, Choice):
            awaited[name] = len(ordered)
            ordered.append(decision)
        else:
            ordered[awaited[name]] = Decision("", option)
    return tuple(ordered)
