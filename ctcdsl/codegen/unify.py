"""Anti-unification: one code for many instances, with parameters where they differ.

Each number of the code is a vector, a value for each instance. What is equal in all is a
constant; what varies is a parameter, or follows from one: `4 * width`, `channels // 4`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ctcdsl.codegen.names import parameter_name
from ctcdsl.ops.calls import Role

Values = tuple[int | None, ...]
"""A value for each instance; None where an instance lacks that part of the code."""

_DEFAULTS = {Role.STRIDE: 1, Role.DILATION: 1, Role.GROUPS: 1, Role.PADDING: 0}
WORDS = {
    Role.CHANNELS: "width",
    Role.KERNEL: "kernel",
    Role.STRIDE: "stride",
    Role.PADDING: "padding",
    Role.DILATION: "dilation",
    Role.GROUPS: "groups",
}
_LARGEST_RATIO = 64


@dataclass(eq=False, slots=True)
class Parameter:
    """A parameter of a class: its value in each instance, and what it is used as."""

    values: Values
    roles: set[Role] = field(default_factory=set)
    def_parameter: str = ""  # its name in the `def`
    name: str = ""
    given: str | None = None  # its default in the `def`

    @property
    def role(self) -> Role:
        """What it means where it is passed on."""
        return next((role for role in Role if role in self.roles), Role.CHANNELS)

    @property
    def kind(self) -> str:
        """Its type."""
        whole = all(value is None or value == int(value) for value in self.values)
        return "int" if whole else "float"

    @property
    def default(self) -> str | None:
        """What it is where nothing is given; positional parameters have what their `def` gives."""
        usual = _DEFAULTS.get(self.role)
        if self.def_parameter:
            return self.given
        return str(usual) if usual in self.values else None

    @property
    def keyword_only(self) -> bool:
        """Whether it needs its keyword: sizes and strides do, channels do not."""
        return not self.def_parameter and Role.CHANNELS not in self.roles


@dataclass(frozen=True, slots=True)
class Expression:
    """A constant, a parameter, or what follows from parameters."""

    form: str
    of: tuple[Parameter, ...] = ()

    def __str__(self) -> str:
        return self.form.format(*(parameter.name for parameter in self.of))

    @property
    def compound(self) -> bool:
        """Whether it is more than a constant or a parameter."""
        return bool(self.of) and self.form != "{}"


class Unifier:
    """Finds the parameters of one class.

    Args:
        inputs: The input channels of each instance.
        outputs: Its output channels.
        arguments: The arguments of the author's `def`, by name.
    """

    def __init__(self, inputs: Values, outputs: Values, arguments: Mapping[str, Values]) -> None:
        self.in_channels = Parameter(inputs, {Role.CHANNELS})
        self._inputs, self._outputs = inputs, outputs
        self._def_parameters = [
            Parameter(values, def_parameter=name)
            for name, values in arguments.items()
            if len(set(values)) > 1 and values != inputs
        ]
        self._new: list[Parameter] = []
        self._known: dict[Expression, Values] = {}
        self._used: set[Parameter] = set()
        self.functions: set[str] = set()  # that expressions call

    def resolve(self, values: Values, role: Role) -> Expression:
        """An expression with these values, of a new parameter if need be."""
        present = {value for value in values if value is not None}
        expression: Expression | None = None
        if None in values and (role is Role.CHANNELS or (role is Role.STRIDE and present != {1})):
            # Few instances have this part: what it follows from says more than a constant.
            expression = next(
                (e for e, known in self._known.items() if e.of and agree(values, known)), None
            )
        if expression is None and len(present) == 1:
            return Expression(str(present.pop()))
        if expression is None:
            expression = self.find(values, role) or self._parameter(values, role)
        self._take(expression, role)
        self._known.setdefault(expression, values)
        return expression

    def _parameter(self, values: Values, role: Role) -> Expression:
        """A new parameter, which has some value where there is none."""
        filler = next(value for value in values if value is not None)
        parameter = Parameter(tuple(filler if v is None else v for v in values), {role})
        self._new.append(parameter)
        return Expression("{}", (parameter,))

    def _take(self, expression: Expression, role: Role) -> None:
        """Keep the parameters of an expression; one that stands alone has the role."""
        self.use(expression)
        if not expression.compound:
            for parameter in expression.of:
                parameter.roles.add(role)

    def find(self, values: Values, role: Role) -> Expression | None:
        """An expression with these values without a new parameter; None if there is none."""
        present = {value for value in values if value is not None}
        if len(present) == 1:
            return Expression(str(present.pop()))
        return next(self._candidates(values, role), None)

    def _candidates(self, values: Values, role: Role) -> Iterator[Expression]:
        parameters = [self.in_channels, *self._def_parameters, *self._new]
        for parameter in parameters:
            if _equal_may(role, parameter) and agree(values, parameter.values):
                yield Expression("{}", (parameter,))
        for parameter in parameters:
            halves = role is Role.PADDING and Role.KERNEL in parameter.roles
            if halves and _follows(values, (parameter,), lambda kernel: kernel // 2):
                yield Expression("{} // 2", (parameter,))
        if role not in (Role.CHANNELS, Role.GROUPS):
            return
        widths = [p for p in parameters if Role.CHANNELS in p.roles or p.def_parameter]
        for parameter in widths:
            for ratio in range(2, _LARGEST_RATIO + 1):
                if _follows(values, (parameter,), lambda width, k=ratio: k * width):
                    yield Expression(f"{ratio} * {{}}", (parameter,))
                if _follows(values, (parameter,), lambda width, k=ratio: _quotient(width, k)):
                    yield Expression(f"{{}} // {ratio}", (parameter,))
        for factor in self._def_parameters:
            for width in widths:
                if width is factor:
                    continue
                if _follows(values, (factor, width), lambda k, n: k * n):
                    yield Expression("{} * {}", (factor, width))
                if _follows(values, (width, factor), _quotient):
                    yield Expression("{} // {}", (width, factor))

    def count(self, values: Values) -> Expression | None:
        """The parameter of the `def` that has these values; None if there is none."""
        parameters = (p for p in self._def_parameters if agree(values, p.values))
        return next((Expression("{}", (parameter,)) for parameter in parameters), None)

    def of(self, role: Role) -> list[Parameter]:
        """The parameters in use for a role."""
        parameters = (self.in_channels, *self._def_parameters, *self._new)
        return [p for p in parameters if p in self._used and role in p.roles]

    def use(self, *expressions: Expression) -> None:
        """Keep the parameters of expressions that `find` found."""
        for expression in expressions:
            self._used.update(expression.of)

    def uses(self, expression: Expression) -> bool:
        """Whether all of its parameters are in use."""
        return self._used.issuperset(expression.of)

    # ------------------------------------------------------------------ naming

    def parameters(self, taken: Collection[str]) -> list[Parameter]:
        """The parameters in use, named, those that need a keyword last."""
        first = [p for p in (self.in_channels, *self._def_parameters) if p in self._used]
        order = sorted([*first, *self._new], key=lambda p: p.keyword_only)
        words = [p.def_parameter or self._word(p) for p in order]
        totals = Counter(words)
        counts: Counter[str] = Counter()
        names: list[str] = []
        for parameter, name in zip(order, words, strict=True):
            counts[name] += 1
            number = str(counts[name]) if totals[name] > 1 else ""
            parameter.name = parameter_name(f"{name}{number}", {*taken, *names})
            names.append(parameter.name)
        return order

    def _word(self, parameter: Parameter) -> str:
        if parameter is self.in_channels:
            return "channels" if self._inputs == self._outputs else "in_chs"
        if parameter.role is Role.CHANNELS and parameter.values == self._outputs:
            return "out_chs"
        return WORDS[parameter.role]


def agree(values: Values, known: Values) -> bool:
    """Whether the values that are there are the known ones."""
    return all(a is None or a == b for a, b in zip(values, known, strict=True))


def _equal_may(role: Role, parameter: Parameter) -> bool:
    """Whether a number may be a parameter that happens to have its values."""
    if parameter.def_parameter or role in parameter.roles:
        return True
    interchangeable = {Role.GROUPS: Role.CHANNELS, Role.PADDING: Role.DILATION}
    return interchangeable.get(role) in parameter.roles


def _follows(values: Values, of: Sequence[Parameter], rule: Callable[..., int | None]) -> bool:
    return all(
        value is None or (None not in args and rule(*args) == value)
        for value, args in zip(values, zip(*(p.values for p in of), strict=True), strict=True)
    )


def _quotient(width: int, divisor: int) -> int | None:
    return width // divisor if divisor > 0 and width % divisor == 0 else None
