"""Choices made lazily: a value that is read before it is chosen asks for the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ctcdsl.elaborate.choices import expand
from ctcdsl.elaborate.definitions import Definitions
from ctcdsl.elaborate.expressions import Expressions, Scope, names_in
from ctcdsl.syntax.nodes import Argument, Branch, Choice, Def, Name, Number
from ctcdsl.text import Span
from ctcdsl.text.sink import Diagnostics

Value = int | float | str
"""A chosen value as states have it: a number, or the text of what is none."""


class Option(NamedTuple):
    """One value of a choice, or one branch of a choice in place."""

    key: Value
    node: Argument | Branch

    @property
    def text(self) -> str:
        """How it is written."""
        if isinstance(self.node, Branch):
            return " ".join(self.node.span.text.split())
        return f"{self.key:.15g}" if isinstance(self.key, float) else str(self.key)


class Options(NamedTuple):
    """What a choice is between, and where each is."""

    all: tuple[Option, ...]
    place: Mapping[Value, int]

    @classmethod
    def of(cls, values: Sequence[Argument]) -> Options:
        """The options of a choice's values."""
        return cls.between([Option(_key(value), value) for value in values])

    @classmethod
    def between(cls, options: Sequence[Option]) -> Options:
        """Some options."""
        return cls(tuple(options), {option.key: k for k, option in enumerate(options)})


class Decision(NamedTuple):
    """A choice that is made: its name, empty for one in place, and the option."""

    name: str
    option: Option


class Undecided(Exception):
    """A choice is read that nobody has made: by its name, empty for one in place."""

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name)
        self.name, self.options = name, options


class Invalid(Exception):
    """A choice has no values; the error has been reported."""


def _key(value: Argument) -> Value:
    return value.value if isinstance(value, Number) else value.span.text


class Lets(Mapping[str, float | None]):
    """The values of a space's `let`s, for the choices made in `assignment`."""

    def __init__(self, definitions: Definitions, classes: int, diagnostics: Diagnostics) -> None:
        self._lets = definitions.lets
        self._defs = definitions.defs
        self._classes = classes
        self._expressions = Expressions(diagnostics)
        self._known: dict[str, Options] = {}
        self.assignment: Mapping[str, Option] = {}
        self.read: dict[str, Options] = {}
        """The choices that were read since this was emptied, in order, with their options."""

    def chosen(self, name: str) -> Argument:
        """The value of a `let`, which is that of a choice where it has one.

        Raises:
            Undecided: The choice is not made.
            Invalid: It has no values.
        """
        value = self._lets[name].value
        if not isinstance(value, Choice):
            return value
        option = self.assignment.get(name)
        if option is None:
            raise Undecided(name, self._options(name, value))
        if name not in self.read:
            self.read[name] = self._options(name, value)
        assert not isinstance(option.node, Branch)
        return option.node

    def _options(self, name: str, choice: Choice) -> Options:
        """What a choice is between; kept, where that depends on no other choice."""
        if name in self._known:
            return self._known[name]
        values = expand(choice, self._expressions, Scope(self))
        if values is None:
            raise Invalid
        options = Options.of(values)
        if not any(word in self._lets for word in names_in(choice)):
            self._known[name] = options
        return options

    def argument(self, name: str, argument: Argument, scope: Scope) -> float | None:
        """The value of an argument of a call, which is that of a choice `name` where it is one.

        Raises:
            Undecided: The choice, or one that it reads, is not made.
            Invalid: It has no values.
        """
        if isinstance(argument, Choice):
            option = self.assignment.get(name)
            if option is None or name not in self.read:
                values = expand(argument, self._expressions, scope)
                if values is None:
                    raise Invalid
                if option is None:
                    raise Undecided(name, Options.of(values))
                self.read[name] = Options.of(values)
            assert not isinstance(option.node, Branch)
            argument = option.node
        return self._expressions.value(argument, scope)

    def block(self, name: str) -> Def | None:
        """The `def` that a name is for, itself or through `let`s; None where there is none.

        Raises:
            Undecided: A choice is not made.
        """
        for _ in range(len(self._lets) + 1):
            if name in self._defs:
                return self._defs[name]
            if name not in self._lets:
                return None
            value = self.chosen(name)
            if not isinstance(value, Name):
                return None
            name = value.text
        return None

    def __getitem__(self, name: str) -> float | None:
        if name == "classes":
            return self._classes
        value = self.chosen(name)
        if isinstance(value, Number):
            return value.value
        return self._expressions.value(value, Scope(self))

    def __contains__(self, name: object) -> bool:
        return name in self._lets or name == "classes"

    def __iter__(self) -> Iterator[str]:
        yield from self._lets
        yield "classes"

    def __len__(self) -> int:
        return len(self._lets) + 1


class Blocks(Mapping[str, Def]):
    """The `def`s of a space, and the `let`s that name one, chosen when they are called."""

    def __init__(self, definitions: Definitions, lets: Lets) -> None:
        self._lets = lets
        self._names = dict.fromkeys(definitions.defs)
        for name, let in definitions.lets.items():
            values = let.value.values if isinstance(let.value, Choice) else (let.value,)
            if any(isinstance(x, Name) and x.text in definitions.defs for x in values):
                self._names[name] = None

    def __getitem__(self, name: str) -> Def:
        block = self._lets.block(name)
        if block is None:
            raise KeyError(name)
        return block

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class InPlace:
    """Makes the choices in place: the first of them by `made`, the next one asks."""

    def __init__(self, made: Sequence[Option]) -> None:
        self._made = iter(made)

    def argument(self, values: Callable[[], Sequence[Argument] | None]) -> Argument | None:
        """One of some values, which may be wrong.

        Raises:
            Undecided: It is not made.
        """
        option = next(self._made, None)
        if option is None:
            every = values()  # only here: it takes as long as there are many
            if every is None:
                return None
            raise Undecided("", Options.of(every))
        assert not isinstance(option.node, Branch)
        return option.node

    def branch(self, branches: Sequence[Branch], span: Span) -> Branch:
        """One of some branches.

        Raises:
            Undecided: It is not made.
        """
        option = next(self._made, None)
        if option is None:
            texts = [" ".join(branch.span.text.split()) for branch in branches]
            pairs = zip(texts, branches, strict=True)
            options = [Option(text, branch) for text, branch in pairs]
            raise Undecided("", Options.between(options))
        assert isinstance(option.node, Branch)
        return option.node


def choices_named(node: object, definitions: Definitions) -> frozenset[str]:
    """The choices that a node may read, through `let`s and `def`s."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(names_in(node))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in definitions.lets:
            value = definitions.lets[name].value
            if isinstance(value, Choice):
                found.add(name)
            waiting += names_in(value)
        if name in definitions.defs:
            definition = definitions.defs[name]
            waiting += names_in(definition.items)
            waiting += names_in(tuple(parameter.default for parameter in definition.parameters))
    return frozenset(found)
