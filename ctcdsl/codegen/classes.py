"""The text of block classes: docstring, `__init__` and `forward`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from textwrap import wrap

from ctcdsl.codegen.calls import WIDTH, attribute, chain, format_call, signature
from ctcdsl.codegen.class_code import BranchCode, ClassCode, Condition
from ctcdsl.codegen.layout import wrap_row
from ctcdsl.ir import Join, Style
from ctcdsl.ir.printer import row
from ctcdsl.lowering import may_overwrite_end
from ctcdsl.ops.calls import Code

_SUMMARIES = {
    Join.CONCAT: "Concatenates its branches",
    Join.SPLIT: "Splits its channels over its branches",
    Join.MULTIPLY: "Multiplies its branches",
    Join.MAXIMUM: "Takes the maximum of its branches",
}


def class_lines(code: ClassCode, style: Style) -> list[str]:
    """The lines of a block's class.

    Args:
        code: The block.
        style: The network's, for the docstring.
    """
    if len(code.branches) == 1:
        return _chain_class(code, style)
    lines = [f"class {code.name}(nn.Module):", *_indented(_docstring(code, style), 4), ""]
    body = _init(code)
    if body:
        lines += _indented(signature("def __init__", _parameters(code), "None"), 4)
        lines += _indented(["super().__init__()", *body], 8)
        lines.append("")
    lines += _indented(["def forward(self, x: Tensor) -> Tensor:"], 4)
    lines += _indented(_forward(code), 8)
    return lines


def _chain_class(code: ClassCode, style: Style) -> list[str]:
    """A block that has one branch: nothing is added to it."""
    calls = code.branches[0].render(code.names)
    if code.activation is not None:
        calls += code.activation.render(code.names)
    lines = [f"class {code.name}(Chain):", *_indented(_docstring(code, style), 4), ""]
    lines += _indented(signature("def __init__", _parameters(code), "None"), 4)
    lines += _indented(_locals(code), 8)
    if not calls:
        return [*lines, "        super().__init__()"]
    inside = _indented(list(chain(calls, 12)), 12)
    return [*lines, "        super().__init__(", *inside, "        )"]


# ------------------------------------------------------------------ docstring


def _docstring(code: ClassCode, style: Style) -> list[str]:
    first = code.block_class.first
    if first.source is not None:
        notation, like = first.source.key[1], ":"
    else:
        notation = row((first.block,), style, first.node.input.channels)
        like = ", as in" if code.parameters or code.flags else ":"
    lines = [f"{_summary(code)}{like} `{notation}`."]
    if 4 + len(f'"""{lines[0]}"""') > WIDTH:
        lines = [f"{_summary(code)}{like}", ""]
        lines += wrap_row(notation, WIDTH - 4)
    maps = _maps(code)
    if maps is not None:
        lines += ["", *wrap(maps, WIDTH - 4)]
    if len(lines) == 1:
        return [f'"""{lines[0]}"""']
    return [f'"""{lines[0]}', *lines[1:], '"""']


def _summary(code: ClassCode) -> str:
    join = code.block_class.first.block.join
    if join is not Join.ADD:
        return _SUMMARIES[join]
    if len(code.branches) == 1:
        return "A block whose other branches do not fit its shape"
    last = code.branches[-1]
    if code.block_class.first.node.shortcut:
        if last.condition is not None:
            return "Adds its input, projected where the shape changes"
        return "Adds its input, projected" if last.calls else "Adds its input"
    if len(code.branches) == 2 and not last.calls:
        return f"Adds its input{' where the shape stays' * (last.condition is not None)}"
    return "Adds its branches"


def _maps(code: ClassCode) -> str | None:
    """What the block does to shapes, where that can be said."""
    if code.inputs is None or code.outputs is None or code.scale is None:
        return None
    height, width = (side if code.scale == "1" else f"{side} / {code.scale}" for side in "HW")
    if (code.inputs, code.scale) == (code.outputs, "1"):
        return f"Keeps shapes (N, {code.inputs}, H, W)."
    return f"Maps (N, {code.inputs}, H, W) to (N, {code.outputs}, {height}, {width})."


# ------------------------------------------------------------------- __init__


def _parameters(code: ClassCode) -> list[str]:
    parameters = ["self"]
    starred = False
    for parameter in code.parameters:
        if parameter.keyword_only and not starred:
            parameters.append("*")
            starred = True
        default = f" = {parameter.default}" if parameter.default is not None else ""
        parameters.append(f"{parameter.name}: {parameter.kind}{default}")
    if code.flags and not starred:
        parameters.append("*")
    return [*parameters, *(f"{flag}: bool" for flag in code.flags)]


def _init(code: ClassCode) -> list[str]:
    lines = _locals(code)
    for branch in code.branches:
        if not branch.calls:
            continue
        calls = branch.render(code.names)
        if branch.condition is None:
            lines += _module(branch, calls, 8)
            continue
        projection = branch.attribute == "shortcut"
        kind, otherwise = (
            ("nn.Module", "nn.Identity()") if projection else ("nn.Module | None", "None")
        )
        lines.append(f"self.{branch.attribute}: {kind} = {otherwise}")
        lines.append(f"if {branch.condition.text(code.names, negated=projection)}:")
        lines += _indented(_module(branch, calls, 12), 4)
    if code.share is not None and code.share.of:
        lines.append(f"self.share = {code.names[code.share]}")
    for name, condition in _uses(code).items():
        lines.append(f"self.{name} = {condition.text(code.names)}")
    if code.activation is not None:
        calls = code.activation.render(code.names)
        lines += _module(code.activation, calls, 8)
    return lines


def _module(branch: BranchCode, calls: Sequence[Code], indent: int) -> list[str]:
    """Lines of a branch's attribute: a chain, unless it is what nothing can be added to."""
    if branch.lone:
        return format_call(calls[0], indent, start=f"self.{branch.attribute} = ")
    return attribute(branch.attribute, calls, indent=indent)


def _locals(code: ClassCode) -> list[str]:
    return [f"{name} = {expression}" for expression, name in code.names.items()]


def _uses(code: ClassCode) -> dict[str, Condition]:
    """The conditions of branches that are the identity: `use_shortcut`."""
    conditions = [b.condition for b in code.branches if not b.calls and b.condition]
    unique = list(dict.fromkeys(conditions))
    if len(unique) == 1:
        return {"use_shortcut": unique[0]}
    return {f"use_shortcut{k}": condition for k, condition in enumerate(unique, start=1)}


# -------------------------------------------------------------------- forward


def _forward(code: ClassCode) -> list[str]:
    block, node = code.block_class.first.block, code.block_class.first.node
    if block.join is Join.SPLIT:
        inputs = [f"x{k}" for k, _ in enumerate(code.branches, start=1)]
        terms = [_term(*pair) for pair in zip(code.branches, inputs, strict=True)]
        return [f"{', '.join(inputs)} = {_split(code)}", *_concatenation(terms)]
    if block.join is not Join.ADD:
        terms = [_term(branch) for branch in code.branches]
        if block.join is Join.CONCAT:
            return _concatenation(terms)
        form = "{} * {}" if block.join is Join.MULTIPLY else "torch.maximum({}, {})"
        return _combination(terms, form)
    names = {condition: name for name, condition in _uses(code).items()}
    summands: list[tuple[str, str | None]] = []
    for branch in code.branches:
        guard: str | None = None
        if branch.condition is not None and branch.attribute != "shortcut":
            name = names.get(branch.condition)
            guard = f"self.{branch.attribute} is not None" if branch.calls else f"self.{name}"
        summands.append((_term(branch), guard))
    in_place = may_overwrite_end(node.branches[0])
    function = node.activation.expression(in_place=in_place) if node.activation else "{}"
    return (_addition_in_place if in_place else _addition)(summands, function)


def _addition_in_place(terms: Sequence[tuple[str, str | None]], function: str) -> list[str]:
    """The sum of terms, of which some have a guard, written over the first, which has none."""
    (first, _), *others = terms
    lines = [f"out: Tensor = {first}"]
    for term, guard in others:
        lines += [f"out += {term}"] if guard is None else [f"if {guard}:", f"    out += {term}"]
    if function.startswith("self."):  # a module's result is Any to mypy
        return [*lines, f"out = {function.format('out')}", "return out"]
    return [*lines, f"return {function.format('out')}"]


def _addition(terms: Sequence[tuple[str, str | None]], function: str) -> list[str]:
    """The sum of terms, of which some have a guard; the first has none."""
    if terms[1:] == [("x", None)] and terms[0][0] == "self.residual(x)" and function == "{}":
        return ["residual: Tensor = self.residual(x)", "return x + residual"]
    sure = [term for term, guard in terms if guard is None]
    line = f"return {function.format(' + '.join(sure))}"
    # A module's result is Any to mypy: a bare one gets its type from an assignment.
    learned = function.startswith("self.")
    if learned and len(sure) == len(terms):
        typed_line = f"out: Tensor = {function.format(' + '.join(sure))}"
        if 8 + len(typed_line) <= WIDTH:
            return [typed_line, "return out"]
    typed = not learned and (function != "{}" or set(sure) == {"x"})
    if len(sure) == len(terms) and typed and 8 + len(line) <= WIDTH:
        return [line]
    leading = [term for term, guard in takewhile(lambda pair: pair[1] is None, terms)]
    lines = [f"out: Tensor = {' + '.join(leading)}"]
    if 8 + len(lines[0]) > WIDTH:
        lines = [f"out: Tensor = {leading[0]}", *(f"out = out + {term}" for term in leading[1:])]
    rest = terms[len(leading) :]
    if len(rest) == 1 and function == "{}" and rest[0][0] == "x":
        return [*lines, f"return out + x if {rest[0][1]} else out"]
    for term, guard in rest:
        if guard is None:
            lines.append(f"out = out + {term}")
        else:
            lines += [f"if {guard}:", f"    out = out + {term}"]
    if learned:
        return [*lines, f"out = {function.format('out')}", "return out"]
    return [*lines, f"return {function.format('out')}"]


def _concatenation(terms: Sequence[str]) -> list[str]:
    inner = f"[{', '.join(terms)}]"
    line = f"return torch.cat({inner}, dim=1)"
    if 8 + len(line) <= WIDTH:
        return [line]
    if 12 + len(inner) + len(", dim=1") <= WIDTH:
        return ["return torch.cat(", f"    {inner}, dim=1", ")"]
    lines = (f"    {term}," for term in terms)
    return ["branches = [", *lines, "]", "return torch.cat(branches, dim=1)"]


def _combination(terms: Sequence[str], form: str) -> list[str]:
    """What a `form` of two makes of terms, one after another."""
    line = f"return {form.format(*terms[:2])}"
    typed = "(" in form or terms[0] == "x"  # a module's result is Any to mypy
    if len(terms) == 2 and typed and 8 + len(line) <= WIDTH:
        return [line]
    lines = [f"out: Tensor = {form.format(*terms[:2])}"]
    rest = terms[2:]
    if 8 + len(lines[0]) > WIDTH:
        lines, rest = [f"out: Tensor = {terms[0]}"], terms[1:]
    return [*lines, *(f"out = {form.format('out', term)}" for term in rest), "return out"]


def _split(code: ClassCode) -> str:
    """The expression that deals the channels of `x` out."""
    count = len(code.branches)
    if code.share is None:
        return f"x.chunk({count}, dim=1)"
    share = "self.share" if code.share.of else str(code.share)
    ends = [share, *(_times(k, share) for k in range(2, count))]
    return f"x.tensor_split([{', '.join(ends)}], dim=1)"


def _times(count: int, number: str) -> str:
    return str(count * int(number)) if number.isdigit() else f"{count} * {number}"


def _term(branch: BranchCode, x: str = "x") -> str:
    return f"self.{branch.attribute}({x})" if branch.calls else x


def _indented(lines: Sequence[str], columns: int) -> list[str]:
    return [f"{' ' * columns}{line}" if line else "" for line in lines]
