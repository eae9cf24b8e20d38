"""What `where` says: `k != 2 or d%2 == 0`, of values that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from ctcdsl.elaborate.expressions import Expressions, Scope, names_in
from ctcdsl.syntax.nodes import Comparison, Condition, Where
from ctcdsl.text.sink import Diagnostics

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        "==": lambda one, other: one == other,
        "!=": lambda one, other: one != other,
        "<": lambda one, other: one < other,
        "<=": lambda one, other: one <= other,
        ">": lambda one, other: one > other,
        ">=": lambda one, other: one >= other,
    }
)


def conjuncts(wheres: Iterable[Where]) -> Iterator[Condition | Comparison]:
    """All that must hold, each by itself: conditions are split at `and`."""
    for where in wheres:
        condition = where.condition
        if isinstance(condition, Condition) and condition.operator == "and":
            yield from condition.parts
        else:
            yield condition


def holds(condition: Condition | Comparison, expressions: Expressions, scope: Scope) -> bool | None:
    """Whether a condition holds; None, reported, where one of its values is wrong."""
    if isinstance(condition, Comparison):
        values = [expressions.value(operand, scope) for operand in condition.operands]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        pairs = zip(condition.operators, known, known[1:], strict=False)
        return all(_OPERATORS[operator](one, other) for operator, one, other in pairs)
    parts = [holds(part, expressions, scope) for part in condition.parts]
    if None in parts:
        return None
    return all(parts) if condition.operator == "and" else any(parts)


def require_conditions(
    wheres: Iterable[Where], values: Mapping[str, float | None], diagnostics: Diagnostics
) -> None:
    """Report the conditions that do not hold for a network (CTC122)."""
    expressions, scope = Expressions(diagnostics), Scope(values)
    for condition in conjuncts(wheres):
        if holds(condition, expressions, scope) is False:
            names = [name for name in dict.fromkeys(names_in(condition)) if name in values]
            given = ", ".join(f"{name} = {values[name]:g}" for name in names)
            diagnostics.error(
                "CTC122",
                f"`{condition.span.text}` does not hold: {given}",
                condition.span,
                hint="give other values, or take the condition out",
            )
