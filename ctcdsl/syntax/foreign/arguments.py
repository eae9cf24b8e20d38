"""Calls of PyTorch and Keras as text: where they end, and what their arguments say."""

from __future__ import annotations

import re

from ctcdsl.syntax.foreign.rows import side, sides

CALL = re.compile(
    r"(?:(?:\w+\.){0,4}\w+[ \t]*=[ \t]*|\(\w+\):[ \t]*)?(?:model\.add\(|net\.add\()?"
    r"(?P<prefix>(?:\w+\.){0,4})(?P<name>[A-Za-z]\w*)\("
)
"""The beginning of a call, with what a line of code or `print(model)` puts before it."""

_POSITIONS = {
    "torch": {
        "conv": "i n k s p d g bias",
        "dw": "i n k s p d g bias",
        "max": "k s p d indices ceil",
        "avg": "k s p ceil",
        "fc": "i n bias",
    },
    "keras": {
        "conv": "n k s p format d g act bias",
        "dw": "k s p",
        "max": "k s p",
        "avg": "k s p",
        "fc": "n act bias",
    },
}
"""Arguments by place, as `rows.Fields` names them."""

_KEYWORDS = {
    keyword: letter
    for letter, keywords in {
        "i": "in_channels in_features",
        "n": "out_channels out_features filters features units num_features channels n",
        "k": "kernel_size kernel pool_size ksize k",
        "s": "stride strides s",
        "p": "padding pad",
        "d": "dilation dilation_rate",
        "g": "groups",
        "bias": "bias use_bias",
        "act": "activation",
        "ceil": "ceil_mode",
        "count": "count_include_pad",
        "a": "p rate prob negative_slope slope alpha size",
        "input": "input_shape shape",
    }.items()
    for keyword in keywords.split()
}
_LONGEST = 10_000
"""Characters within which a call ends."""

_USUAL_SIZES = {1, 2, 3, 4, 5, 7, 9, 11}


def closing_bracket(text: str, start: int) -> int | None:
    """Where the bracket closes that opened before `start`; None where it does not, or far away."""
    depth = 1
    for match in re.compile(r"#[^\n]*|\"[^\"\n]*\"|'[^'\n]*'|[()\[\]{}]").finditer(
        text, start, start + _LONGEST
    ):
        depth += (match[0] in "([{") - (match[0] in ")]}")
        if depth == 0:
            return match.start()
    return None


def split(text: str) -> list[tuple[str, str]]:
    """Arguments as pairs of name, empty where there is none, and value without its quotes."""
    text = re.sub(r"#[^\n]*", "", text)
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text + ","):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    pairs = []
    for part in filter(None, parts):
        match = re.fullmatch(r"(?:(\w+)[ \t]*=(?!=)[ \t]*)?(.*)", part, re.DOTALL)
        assert match is not None
        pairs.append((match[1] or "", match[2].strip("\"'")))
    return pairs


def dialect_of(prefix: str, name: str, arguments: list[tuple[str, str]]) -> str:
    """Whose call it is: `torch`, `keras`, or empty where nothing says so."""
    names = {argument for argument, _ in arguments}
    keras = {"filters", "strides", "units", "pool_size", "activation", "use_bias", "rate"}
    if "keras" in prefix or "layers" in prefix or name.endswith("2D") or names & keras:
        return "keras"
    if name in ("Dense", "BatchNormalization", "Activation", "InputLayer", "Input"):
        return "keras"
    if re.search(r"\b(?:nn|torch|F)\.$", prefix) or name.endswith("2d"):
        return "torch"
    return "torch" if names & {"in_channels", "out_channels", "inplace", "in_features"} else ""


def fields_of(
    kind: str, dialect: str, arguments: list[tuple[str, str]], *, certain: bool
) -> dict[str, str]:
    """What the arguments say; by no rule of a tool, numbers are recognised by their size."""
    named = {_KEYWORDS.get(name, name): value for name, value in arguments if name}
    placed = [value for name, value in arguments if not name]
    numbers = [sides(value)[0] if re.search(r"\d", value) else 0 for value in placed]
    order = _POSITIONS.get(dialect or "torch", {}).get(kind, "a").split()
    if kind in ("conv", "dw") and dialect != "keras" and "k" not in named:
        if len(placed) == 2:
            order = ["k", "n"] if numbers[0] < numbers[1] and not dialect else ["n", "k"]
        elif not certain and len(placed) > 2 and numbers[2] < numbers[1] in _USUAL_SIZES:
            order = ["n", "k", "s", "p"]
        elif len(placed) == 1:
            order = ["n"]
    elif kind == "fc" and len(placed) == 1:
        order = ["n"]
    fields = {**dict(zip(order, placed, strict=False)), **named}
    plain = {key: _value(key, value.strip()) for key, value in fields.items()}
    return {key: value for key, value in plain.items() if value}


def _value(key: str, value: str) -> str:
    """A value as `rows.Fields` writes it; empty where it is none, such as a variable's name."""
    if key in ("k", "s", "p", "d") and re.fullmatch(r"[(\[]? *\d+( *, *\d+)? *,? *[)\]]?", value):
        return side(value)
    if key in ("k", "s", "d", "g", "n", "i"):
        return value if value.isascii() and value.isdecimal() else ""
    if key == "p":
        return value.lower() if value.lower() in ("same", "valid") else ""
    return value.lower() if key in ("bias", "ceil", "count", "act") else value
