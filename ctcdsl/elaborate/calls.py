"""The arguments of a call of a `def`: which parameter gets which."""

from __future__ import annotations

from collections.abc import Mapping

from ctcdsl.syntax.nodes import Argument, Call, Def, Name
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import Label
from ctcdsl.text.plural import plural
from ctcdsl.text.sink import Diagnostics


def bind(
    definition: Def, call: Name | Call, diagnostics: Diagnostics
) -> Mapping[str, Argument] | None:
    """The arguments given, by parameter; those left out have defaults. None after an error."""
    parameters = definition.parameters
    arguments = call.arguments if isinstance(call, Call) else ()
    named = call.named if isinstance(call, Call) else ()
    if len(arguments) > len(parameters):
        _report_count(definition, call, len(arguments) + len(named), diagnostics)
        return None
    given: dict[str, Argument] = {
        parameter.text: argument for parameter, argument in zip(parameters, arguments, strict=False)
    }
    ok = True
    names = [parameter.text for parameter in parameters]
    for name, value, span in named:
        if name.text not in names:
            hint = did_you_mean(name.text, names, f"it has {', '.join(names) or 'none'}")
            message = f"`{definition.name.text}` has no parameter `{name.text}`"
            diagnostics.error("CTC102", message, name.span, hint=hint)
            ok = False
        elif name.text in given:
            first = Label(given[name.text].span, "first given here")
            message = f"`{name.text}` is given twice"
            diagnostics.error("CTC102", message, span, also=(first,))
            ok = False
        given.setdefault(name.text, value)
    missing = [p for p in parameters if p.text not in given and p.default is None]
    if ok and missing and named:
        listed = ", ".join(f"`{parameter.text}`" for parameter in missing)
        defined = (Label(definition.name.span, "defined here"),)
        message = f"`{definition.name.text}` needs a value for {listed}"
        diagnostics.error(
            "CTC102", message, call.span, also=defined, hint=f"write `{_form(definition)}`"
        )
    elif ok and missing:
        _report_count(definition, call, len(arguments), diagnostics)
    return given if ok and not missing else None


def _report_count(definition: Def, call: Name | Call, count: int, diagnostics: Diagnostics) -> None:
    most = len(definition.parameters)
    least = sum(parameter.default is None for parameter in definition.parameters)
    listed = _form(definition).removeprefix(definition.name.text)
    amount = plural(most, "argument") if least == most else f"{least} to {most} arguments"
    diagnostics.error(
        "CTC102",
        f"`{definition.name.text}` takes {f'{amount} {listed}'.rstrip()}, not {count}",
        call.span,
        also=(Label(definition.name.span, "defined here"),),
        hint=f"write `{_form(definition)}`",
    )


def _form(definition: Def) -> str:
    """How a definition is called: `mb(k, n, e=6)`."""
    listed = ", ".join(
        parameter.text + ("" if parameter.default is None else f"={parameter.default.span.text}")
        for parameter in definition.parameters
    )
    return f"{definition.name.text}({listed})" if listed else definition.name.text
