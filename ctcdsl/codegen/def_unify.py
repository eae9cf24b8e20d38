"""The parameters of a class are those of its `def`, and numbers follow as the author says."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ctcdsl.codegen.expansions import CHANNELS
from ctcdsl.codegen.unify import WORDS, Expression, Parameter, Unifier, Values, agree
from ctcdsl.elaborate.symbols import Form, Symbol
from ctcdsl.ops.calls import Role


class DefUnifier(Unifier):
    """Finds the parameters of the class of a `def`'s block: those of the `def`.

    A number is the expression that the `def` has for it, whatever its values are. Of a number
    that follows from none, such as a stride that the call adds or a padding that a rule has in
    a table, all instances have the same, or it is a parameter of its own.

    Args:
        inputs: The input channels of each instance, and of each probe.
        outputs: Its output channels.
        arguments: The arguments of the `def`, by name, and their defaults.
    """

    def __init__(
        self,
        inputs: Values,
        outputs: Values,
        arguments: Mapping[str, tuple[Values, str | None]],
    ) -> None:
        super().__init__(inputs, outputs, {})
        self._def_parameters = [
            Parameter(values, def_parameter=name, given=default)
            for name, (values, default) in arguments.items()
        ]
        self._by_name = {parameter.def_parameter: parameter for parameter in self._def_parameters}
        self._by_name[CHANNELS] = self.in_channels
        self._same_channels = self.find(outputs, Role.CHANNELS) == Expression(
            "{}", (self.in_channels,)
        )

    def resolve(self, values: Values, role: Role) -> Expression:
        """The expression of the `def`; a constant, or a new parameter."""
        expression = self.find(values, role) or self._parameter(values, role)
        self._take(expression, role)
        return expression

    def find(self, values: Values, role: Role) -> Expression | None:
        """The expression of the `def`, a constant, or a parameter that is there."""
        present = [value for value in values if value is not None]
        forms = {value.form if isinstance(value, Symbol) else None for value in present}
        if len(forms) == 1 and None not in forms:
            return self._written(*forms)
        partial = None in values and role is Role.STRIDE and set(present) != {1}
        if len(set(present)) == 1 and not partial:
            return Expression(str(int(present[0])))
        return next(
            (
                Expression("{}", (parameter,))
                for parameter in self._new
                if role in parameter.roles and agree(values, parameter.values)
            ),
            Expression(str(int(present[0]))) if partial and len(set(present)) == 1 else None,
        )

    def _written(self, form: Form | None) -> Expression | None:
        """A form with the parameters of the class in it."""
        assert form is not None
        names = tuple(dict.fromkeys(form.names))
        if any(name not in self._by_name for name in names):
            return None
        text = form.renamed({name: f"{{{k}}}" for k, name in enumerate(names)}).text()
        self.functions.update(form.functions)
        text = "{}" if text == "{0}" else text
        return Expression(text, tuple(self._by_name[name] for name in names))

    def parameters(self, taken: Collection[str]) -> list[Parameter]:
        """The parameters in use; where one of several channels is new, none has a default."""
        if any(not parameter.keyword_only for parameter in self._new):
            for parameter in self._def_parameters:
                parameter.given = None
        return super().parameters(taken)

    def _word(self, parameter: Parameter) -> str:
        if parameter is self.in_channels:
            return "channels" if self._same_channels else "in_chs"
        return WORDS[parameter.role]
