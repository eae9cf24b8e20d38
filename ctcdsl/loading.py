"""Specs by a path, by a name in the folder, or by the name of a built-in network."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import product, takewhile
from operator import index
from typing import NamedTuple

from ctcdsl.checking import Network, Report, check_source
from ctcdsl.elaborate.expressions import Expressions, Scope
from ctcdsl.elaborate.headers import MAX_SIDE
from ctcdsl.ir import Shape
from ctcdsl.resources import resource
from ctcdsl.syntax.nodes import Let
from ctcdsl.syntax.parser import parse
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import Diagnostic, Severity, Source, UserError, error
from ctcdsl.text.files import ROW_HINT, STDIN, looks_like_row, read_source
from ctcdsl.text.sink import Diagnostics

_NET = re.compile(r"^[ \t]*net[ \t]+([^\s#]+)", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|?[ \t]*([A-Za-z][\w'′+-]*)[ \t]*\|", re.MULTILINE)
_PUBLISHED = r".*?\b\d{4}\b(?: \([^)]*\))?(?:, (?:Table|Figure) \d+)?"
_GROUPS = {"paper": "", **{folder: folder for folder in ("peers", "modern", "timm", "papers")}}
_PRIME = str.maketrans("′", "'")


class BuiltIn(NamedTuple):
    """A spec that comes with ctcdsl.

    `name` is its file's stem, `group` the folder: `paper`, `peers`, `modern`,
    `timm` or `papers`.
    """

    name: str
    group: str
    path: str

    def read(self) -> Source:
        """Its text; messages call it by its name."""
        return Source(self.name, read_source(self.path).text)

    @property
    def title(self) -> str:
        """Where its network was published, by the comment that the spec begins with."""
        lines = takewhile(lambda line: line.startswith("#"), self.read().text.split("\n"))
        comment = " ".join(line.lstrip("# ") for line in lines)
        citation = re.match(_PUBLISHED, comment)
        return citation[0] if citation else comment.partition(". ")[0]


class FoundSpec(NamedTuple):
    """A spec, and which of its networks is meant where the name tells."""

    source: Source
    network: str | None = None
    notes: tuple[Diagnostic, ...] = ()


Spec = str | os.PathLike[str] | Source
"""A spec: a path or a name as `find_spec` takes it, a path, or a text."""
Input = Shape | tuple[int, int, int] | int | str
"""An input: (channels, height, width), `"3x224x224"`, or 224 for a square colour image."""


def check_spec(
    spec: Spec, *, input: Shape | None = None, values: Mapping[str, float | str] | None = None
) -> Report:
    """Find a spec and check it, or report why it cannot be found or read.

    Args:
        spec: What to check; the networks are those meant, where a name means one of several.
        input: An input that replaces the spec's.
        values: Replace those of the spec's `let`s.

    Raises:
        TypeError: `spec` is not one.
    """
    if not isinstance(spec, (str, os.PathLike, Source)):
        kind = type(spec).__name__
        raise TypeError(f"expected the name or the path of a spec, not {kind}")
    try:
        if isinstance(spec, str):
            found = find_spec(spec)
        else:
            source = spec if isinstance(spec, Source) else read_source(os.fspath(spec))
            found = FoundSpec(source)
    except UserError as failure:
        return Report((), failure.diagnostics)
    report = check_source(found.source, input=input, values=values or {})
    return report._replace(
        networks=tuple(net for net in report.networks if found.network in (None, net.name)),
        diagnostics=(*found.notes, *report.diagnostics),
    )


def parse_input(value: Input) -> Shape:
    """Read an input; a ValueError says what one is."""
    if isinstance(value, (tuple, list)):
        # numpy's integers are integers; True is none
        sides = tuple(
            index(side) if hasattr(side, "__index__") and side is not True else 0 for side in value
        )
    else:
        parts = str(value).replace("×", "x").split("x")
        sides = tuple(int(part[:9]) if part.isdecimal() else 0 for part in parts)
    if len(sides) == 1:
        sides = (3, sides[0], sides[0])
    if len(sides) != 3 or not all(0 < side <= MAX_SIDE for side in sides):
        raise ValueError(f'{value!r} is not an input: give (3, 224, 224), "3x224x224" or 224')
    return Shape(*sides)


def parse_values(text: str) -> tuple[float, ...]:
    """Read the values of a parameter, `0.5,3/4,1`: numbers, or expressions of numbers.

    Raises:
        ValueError: One is missing, is given twice or is not a number; says which.
    """
    values: list[float] = []
    for part in text.split(","):
        if not part.strip():
            raise ValueError("a value is missing")
        value = _number(part)
        if value is None:
            raise ValueError(f"{part.strip()!r} is not a number")
        if value in values:
            raise ValueError(f"{part.strip()} is given twice")
        values.append(value)
    return tuple(values)


def _number(text: str) -> float | None:
    """The value of an expression of numbers, as a `let` takes it; None where it has none."""
    tree, errors = parse(Source("value", f"let value = {text}"))
    match tree.statements:
        case (Let(value=value),) if not errors and "#" not in text:
            return Expressions(Diagnostics()).value(value, Scope({}))
    return None


def combinations(
    values: Mapping[str, Sequence[float | str]],
) -> list[dict[str, float | str]]:
    """One set of values for each run: the product, in order, the last name's varying first."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def built_in_specs() -> tuple[BuiltIn, ...]:
    """The specs that come with ctcdsl: the paper's, then its peers, then later ones."""
    folders = {group: resource("specs", folder) for group, folder in _GROUPS.items()}
    return tuple(
        BuiltIn(file.removesuffix(".ctc"), group, os.path.join(folder, file))
        for group, folder in folders.items()
        for file in sorted(os.listdir(folder))
        if file.endswith(".ctc")
    )


def find_spec(text: str) -> FoundSpec:
    """Find the spec that a word means.

    A text with a path separator or the suffix `.ctc` is a path, `-` is standard input. Any
    other is a name: of the file NAME.ctc in the current folder, else of a built-in network,
    by its file's stem or its own name (`resnet50`, `ResNet50`, `J'`).

    Raises:
        UserError: CTC005 where there is no such file or network; CTC007 where the file is
            not UTF-8.
    """
    if text == STDIN or text.endswith(".ctc") or any(sep in text for sep in _SEPARATORS):
        return FoundSpec(read_source(text))
    for file in (f"{text}.ctc", text):
        if os.path.isfile(file):
            return FoundSpec(read_source(file), notes=_shadows(text, file))
    built_in = _find_built_in(text)
    if built_in is None and os.path.isdir(text):
        return FoundSpec(read_source(text))  # whose error says what to do about a folder
    if built_in is None:
        raise _unknown(text)
    return built_in


_SEPARATORS = tuple(sep for sep in (os.sep, os.altsep) if sep)


def _find_built_in(name: str) -> FoundSpec | None:
    """By stem first, so that A.ctc comes before a table's A; then by name; then in a table."""
    requested = name.translate(_PRIME)
    specs = built_in_specs()
    for spec in specs:
        if spec.name == requested:
            return FoundSpec(spec.read())
    sources = [spec.read() for spec in specs]
    for pattern in (_NET, _ROW):
        for source in sources:
            if requested in (match.translate(_PRIME) for match in pattern.findall(source.text)):
                return FoundSpec(source, requested)
    return None


def _shadows(name: str, file: str) -> tuple[Diagnostic, ...]:
    """A note that a name means a file here."""
    message = f"`{name}` is the file {file} in this folder"
    if _find_built_in(name) is not None:
        message += ", not the built-in network of that name"
    return (Diagnostic(code="CTC951", message=message, path=file, severity=Severity.NOTE),)


def _unknown(name: str) -> UserError:
    names = [spec.name for spec in built_in_specs()]
    names += [net for spec in built_in_specs() for net in _NET.findall(spec.read().text)]
    hint = did_you_mean(
        name, names, "`ctcdsl specs` lists the built-in networks; specs end in .ctc"
    )
    return error(
        "CTC005",
        f"there is no file {name}.ctc here and no built-in network `{name}`",
        hint=ROW_HINT if looks_like_row(name) else hint,
    )


CHOOSE = 'choose one: `--net NAME`, in Python `name="NAME"`'


def select(networks: Sequence[Network], name: str | None, file: str) -> Network:
    """The network of a spec: its only one, or the one named.

    Raises:
        UserError: CTC111 where the name is missing or unknown.
    """
    if name is None and len(networks) == 1:
        return networks[0]
    for network in networks:
        if network.name == name:
            return network
    names = [network.name for network in networks]
    known = ", ".join(names)
    if name is None:
        message, hint = f"the spec has {len(names)} networks: {known}", CHOOSE
    else:
        message = f"the spec has no network `{name}`"
        hint = did_you_mean(name, names, f"it has {known}")
    raise error("CTC111", message, path=file, hint=hint)
