"""`let` and `def`: the names that a network may use, and the values of its parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ctcdsl.elaborate.choices import expand, report_space
from ctcdsl.elaborate.expressions import TAG, Expressions, Scope, names_in
from ctcdsl.syntax.lexing import MAX_DEPTH
from ctcdsl.syntax.nodes import (
    Choice,
    Def,
    Expression,
    Header,
    Let,
    Name,
    Named,
    Parameter,
    Statement,
    Where,
)
from ctcdsl.syntax.words import KEYWORDS
from ctcdsl.text import Fix, Hint, Label, Severity, Span
from ctcdsl.text.fixes import write
from ctcdsl.text.sink import Diagnostics


@dataclass(slots=True)
class Definitions:
    """The `let`s, `def`s and `where`s above a network."""

    lets: dict[str, Let] = field(default_factory=dict)
    defs: dict[str, Def] = field(default_factory=dict)
    wheres: list[Where] = field(default_factory=list)

    def copy(self) -> Definitions:
        """The same definitions for another network of the file, which may add to them."""
        return Definitions(dict(self.lets), dict(self.defs), list(self.wheres))

    def block(self, name: str) -> Def | None:
        """The `def` that a `let` names: `let block = basic`; None where it names none."""
        seen: set[str] = set()
        while name in self.lets and name not in seen:
            seen.add(name)
            value = self.lets[name].value
            if not isinstance(value, Name):
                return None
            name = value.text
        return self.defs.get(name)

    @property
    def blocks(self) -> dict[str, Def]:
        """The `def`s, and the `let`s that name one."""
        named = {name: block for name in self.lets if (block := self.block(name)) is not None}
        return {**self.defs, **named} if named else self.defs


NO_VALUES: Mapping[str, float] = MappingProxyType({})


class DefinitionReader:
    """Collects definitions and evaluates them."""

    def __init__(
        self, diagnostics: Diagnostics, overrides: Mapping[str, float] = NO_VALUES
    ) -> None:
        self._diagnostics = diagnostics
        self._expressions = Expressions(diagnostics)
        self._overrides = overrides
        # The networks of a file share most of its `let`s.
        self._evaluated: tuple[dict[str, Let], dict[str, float | None]] | None = None

    def add(self, definition: Let | Def | Where, to: Definitions) -> None:
        """Add a definition, unless its name is taken."""
        if isinstance(definition, Where):
            to.wheres.append(definition)
            return
        name = definition.name
        names: list[Name | Parameter] = [name]
        if isinstance(definition, Def):
            names += definition.parameters
        for other in names:
            if other.text in KEYWORDS or TAG.fullmatch(other.text) or not other.text.isidentifier():
                self._reserved(other)
        if isinstance(definition, Def):
            self._parameters(definition)
        first = to.lets.get(name.text) or to.defs.get(name.text)
        if first is not None:
            label = Label(first.name.span, "first defined here")
            message = f"`{name.text}` is defined twice"
            self._diagnostics.error("CTC105", message, name.span, also=(label,))
        elif isinstance(definition, Let):
            to.lets[name.text] = definition
        else:
            to.defs[name.text] = definition

    def values(self, definitions: Definitions) -> dict[str, float | None]:
        """The value of each `let`, or its override; None for those with errors."""
        if self._evaluated is None or self._evaluated[0] != definitions.lets:
            values: dict[str, float | None] = {}
            for name in definitions.lets:
                self._resolve(name, definitions, values, [])
            self._evaluated = dict(definitions.lets), values
        return self._evaluated[1]

    def _resolve(
        self, name: str, definitions: Definitions, values: dict[str, float | None], path: list[str]
    ) -> None:
        if name in values:
            return
        let = definitions.lets[name]
        if name in self._overrides:
            values[name] = self._overrides[name]
            return
        if len(path) > MAX_DEPTH:
            message = f"`let`s refer to each other more than {MAX_DEPTH} deep"
            self._diagnostics.error("CTC004", message, let.value.span)
            values[name] = None
            return
        if name in path:
            cycle = " → ".join([*path[path.index(name) :], name])
            message = f"`{name}` is defined by itself: {cycle}"
            self._diagnostics.error("CTC115", message, let.value.span)
            values[name] = None
            return
        if isinstance(let.value, Choice):
            self._resolve_names(let, definitions, values, [*path, name])
            if expand(let.value, self._expressions, Scope(values)) is not None:
                report_space(let, self._diagnostics)
            values[name] = None
            return
        if isinstance(let.value, Name) and definitions.block(name) is not None:
            return  # a name of layers, and of no number
        self._resolve_names(let, definitions, values, [*path, name])
        if name not in values:
            values[name] = self._expressions.value(let.value, Scope(values))
            _warn_of_minus(let, values[name], self._diagnostics)

    def _resolve_names(
        self, let: Let, definitions: Definitions, values: dict[str, float | None], path: list[str]
    ) -> None:
        """Evaluate the `let`s that the value of one mentions."""
        for used in names_in(let.value):
            if used in definitions.lets:
                self._resolve(used, definitions, values, path)

    def _reserved(self, name: Name | Parameter) -> None:
        entry = KEYWORDS.get(name.text)
        if entry is not None:
            message = f"`{name.text}` is a keyword: {entry.summary}"
        elif TAG.fullmatch(name.text):
            message = f"`{name.text}` is a tag"
        else:
            message = f"`{name.text}` is not a name: a name is made of letters, digits and `_`"
        self._diagnostics.error("CTC114", message, name.span, hint="choose another name")

    def _parameters(self, definition: Def) -> None:
        seen: dict[str, Parameter] = {}
        default: Parameter | None = None
        for parameter in definition.parameters:
            if parameter.default is not None:
                default = parameter
            elif default is not None:
                self._diagnostics.error(
                    "CTC102",
                    f"`{parameter.text}` needs a default, as `{default.text}` before it has one",
                    parameter.span,
                    hint="parameters with defaults come last",
                )
            if parameter.text in seen:
                label = Label(seen[parameter.text].span, "first given here")
                message = f"two parameters are named `{parameter.text}`"
                self._diagnostics.error("CTC105", message, parameter.span, also=(label,))
            seen.setdefault(parameter.text, parameter)


def _warn_of_minus(let: Let, value: float | None, diagnostics: Diagnostics) -> None:
    """Warn of `let w = 16-512`, which is -496 and no range (CTC926)."""
    if value is None or value >= 0 or not isinstance(let.value, Expression):
        return
    low, *minus, high = let.value.tokens
    if minus == ["-"] and low.isdecimal() and high.isdecimal():
        text = f"{low}..{high}"
        diagnostics.add(
            Severity.WARNING,
            "CTC926",
            f"`{let.name.text}` is {low} minus {high}, {value:g}: a range is written `{text}`",
            let.value.span,
            hint=write(text, " if its values are from one to the other"),
        )


def report_unused(statements: Iterable[Statement], diagnostics: Diagnostics) -> None:
    """Warn of definitions and parameters that nothing uses (CTC904)."""
    statements = tuple(statements)
    mentions = Counter(name for body in _without_heads(statements) for name in set(names_in(body)))
    for definition in statements:
        if not isinstance(definition, Let | Def):
            continue
        name = definition.name.text
        used = set(names_in(_body(definition)))
        if mentions[name] == (name in used):  # by itself at most
            word = "let" if isinstance(definition, Let) else "def"
            _unused(f"`{word} {name}` is never used", definition.name, diagnostics, definition.span)
        if isinstance(definition, Def):
            for parameter in definition.parameters:
                if parameter.text not in used:
                    message = f"parameter `{parameter.text}` of `{name}` is never used"
                    _unused(message, parameter, diagnostics)


_EXPONENT = re.compile(r"(?<![A-Za-z0-9_.])([0-9]+)([eE])([-−+]?[0-9]+)(?![A-Za-z0-9_])")


def report_exponents(statements: Iterable[Statement], diagnostics: Diagnostics) -> None:
    """Warn of `2e3` and `2e-3` where `e3` or `e` is a name: they are numbers (CTC925)."""
    statements = tuple(statements)
    lets = {statement.name.text for statement in statements if isinstance(statement, Let)}
    for statement in statements:
        names = lets
        if isinstance(statement, Def):
            names = lets | {parameter.text for parameter in statement.parameters}
        if not any(_NAME.fullmatch(name) for name in names):
            continue
        span = statement.span
        code = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), span.text)
        for number in _EXPONENT.finditer(code):
            factor, letter, power = number.groups()
            name = letter if power[0] in "-−+" else letter + power
            if name in names:
                start = span.start + number.start()
                place = span._replace(start=start, end=start + len(number[0]))
                product = f"{factor}*{letter}{power}"
                diagnostics.add(
                    Severity.WARNING,
                    "CTC925",
                    f"`{number[0]}` is a number, and not `{name}` times {factor}",
                    place,
                    hint=write(product, f" if the name `{name}` is meant"),
                )


_NAME = re.compile("[eE][0-9]*")


def _without_heads(statements: Iterable[Statement]) -> Iterator[object]:
    for statement in statements:
        if isinstance(statement, Let):
            yield statement.value
        elif isinstance(statement, Def):
            yield _body(statement)
        elif isinstance(statement, Header):
            yield tuple(value.value for value in statement.values if isinstance(value, Named))
        else:
            yield statement


def _body(definition: Let | Def) -> tuple[object, ...]:
    """What a definition uses: its value, or its items and its parameters' defaults."""
    if isinstance(definition, Let):
        return (definition.value,)
    return (*definition.items, *(parameter.default for parameter in definition.parameters))


def _unused(
    message: str, name: Name | Parameter, diagnostics: Diagnostics, statement: Span | None = None
) -> None:
    """Warn of a name; its statement, if it has one of its own, can be removed."""
    changes = (Fix(statement, ""),) if statement is not None else ()
    hint = Hint("remove it, or use it", *changes)
    diagnostics.add(Severity.WARNING, "CTC904", message, name.span, hint=hint)
