"""How a match of a notation becomes the row to write: one function a form."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from ctcdsl.syntax.foreign.rows import FILTERS, Context, Fields, row, sides
from ctcdsl.text.fixes import write


class Meaning(NamedTuple):
    """The row to write instead, and what to know about it; without a row only the latter.

    Where `elsewhere` is set the row belongs above the layers, or is only a part of what to write.
    """

    row: str
    remark: str = ""
    elsewhere: bool = False

    @property
    def hint(self) -> str:
        """What to do, as a message says it."""
        if not self.row:
            return self.remark
        first = self.remark.partition(" ")[0]
        joint = {"": "", "above": " ", "or": ", ", "and": ", ", "with": ", "}.get(first, ": ")
        hint = write(self.row, f"{joint}{self.remark}")
        return str(hint) if self.elsewhere else hint


Reading = Callable[[re.Match[str], Context, Fields], Meaning]
"""From a match, the headers around it and the numbers that the notation implies."""


def layer(kind: str) -> Reading:
    """A layer of a kind of `rows.row`; `pool` is `max` or `avg` by the match."""

    def read(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
        fields = {**implied, **fields_of(match)}
        name = _pool(fields) if kind == "pool" else kind
        if kind == "pool":
            fields.setdefault("s", str(sides(fields["k"])[0]))
        text = row(name, fields, context)
        short = row(name, fields, context._replace(rule="same"))
        if fields.get("p") != "same" or short == text:
            return Meaning(text)
        return Meaning(text, f"or `{short}` below a line `pad same`")

    return read


def without_filters(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """A convolution whose notation leaves out the number of filters, and perhaps their size."""
    fields = {"k": "3", **implied, **fields_of(match)}
    size = "" if "k" in {**implied, **fields_of(match)} else "filter size for 3 and your "
    remark = f"with your {size}number of filters for {FILTERS}"
    return Meaning(row("conv", fields, context), remark)


def classifier(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`average pool, 1000-d fc, softmax`."""
    return Meaning(f"gap {row('fc', fields_of(match), context)}")


def image(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`input (224x224 RGB image)`, `[227x227x3] INPUT`."""
    numbers = re.findall(r"\d+", match["k"])
    if len(numbers) < 3:
        numbers = ["3", numbers[0], numbers[-1]]
    elif int(numbers[0]) > int(numbers[2]):
        numbers = [numbers[2], *numbers[:2]]
    return Meaning(f"input {'x'.join(numbers[:3])}")


def classes(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`num_classes = 10`."""
    return Meaning(f"classes {match['n']}")


def dropout(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`dropout = 0.5`, `dropout (40%)`."""
    text = match["a"]
    probability = int(text[:-1]) / 100 if text.endswith("%") else float(text)
    return Meaning(f"drop({probability:g})")


def without_size(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`conv 64`: a convolution whose notation names no filter size."""
    text = row("conv", {"k": "3", **fields_of(match)}, context)
    return Meaning(text, "with your filter size for 3")


def widths(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`[64, 64, 'M', 128]`: 3x3 filters by their number, and pools."""
    rows = []
    for text, group in groupby(re.findall(r"\d+|M", match[0])):
        times = str(len(list(group)))
        pools = ["2/2"] * int(times)
        conv = row("conv", {"k": "3", "n": text, "x": times, "p": "same"}, context)
        rows += pools if text == "M" else [conv]
    return Meaning(" ".join(rows))


def left_out(reason: str) -> Reading:
    """What has no row: the reason says why."""
    return lambda match, context, implied: Meaning("", reason)


def strided(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`(3x3,64)s2`: a row of the language but for its stride."""
    size, *others = (part.strip() for part in match["conv"].split(","))
    numbers = re.findall(r"\d+", size)
    size = numbers[0] if len(set(numbers)) == 1 else "x".join(numbers)
    return Meaning(f"({','.join([size, *others])})/{match['s']}")


def filters_or_map(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`64@7x7/2` has filters of 7x7; LeNet's `6@28x28` a map of 28x28."""
    fields = fields_of(match)
    if int(fields["k"].split("x")[0]) <= 11:
        return Meaning(row("conv", fields, context))
    remark = f"{fields['k']} is taken for its map, and 5 stands for the filter size"
    return Meaning(row("conv", {**fields, "k": "5"}, context), remark)


_IN_A_BLOCK = re.compile(r"(\d+ *(?:[x×]|\\times) *\d+)[^\d;\n]*(\d+)(?:[, \t]*C *= *(\d+))?")


def block(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`[3x3, 64; 3x3, 64] x 2`."""
    times = f"x{match['x']}" if match["x"] else ""
    rows = [
        row("conv", {"k": size, "n": filters, "g": groups or "1", **implied}, context)
        for size, filters, groups in _IN_A_BLOCK.findall(match["body"])
    ]
    remark = f"with `{times}/2` where the stage halves its map"
    return Meaning(f"[ {' '.join(rows)} ]{times}", remark)


def dense_block(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`[1x1 conv; 3x3 conv] x 6`."""
    times = f"x{match['x']}" if match["x"] else ""
    return Meaning(f"{{ id | (1,128) (3,32) }}{times}", "with the paper's growth of 32")


_LINK = re.compile(
    r"(?:(?P<x>\d+)x)?(?P<n>\d+)C(?P<k>\d+)|(?P<pool>[MA]P|[PS])(?P<size>\d+)"
    r"|(?:(?P<times>\d+)x)?(?P<units>\d+)(?:FC|N|F|SVM|Softmax)?",
    re.IGNORECASE,
)


def chain(match: re.Match[str], context: Context, implied: Fields) -> Meaning:
    """`1x28x28-32C3-MP2-128N-10N`."""
    rows, headers, units = [], [], ""
    for text in re.split(r"[-–−]", re.sub(r"[() \t]", "", match[0])):
        link = _LINK.fullmatch(text)
        if link is None:
            headers.append(f"input {text}")
        elif link["n"]:
            rows.append(row("conv", {**implied, **fields_of(link)}, context))
        elif link["pool"]:
            kind = "max" if link["pool"].upper() in ("MP", "P") else "avg"
            rows.append(row(kind, {"k": link["size"], "s": link["size"]}, context))
        else:
            units = link["units"]
            rows.append(row("fc", {"n": units, "x": link["times"] or "1"}, context))
    if units:
        rows[-1] = "fc"
        headers += [f"classes {units}"] * (units != context.classes)
    return Meaning(" ".join(rows), below(headers))


def below(headers: Sequence[str]) -> str:
    """The remark that a row goes with some header lines."""
    lines = " and ".join(f"`{header}`" for header in headers)
    return f"and {lines} above the layers" if lines else ""


def fields_of(match: re.Match[str]) -> dict[str, str]:
    """The numbers of a match that are there."""
    return {name: text for name, text in match.groupdict().items() if text is not None}


def _pool(fields: Fields) -> str:
    return "max" if fields.get("pool", "max").lower().startswith("max") else "avg"
