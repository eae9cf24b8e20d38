"""Layers as code: calls of PyTorch and Keras, one by one or in a `Sequential`."""

from __future__ import annotations

import re
from typing import NamedTuple

from ctcdsl.syntax.foreign.arguments import CALL, closing_bracket, dialect_of, fields_of, split
from ctcdsl.syntax.foreign.hints import is_foreign
from ctcdsl.syntax.foreign.readings import Meaning, below
from ctcdsl.syntax.foreign.rows import FILTERS, Context, row, sides
from ctcdsl.syntax.foreign.vocabulary import MEANT, REASONS, plain
from ctcdsl.syntax.words import KEYWORDS, words
from ctcdsl.text.fixes import leave_out

_KINDS = {
    "(3,64)": "conv",
    "(3,dw)": "dw",
    "2/2": "max",
    "avg(2)/2": "avg",
    "fc(4096)": "fc",
    "fc": "fc",
    "drop(0.5)": "drop",
    "lrn(5)": "lrn",
    "shuffle(3)": "shuffle",
}


_BLOCKS = {
    "basicblock": (1, "[ (3,{0}) (3,{0}) ]"),
    "bottleneck": (1, "[ (1,{0}) (3,{0}) (1,{1}) ]"),
    "inception": (6, "{{ (1,{0}) | (1,{1}) (3,{2}) | (1,{3}) (5,{4}) | max(3,p1)/1 (1,{5}) }}"),
}
"""Blocks of ResNet and GoogLeNet: how many numbers each takes, and its row."""

_CONSTANTS = {"leaky": 0.01, "elu": 1.0}
"""What activations take where nothing is given."""

_FORWARD = leave_out("layers follow one another in a row, and need no `forward`")
_CONTAINERS = ("Sequential", "ModuleList", "OrderedDict")


class Layer(NamedTuple):
    """A call that was understood: a kind of `rows.row`, or `norm`, `act`, and its fields."""

    kind: str
    fields: dict[str, str]
    remark: str = ""


class Call(NamedTuple):
    """A call, whose it is, and what it means; `text[start:end]` is all of it."""

    end: int
    whose: str
    meaning: Meaning


def call_at(text: str, start: int, context: Context) -> Call | None:
    """The call of a layer of another tool that begins at an offset."""
    match = CALL.match(text, start)
    if match is None or not _is_known(match["name"]):
        return None
    closing = closing_bracket(text, match.end())
    if closing is None:
        return None
    name, arguments = match["name"], text[match.end() : closing]
    if match["prefix"].startswith("self."):
        return Call(closing + 1, "Python's", Meaning("", _FORWARD))
    if match["prefix"] == "" and _is_native(name, arguments):
        return None
    end = closing + 1
    if "add(" in match[0]:
        end = end + 1 if text[end : end + 1] == ")" else end
    if tail := re.compile(r"\(\w*\)").match(text, end):  # Keras: Conv2D(64, 3)(x)
        end = tail.end()
    end += text[end : end + 1] == ","
    if name in _CONTAINERS:
        whose = "Keras's" if re.search(r"2D\(|Dense\(", arguments) else "PyTorch's"
        return Call(end, whose, _sequence(arguments, context))
    layer = _layer(match["prefix"], name, split(arguments))
    if layer is None:
        return None
    whose = {"torch": "PyTorch's", "keras": "Keras's"}.get(
        dialect_of(match["prefix"], name, split(arguments)), "another"
    )
    meaning = layer if isinstance(layer, Meaning) else _alone(layer, context)
    return Call(end, whose, meaning)


def _is_known(name: str) -> bool:
    """Whether a call is of a layer, in whatever tool."""
    key = plain(name)
    known = ("fc", "input", "inputlayer", "act", *words("norm", "activation"))
    return name in _CONTAINERS or key in known or is_foreign(key)


def _is_native(name: str, arguments: str) -> bool:
    """Whether a call is one of the language, whatever is wrong with it."""
    if name == "fc" and re.fullmatch(r"\s*\d+\s*,\s*\d+\s*", arguments):
        return False  # `fc(512, 10)`
    kind = KEYWORDS[name].kind if name in KEYWORDS else ""
    if kind in ("norm", "activation"):
        return "=" not in arguments  # `bn(64)`, and not `relu(inplace=True)`
    return kind in ("layer", "header", "operator", "rule")


# ----------------------------------------------------------------- one layer


def _layer(prefix: str, name: str, arguments: list[tuple[str, str]]) -> Layer | Meaning | None:
    """The layer of a call; a meaning without a row where there is none; None for no layer."""
    key = plain(name)
    dialect = dialect_of(prefix, name, arguments)
    if prefix.endswith(("F.", "functional.")):
        arguments = arguments[1:]  # the map
    if key in ("activation", "act") and arguments:
        key = plain(arguments[0][1])
    meant = MEANT.get(key, key)
    sized = re.fullmatch(r"conv(\d+)(?:x(\d+))?", key)
    if sized and sized[2]:
        arguments = [("kernel_size", f"{sized[1]}x{sized[2]}"), *arguments]
        meant = "(3,64)"
    if key in ("input", "inputlayer"):
        return _input(dict(arguments).get("shape") or "".join(v for _, v in arguments[:1]))
    if meant in words("norm"):
        return Layer("norm", {"a": meant})
    if meant in words("activation"):
        numbers = [value for _, value in arguments if re.fullmatch(r"\d*\.?\d+", value)]
        constant = float(numbers[0]) if numbers and meant in _CONSTANTS else None
        other = constant is not None and constant != _CONSTANTS[meant]
        return Layer("act", {"a": f"{meant}({constant:g})" if other else meant})
    if key.startswith("adaptive") or key in REASONS:
        return _without_a_row(key, arguments)
    kind = _KINDS.get(meant)
    if key in _BLOCKS and (numbers := [value for _, value in arguments if value.isdecimal()]):
        return _block(key, numbers)
    if kind is None:
        return Meaning(meant) if key in MEANT else None
    fields = fields_of(kind, dialect, arguments, certain=prefix != "")
    if kind in ("conv", "dw", "max", "avg"):
        return _window(kind, dialect, fields)
    if kind == "drop" and not re.fullmatch(r"0?\.\d+", fields.get("a", "")):
        fields["a"] = "0.5"
    if kind == "lrn":
        fields = {"a": ",".join(value for _, value in arguments) or "5"}
    return Layer(kind, fields)


def _block(key: str, numbers: list[str]) -> Meaning:
    """A block by its numbers; with one number more than it takes, the first are channels in."""
    takes, text = _BLOCKS[key]
    if len(numbers) not in (takes, takes + 1):
        return Meaning(MEANT[key])
    values = [int(number) for number in numbers[-takes:]]
    return Meaning(text.format(*values, 4 * values[0]))


def _without_a_row(key: str, arguments: list[tuple[str, str]]) -> Layer | Meaning:
    if key in REASONS:
        return Meaning("", REASONS[key])
    size = [digits for _, value in arguments for digits in re.findall(r"\d+", value)]
    maximum = "max" in key
    if not size or set(size) == {"1"}:
        return Layer("gmp" if maximum else "gap", {})
    if maximum:
        return Layer("spp", {"a": size[0]})
    already = f"leave it out where the map is {size[0]}x{size[-1]} already"
    return Meaning("", f"an average over bins is not in the language yet: {already}")


def _window(kind: str, dialect: str, fields: dict[str, str]) -> Layer | Meaning:
    pool = kind in ("max", "avg")
    fields.setdefault("k", "2" if pool else "3")
    if pool:
        fields.setdefault("s", fields["k"])
    if dialect:
        fields.setdefault("p", "valid")
    remarks = []
    if kind == "conv" and "n" not in fields:
        remarks.append(f"with your number of filters for {FILTERS}")
    if dialect == "keras" and fields.get("p") == "same":
        if pool and fields["s"] == fields["k"]:
            fields["ceil"] = "true"
        remarks.append(_keras_same(fields))
    if reason := REASONS.get(plain(fields.get("act", ""))):
        remarks.append("" if fields["act"] == "softmax" else reason)
    return Layer(kind, fields, "; ".join(filter(None, remarks)))


def _keras_same(fields: dict[str, str]) -> str:
    """How Keras's padding `same` differs: it may pad more below and on the right than above."""
    kernel, stride = sides(fields["k"])[0], sides(fields.get("s", "1"))[0]
    before, total, here = max(kernel - stride, 0) // 2, max(kernel - stride, 0), (kernel - 1) // 2
    if kernel == stride or (before, total - before) == (here, here):
        return ""
    smaller = "; its map is 1 smaller" if stride == 1 else ""
    return f"padding {here} on all sides, where Keras pads {before} and {total - before}{smaller}"


def _input(shape: str) -> Meaning:
    numbers = re.findall(r"\d+", shape)[-3:]
    if len(numbers) != 3:
        return Meaning("input 3x224x224")
    if int(numbers[0]) > int(numbers[2]):
        numbers = [numbers[2], *numbers[:2]]
    return Meaning(
        f"input {'x'.join(numbers)}", "a line above the layers, channels first", elsewhere=True
    )


def _alone(layer: Layer, context: Context) -> Meaning:
    """What to write for one call, its neighbours unknown."""
    name = layer.fields.get("a", "")
    if layer.kind == "norm":
        if context.norm == name:
            return Meaning("", leave_out("the style puts one behind every convolution"))
        style = f"style conv-{name}{f'-{context.activation}' if context.activation else ''}"
        return Meaning(
            style,
            f"above the layers, for one behind every convolution; `{name}` is a layer of its own",
            elsewhere=True,
        )
    if layer.kind == "act":
        if context.activation == name:
            ends = "every convolution and `fc(n)` ends in it"
            return Meaning("", leave_out(f"{ends}; `{name}` is a layer of its own"))
        word, _, constant = name.removesuffix(")").partition("(")
        if constant and word != "leaky":
            return Meaning(name, f"as a layer of its own, or as a tag: `(3,64,{name})`")
        style = f"style conv{f'-{context.norm}' if context.norm else ''}-{word}"
        style += f"  act slope={constant}" if constant else ""
        remark = f"above the layers, for every convolution; `{name}` is a layer of its own"
        return Meaning(style, remark, elsewhere=True)
    fields = {**layer.fields, **_activation(layer)}
    remark = "; ".join(filter(None, (layer.remark, below(_headers(layer, context)))))
    return Meaning(row(layer.kind, fields, context), remark)


def _activation(layer: Layer) -> dict[str, str]:
    """A Keras layer's `activation=`, as the language calls it; nothing where it has none."""
    act = layer.fields.get("act", "")
    meant = MEANT.get(plain(act), act)
    return {"act": meant if meant in (*words("activation"), "softmax") else ""} if act else {}


def _headers(layer: Layer, context: Context) -> list[str]:
    """The header lines that a layer of code goes with."""
    headers = []
    if shape := layer.fields.get("input"):
        headers.append(_input(shape).row)
    units = layer.fields.get("n", context.classes)
    if layer.kind == "fc" and layer.fields.get("act") == "softmax" and units != context.classes:
        headers.append(f"classes {units}")
    return headers


# --------------------------------------------------------------- a whole network


def _sequence(text: str, context: Context) -> Meaning:
    """The row for the calls in a `Sequential`, norms and activations with their convolutions."""
    layers: list[Layer] = []
    headers: list[str] = []
    place = 0
    while (match := CALL.search(text, place)) is not None:
        name, prefix = match["name"], match["prefix"]
        closing = closing_bracket(text, match.end())
        place = match.end()
        if closing is None or name in _CONTAINERS:
            continue
        layer = _layer(prefix, name, split(text[match.end() : closing]))
        place = closing
        if layer is None:
            return Meaning("", f"`{name}` is not known: write its layers in a row")
        if isinstance(layer, Layer):
            _append(layers, layer)
        elif layer.row.startswith("input "):
            headers.append(layer.row)
        elif layer.row or not layer.remark.startswith("leave it out"):
            return layer._replace(remark=layer.remark or f"for `{name}`", elsewhere=True)
    if layers and layers[-1].kind == "fc":  # the classifier
        layers[-1].fields["act"] = "softmax"
    rows, remarks = [], []
    for layer in layers:
        kind = layer.fields["a"] if layer.kind in ("norm", "act") else layer.kind
        rows.append(row(kind, {} if kind in layer.fields.values() else layer.fields, context))
        headers += _headers(layer, context)
        remarks.append(layer.remark)
    remark = "; ".join(filter(None, (*dict.fromkeys(remarks), below(headers))))
    return Meaning(" ".join(rows), remark)


def _append(layers: list[Layer], layer: Layer) -> None:
    """Add a layer; a norm or an activation goes with the layer before it where it can."""
    before = layers[-1] if layers else None
    if layer.kind == "norm" and before is not None and before.kind in ("conv", "dw"):
        if not (before.fields["norm"] or before.fields["act"]):
            before.fields["norm"] = layer.fields["a"]
            return
    elif layer.kind == "act" and before is not None and before.kind in ("conv", "dw", "fc"):
        if not before.fields["act"]:
            before.fields["act"] = layer.fields["a"]
            return
    elif layer.kind in ("conv", "dw", "fc"):
        layer = layer._replace(fields={"act": "", **layer.fields, "norm": "", **_activation(layer)})
    layers.append(layer)
