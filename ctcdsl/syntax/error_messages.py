"""The message and the hint for a token that is not allowed where it is."""

from __future__ import annotations

import re

from ctcdsl.syntax.choice_messages import by_choice
from ctcdsl.syntax.error_context import (
    ErrorContext,
    comment,
    end_of_table,
    on_a_line,
    product_with,
    touching,
)
from ctcdsl.syntax.foreign.hints import ARROW, header_meant, named_argument
from ctcdsl.syntax.lexing import CLOSING, OPENING
from ctcdsl.syntax.words import KEYWORDS, words
from ctcdsl.text import Fix, Hint, Span
from ctcdsl.text.fixes import write

# What may come next, as a message lists it: "a layer" is for all that begins one.
_NAMES = {
    "LBRACE": "a layer",
    "WORD": "a word",
    "STYLE_NAME": "a style",
    "PLACE": "a stage or a layer",
    "INT": "a number",
    "STRIDE": "`/s`",
    "TIMES": "`xN`",
    "_BAR": "`|`",
    "RBRACE": "`}`",
    "RSQB": "`]`",
    "END": "`end`",
    "EQUAL": "`=`",
    "_NEWLINE": "the end of the line",
}

_HEADERS = {
    "NET": "a name",
    "INPUT": "a size",
    "CLASSES": "a number",
    "PAD": "a padding rule",
    "MAPS": "a size",
    "STYLE": "a style",
    "NORM": "a constant",
    "ACT": "a constant",
    "RECOMPUTE": "a stage or a layer",
    "LET": "a name",
    "WHERE": "a condition",
    "DEF": "a name",
}
_KEYWORDS = frozenset({*_HEADERS, "TABLE", "END"})
STARTERS = _KEYWORDS | {"LABEL"}
"""Tokens that can only begin a line."""


def explain(context: ErrorContext) -> tuple[str, str]:
    """A message, and a hint that may be empty."""
    for rule in (by_choice, _by_arrow, _by_token_before, _by_token):
        message, hint = rule(context)
        if message:
            return message, hint
    if context.bracket is not None and OPENING[context.bracket.type] == ")":
        return _among_arguments(context)
    hint = ""
    if context.token.type in ("SIZE", "INT", "FLOAT", "WORD"):
        hint = _header_meant(context)
    return f"expected {_list(context)}, found {context.text}", hint


def _by_arrow(context: ErrorContext) -> tuple[str, str]:
    """`->`, `=>`, `-->` and `|>` between layers."""
    token = context.token
    if token.type in ("MINUS", "EQUAL", "RULE", "_BAR") and context.rest_of_line[:1] == ">":
        return f"`{token.strip()}>` has no meaning here", Hint(ARROW, context.fix(" ", after=1))
    return "", ""


def _by_token_before(context: ErrorContext) -> tuple[str, str]:
    before, token = context.before, context.token
    if before is None:
        return "", ""
    found = context.text
    match before.type:
        case "LET" | "DEF" if token.type in _KEYWORDS or token == "x":
            return f"{found} is a keyword, not a name", "choose another name"
        case kind if kind in _HEADERS:
            example = KEYWORDS[str(before)].example
            if before == "pad" and token.type == "INT":
                example = f"(3,64,p{token})` in a layer, or `pad same` above all"
                return (
                    "`pad` names a rule for all layers: same, paper or valid",
                    f"write `{example}",
                )
            return (
                f"expected {_HEADERS[kind]} after `{before}`, found {found}",
                f"write `{example}`",
            )
        case "EQUAL" if not context.expects_layer:
            hint = "`let` names a number, `def` names layers" if token.type in OPENING else ""
            return f"expected a number, a name or an expression, found {found}", hint
        case "EQUAL" if token.type == "LABEL":
            return f"{found} names a stage, and a `def` has none", "name the line that calls it"
        case "QUESTION":
            return f"expected {_list(context)}, found {found}", "a `?` ends its branch"
        case "LBRACE" | "LSQB" | "JOIN_LBRACE" | "JOIN_LSQB" | "_BAR" if token.type in (
            "_BAR",
            "RBRACE",
            "RSQB",
        ):
            if before.type != "_BAR" and token.type != "_BAR":
                return f"`{before}{token}` contains no layers", "put layers inside, or remove it"
            filled = Fix(context.gap._replace(end=context.gap.start), " id")
            return (
                "the branch is empty",
                Hint("`id` is the branch that changes nothing: `{ id | (3,64) }`", filled),
            )
        case "TIMES" if token.type != "LPAR":
            hint = "`(3,256)x3`, or an expression in parentheses: `x(n+1)`"
            return f"expected a whole number after `{before}`, found {found}", hint
        case "SLASH":
            return "a `/` must touch its number", "write `c/2`, or `c/(n+1)`"
        case "STRIDE" if token.type in ("MINUS", "PRODUCT"):
            return "a stride is a number or a name", "`let` gives the value of an expression a name"
        case "WORD" if context.expected & {"EQUAL"} and context.bracket is not None:
            return f"expected `=`, found {found}", _NAMED_LAST
        case "WORD" if context.expected & {"EQUAL"}:
            if header := re.findall(r"\b(norm|act)[ \t]", context.line_before):
                hint = f"write `{KEYWORDS[header[-1]].example}`"
                if before in words("norm", "activation"):
                    hint += "; `style conv-bn-relu` chooses the norm and the activation"
                return f"expected `=` after `{before}`, found {found}", hint
            hint = "`let w = 96`, `def block(n) = …`"
            together = Hint("parameters touch the name: `def block(n) = …`", Fix(context.gap, ""))
            return f"expected `=`, found {found}", together if token.type == "LPAR" else hint
        case "WORD" if before == "x" and context.bracket is None:
            return "`x` repeats by a whole number", "`(3,256)x3`, or `x(n+1)`"
    return "", ""


def _by_token(context: ErrorContext) -> tuple[str, str]:
    """Errors that the token alone explains."""
    token, text = context.token, context.text
    layers = context.expects_layer
    outside = context.bracket is None
    in_branches = context.bracket is not None and OPENING[context.bracket.type] != ")"
    match token.type:
        case "SLASH" if context.source.text[token.end_pos or 0 :][:1] in ("/", "*"):
            return "a `/` must touch its number", comment(context)
        case "SLASH":
            return "a `/` must touch its number", touching(context)
        case "RULE":
            return f"{text} is not allowed here", Hint("a comment begins with `#`", "#")
        case "STRIDE" if layers:
            return f"{text} strides the layer before it, and there is none", "write `(7,64)/2`"
        case "TIMES" if layers:
            return f"{text} repeats the layer before it, and there is none", "write `(3,256)x3`"
        case "PLUS" if outside or layers:
            return "a `+` joins two layers", "`(3,64)x3 + (3,128)`"
        case "MINUS" if outside:
            return "a `-` is not allowed between layers", Hint("a space or `+` joins them", " ")
        case "_COMMA" if outside or in_branches:
            separated = Hint("a space or `+` joins layers", context.fix(" "))
            return "a `,` belongs inside parentheses", separated
        case "_BAR" if outside:
            return (
                "a `|` separates branches inside brackets, and cells of a table",
                "write `{ a | b }`, or `table` above the rows and `end` below",
            )
        case "QUESTION":
            return "a `?` ends a branch inside square brackets", "`[ (3,64) | id? ]`"
        case "RPAR" | "RBRACE" | "RSQB" | "GREATER" if outside:
            return f"{text} closes nothing", f"is a `{CLOSING[token.type]}` missing before it?"
        case "END" if outside:
            return "`end` closes a table, and none is open here", ""
        case "$END" if "END" in context.expected:
            return "the table is never closed", end_of_table(context)
        case kind if kind in _KEYWORDS and (outside or layers):
            hint = f"{text}: {KEYWORDS[str(token)].summary}"
            return f"{text} begins a line of its own", on_a_line(context, hint)
        case "EQUAL" if context.bracket is not None and OPENING[context.bracket.type] == ")":
            return _named_argument(context)
        case "EQUAL":
            return "`=` belongs to `let` and `def`", "`let w = 96`, `def block(n) = …`"
        case "PRODUCT" if outside:
            spaced = re.sub(r"(?<=\d)(?=\D)", " ", token, count=1)
            hint = Hint("put a space between a number and a word", spaced)
            return f"{text} is not allowed here", hint
        case "STYLE_NAME" if layers or outside:
            return f"{text} is a style, not a layer", f"write `style {token}` above the layers"
        case "SIZE" if layers and not _header_meant(context):
            sides = re.split(r"[ \t]*[x×][ \t]*", token)
            size = sides[0] if len(set(sides[:2])) == 1 else "x".join(sides[:2])
            size = size if len(size) < 10 else "1x7"
            filters = sides[2] if len(sides) == 3 else "64"
            rows = (f"({size},{filters})", f"max({size})/2")
            hint = Hint(f"write `{rows[0]}`, or `{rows[1]}`", *rows)
            return f"{text} is a size, not a layer", hint
        case "LABEL":
            hint = on_a_line(context, "put it on its own line")
            return f"{text} names a stage, and a stage begins its line", hint
    return "", ""


def _named_argument(context: ErrorContext) -> tuple[str, str]:
    """`padding=1` in parentheses: what the language writes for it."""
    before = context.source.text[: context.token.start_pos or 0]
    name = re.search(r"([A-Za-z_]\w*)[ \t]*$", before)
    value = re.match(r"[ \t]*([\w.]+)", context.rest_of_line)
    hint = ""
    if name is not None and value is not None:
        assert context.bracket is not None
        if context.bracket.type == "LPAR":
            hint = named_argument(name[1], value[1])
        hint = hint or write(value[1], " without its name")
        if isinstance(hint, Hint):
            end = context.start + len(context.token) + value.end()
            hint = hint.at(Span(context.source, name.start(1), end))
    return f"an argument has no name: expected `,` or `)`, found {context.text}", hint


def _among_arguments(context: ErrorContext) -> tuple[str, str]:
    """In parentheses, where an argument or a parameter is expected, or a separator."""
    token, hint = context.token, ""
    if token.type in ("NORM", "ACT") and re.match("[ \\t]*=", context.rest_of_line):
        value = re.match(r"[ \t]*=[ \t]*([\w.]*)", context.rest_of_line)
        return "an argument has no name", named_argument(str(token), value[1] if value else "")
    if "INT" in context.expected:
        expected = "an argument"
    elif context.groups or (
        "RPAR" in context.expected and not {"_COMMA", "WORD"} & context.expected
    ):
        expected, hint = "`)`", "is it missing before this?"
        if token.type == "_COMMA":
            hint = "`let` names a number, `def` names layers"
    elif "_COMMA" in context.expected:
        expected = "`,` or `)`"
        if _lacks_comma(context):
            hint = Hint(f"a comma separates arguments: `, {token}`", Fix(context.gap, ","))
        elif token.type not in (*CLOSING, "_COMMA"):
            closed = Fix(context.gap._replace(end=context.gap.start), ")")
            hint = Hint("is a `)` missing before it?", closed)
        if token.type == "LPAR" and context.before is not None:
            hint = product_with(context.before, context) or hint
    elif not context.in_def_head:
        expected, hint = "a name with its value", _NAMED_LAST
    else:
        expected, hint = "a parameter's name", "`def block(n) = …`"
        if token.type in _KEYWORDS or token == "x":
            hint = f"{context.text} is a keyword: choose another name"
    return f"expected {expected}, found {context.text}", hint


_NAMED_LAST = "arguments without names come first: `mb(3,24,e=1)`"


def _lacks_comma(context: ErrorContext) -> bool:
    """Whether arguments continue, and end in this line: `(3 64)`, and not `(3,64 3/3 (5,128)`."""
    closing = re.search(r"[(){}\[\]|]", context.rest_of_line)
    argument = context.token.type in ("INT", "SIZE", "FLOAT", "WORD", "PRODUCT")
    return argument and closing is not None and closing[0] == ")"


def _header_meant(context: ErrorContext) -> str:
    """A hint where the word before is nearly a header, or a header has one value too many."""
    line = context.line_before
    written = re.match(r"[ \t]*([A-Za-z_]+)[ \t]", line)
    if written is None:
        return ""
    if written[1] in words("header"):
        return f"write `{KEYWORDS[written[1]].example}`"
    meant = header_meant(written[1])
    if not meant or line.strip() != written[1]:
        return ""
    place = context.start - len(line) + written.start(1)
    word = Span(context.source, place, place + len(written[1]))
    return Hint(f"did you mean `{meant}`?", Fix(word, meant))


def _list(context: ErrorContext) -> str:
    expected = set(context.expected)
    # The parser's states are merged: not every bracket that it expects is open here.
    closing = "" if context.bracket is None else OPENING[context.bracket.type]
    for kind, bracket in (("RBRACE", "}"), ("RSQB", "]")):
        if closing != bracket:
            expected.discard(kind)
    if closing not in ("}", "]"):
        expected.discard("_BAR")
    else:
        expected.discard("_NEWLINE")
    if "LBRACE" in expected:
        expected -= {"WORD", "INT"}
    elif "MINUS" in expected and "INT" not in expected:
        expected -= {"TIMES", "STRIDE"}
        return "an operator or the end of the line"
    names = [name for kind, name in _NAMES.items() if kind in expected]
    if len(names) < 2:
        return names[0] if names else "something else"
    return f"{', '.join(names[:-1])} or {names[-1]}"
