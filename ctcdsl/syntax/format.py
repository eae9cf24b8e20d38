"""Syntax tree to canonical text: `ctcdsl fmt`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ctcdsl.syntax import nodes as syntax

WIDTH = 100
"""A line of layers longer than this is continued with a backslash."""


def format_file(tree: syntax.File, *, unicode: bool = False) -> str:
    """Return the canonical text of a file: parsing it gives `tree` again.

    Args:
        tree: The syntax tree.
        unicode: Write `×` instead of `x` for repetition.
    """
    times = "×" if unicode else "x"
    lines: list[str] = []
    for _, run in groupby(tree.statements, key=type):
        statements = list(run)
        width = _label_width(statements)
        for statement in statements:
            match statement:
                case syntax.Header(word="recompute"):
                    text = _wrap("recompute ", [_value(value) for value in statement.values])
                    text[-1] = _commented(text[-1], statement.comments)
                case syntax.Header():
                    bar = " | " if statement.word == "input" else " "
                    values = bar.join(_value(value) for value in statement.values)
                    text = [_commented(f"{statement.word} {values}", statement.comments)]
                case syntax.Let(name, value):
                    text = [_commented(f"let {name.text} = {_values(value)}", statement.comments)]
                case syntax.Where(condition):
                    text = [_commented(f"where {_condition(condition)}", statement.comments)]
                case syntax.Def():
                    head = f"{_head(statement)} = "
                    text = _wrap(head, format_items(statement.items, times))
                    text[-1] = _commented(text[-1], statement.comments)
                case syntax.Line():
                    text = _wrap(_label(statement, width), format_items(statement.items, times))
                    text[-1] = _commented(text[-1], statement.comments)
                case syntax.Table():
                    text = _table(statement, times)
            lines += [*_leading(statement.comments), *text]
    lines += tree.trailing_comments
    return "".join(f"{line}\n" for line in lines)


def decimal(value: float) -> str:
    """Return a number as it is written: `0.001`, `1e-5` below 0.0001, large ones in digits."""
    mantissa, _, exponent = str(value).partition("e")
    if not exponent:
        return mantissa
    power = int(exponent)
    if power < 0:
        return f"{mantissa}e{power}"
    whole, _, fraction = mantissa.partition(".")
    return f"{whole}{fraction.ljust(power, '0')}.0"


def format_items(items: Iterable[syntax.Item], times: str = "x") -> list[str]:
    """Return the texts of items; those the author joined by `+` are one text."""
    texts: list[str] = []
    for item in items:
        text = _item(item, times)
        if item.joined and texts:
            texts[-1] += f"+{text}"
        else:
            texts.append(text)
    return texts


def _leading(comments: syntax.Comments, indent: str = "") -> list[str]:
    return [f"{indent}{comment}" if comment else "" for comment in comments.leading]


def _commented(line: str, comments: syntax.Comments) -> str:
    return f"{line}  {comments.trailing}" if comments.trailing else line


def _label_width(statements: Sequence[syntax.Statement]) -> int:
    """The column at which the layers of neighbouring lines begin."""
    labels = [s.label for s in statements if isinstance(s, syntax.Line) and s.label]
    return max((len(label) + 2 for label in labels), default=0)


def _label(line: syntax.Line, width: int) -> str:
    return f"{line.label}:".ljust(width) if line.label else " " * width


def _head(definition: syntax.Def) -> str:
    """`def name(parameters)`."""
    parameters = ",".join(map(_parameter, definition.parameters))
    return f"def {definition.name.text}" + (f"({parameters})" if parameters else "")


def _parameter(parameter: syntax.Parameter) -> str:
    if parameter.default is None:
        return parameter.text
    return f"{parameter.text}={_argument(parameter.default)}"


def _wrap(label: str, texts: list[str]) -> list[str]:
    """Write texts after a label, over several lines where one is too long.

    Between items a backslash continues the line; inside brackets the line is broken before a
    bar where it can.
    """
    text = " ".join(texts)
    lines: list[str] = []
    indent = label
    depth = 0  # of brackets that stay open from line to line
    while len(indent) + len(text) > WIDTH:
        at, depth_there = _break(text, WIDTH - len(indent) - 2, depth)
        if at == len(text):
            break
        lines.append(indent + text[:at] + (" \\" if depth_there == 0 else ""))
        text, depth = text[at + 1 :], depth_there
        indent = " " * len(label) + "  " * depth
    return [*lines, indent + text]


def _break(text: str, room: int, depth: int) -> tuple[int, int]:
    """Where to break a text: the offset of a space, and the depth of brackets there.

    The last place within `room` between items, else before a bar, else at any space;
    else the first space after it.
    """
    best: dict[int, tuple[int, int]] = {}
    for at, character in enumerate(text):
        if character in "([{<":
            depth += 1
        elif character in ")]}>":
            depth -= 1
        elif character == " ":
            rank = 0 if depth == 0 else 1 if text[at + 1] == "|" else 2
            if at > room:
                return min(best.items())[1] if best else (at, depth)
            best[rank] = (at, depth)
    return min(best.items())[1] if best else (len(text), depth)


def _table(table: syntax.Table, times: str) -> list[str]:
    grid = [[_cell(cell, times) for cell in row.cells] for row in table.rows]
    columns = max(len(row) for row in grid)
    widths = [max(len(row[k]) for row in grid if k < len(row)) for k in range(columns)]
    lines = [_commented("table", table.comments)]
    for row, texts in zip(table.rows, grid, strict=True):
        padded = [text.ljust(width) for text, width in zip(texts, widths, strict=False)]
        line = "  " + " | ".join(padded).rstrip()
        lines += [*_leading(row.comments, "  "), _commented(line, row.comments)]
    return [*lines, *_leading(table.end_comments, "  "), _commented("end", table.end_comments)]


def _cell(cell: syntax.Cell, times: str) -> str:
    return "--" if cell.is_separator else " ".join(format_items(cell.items, times))


def _item(item: syntax.Item, times: str) -> str:
    primary, postfixes = _with_tags(item)
    text = _primary(primary, times)
    # Right after a word or a number `x4` would be read as a part of it.
    spaced = isinstance(item.primary, syntax.Name | syntax.Number) and text[-1] not in "'′"
    for postfix in postfixes:
        if isinstance(postfix, syntax.Stride):
            value = postfix.value
            text += f"/{value if isinstance(value, int) else _argument(value)}"
            spaced = not isinstance(value, int)
        else:
            count = postfix.amount
            amount = str(count) if isinstance(count, int) else f"({_argument(count)})"
            # `3 x2` would be one size.
            sign = "*" if isinstance(item.primary, syntax.Number) and spaced else times
            text += f"{' ' * spaced}{sign}{amount}"
            spaced = False
    return text


def _with_tags(item: syntax.Item) -> tuple[syntax.Primary, tuple[syntax.Postfix, ...]]:
    """The primary with its strides of two sides as tags, `(3,64,s2x1)`, and other postfixes."""
    primary, postfixes = item.primary, item.postfixes
    while (
        postfixes
        and isinstance(postfixes[0], syntax.Stride)
        and isinstance(postfixes[0].value, syntax.Size)
        and isinstance(primary, syntax.Convolution | syntax.Call)
    ):
        tag = syntax.Name(f"s{_argument(postfixes[0].value)}", postfixes[0].span)
        primary = primary._replace(arguments=(*primary.arguments, tag))
        postfixes = postfixes[1:]
    return primary, postfixes


def _primary(primary: syntax.Primary, times: str) -> str:
    match primary:
        case syntax.Convolution(arguments):
            return f"({_arguments(arguments)})"
        case syntax.Call():
            return _call(primary)
        case syntax.Group(bracket, branches, _, join):
            inner = " | ".join(_branch(branch, times) for branch in branches)
            word = "" if join is None else _primary(join, times)
            return f"{word}{{ {inner} }}" if bracket == "{" else f"{word}[ {inner} ]"
        case syntax.Alternatives(branches):
            return f"< {' | '.join(_branch(branch, times) for branch in branches)} >"
        case syntax.Name(text):
            return text
        case syntax.Number(value):
            return str(value)


def _branch(branch: syntax.Branch, times: str) -> str:
    return " ".join(format_items(branch.items, times)) + ("?" if branch.optional else "")


def _call(call: syntax.Call) -> str:
    separator = "," if call.arguments and call.named else ""
    named = ",".join(map(_named, call.named))
    return f"{call.word}({_arguments(call.arguments)}{separator}{named})"


def _named(named: syntax.Named) -> str:
    return f"{named.name.text}={_argument(named.value)}"


def _arguments(arguments: tuple[syntax.Argument, ...]) -> str:
    return ",".join(map(_argument, arguments))


def _values(value: syntax.Argument) -> str:
    """What a `let` has: `2 | 3 | 16..512 by 16`."""
    if isinstance(value, syntax.Choice):
        return " | ".join(map(_one_value, value.values))
    return _argument(value)


def _one_value(value: syntax.Argument | syntax.Range) -> str:
    if isinstance(value, syntax.Range):
        step = "" if value.step is None else f" by {_argument(value.step)}"
        return f"{_argument(value.low)}..{_argument(value.high)}{step}"
    return _argument(value)


def _condition(condition: syntax.Condition | syntax.Comparison, within: str = "or") -> str:
    """A condition; in parentheses where one of `or` is within one of `and`."""
    if isinstance(condition, syntax.Comparison):
        operands = list(map(_argument, condition.operands))
        pairs = zip(condition.operators, operands[1:], strict=True)
        return " ".join([operands[0], *(f"{operator} {operand}" for operator, operand in pairs)])
    text = f" {condition.operator} ".join(
        _condition(part, condition.operator) for part in condition.parts
    )
    return f"({text})" if within == "and" and condition.operator == "or" else text


def _argument(argument: syntax.Argument) -> str:
    match argument:
        case syntax.Number(value):
            return decimal(value)
        case syntax.Name(text):
            return text
        case syntax.Size(sides):
            return "x".join(map(str, sides))
        case syntax.Expression(tokens):
            tokens = tuple(map(_apart, tokens, (*tokens[1:], "")))
            return "".join(tokens).replace("--", "- -")  # `--` is a table's separator
        case syntax.Call():
            return _call(argument)
        case syntax.Choice(values):
            return f"<{'|'.join(map(_one_value, values))}>"


def _apart(token: str, following: str) -> str:
    """A token with a space after it where `2e` and `-3` would become the number `2e-3`."""
    product = token[-1] in "eE" and token[:-1].isdecimal()
    return f"{token} " if product and following in ("+", "-") else token


def _value(value: syntax.Name | syntax.Size | syntax.Named) -> str:
    return _named(value) if isinstance(value, syntax.Named) else _argument(value)
