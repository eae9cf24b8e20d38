"""Which network weights belong to, and the classes of its outputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Self

from ctcdsl.checking import Network
from ctcdsl.images.image_set import class_differences
from ctcdsl.ir.printer import unparse
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What a checkpoint records of its network."""

    name: str
    spec: str
    """The canonical text of the network."""
    digest: str
    """SHA-256 of `spec` in UTF-8, hexadecimal."""
    input: tuple[int, int, int]
    """Channels, height, width."""
    classes: tuple[str, ...]

    @classmethod
    def of(
        cls, *, name: str, spec: str, input: tuple[int, int, int], classes: tuple[str, ...]
    ) -> Self:
        """The identity with the digest of `spec`."""
        return cls(name, spec, hashlib.sha256(spec.encode()).hexdigest(), input, classes)

    @classmethod
    def of_network(cls, network: Network, classes: tuple[str, ...]) -> Self:
        """The identity of `network`, whose outputs are `classes`."""
        architecture = network.architecture
        channels, height, width = architecture.input
        return cls.of(
            name=architecture.name,
            spec=unparse(architecture),
            input=(channels, height, width),
            classes=classes,
        )


def require_same_identity(actual: ModelIdentity, expected: ModelIdentity, path: Path) -> None:
    """Raise `UserError` unless the checkpoint at `path` is of the `expected` network and classes.

    CTC606: another spec, with both names and digests and the first line that differs.
    CTC607: other classes, with both counts and the first names that differ.
    """
    errors = []
    if actual.digest != expected.digest:
        errors.append(
            error(
                "CTC606",
                f"the checkpoint is of another spec: {_short(actual)}, not {_short(expected)}",
                path=path,
                notes=(_first_difference(actual.spec, expected.spec),),
                hint="leave out the spec: the run has its own; or name another run",
            )
        )
    if actual.classes != expected.classes:
        errors.append(_class_mismatch(actual.classes, expected.classes, path))
    if errors:
        raise UserError(*(diagnostic for entry in errors for diagnostic in entry.diagnostics))


def require_same_classes(actual: tuple[str, ...], expected: tuple[str, ...], path: Path) -> None:
    """Raise `UserError` CTC607 unless the run at `path` has the `expected` classes of the data."""
    if actual != expected:
        raise _class_mismatch(actual, expected, path)


def _class_mismatch(actual: tuple[str, ...], expected: tuple[str, ...], path: Path) -> UserError:
    same_number = ", and not the same ones" if len(actual) == len(expected) else ""
    return error(
        "CTC607",
        f"the checkpoint has {plural(len(actual), 'class')},"
        f" the data has {plural(len(expected), 'class')}{same_number}",
        path=path,
        notes=class_differences(actual, expected, "the checkpoint", "the data"),
        hint="use the data it was trained on, or train again on this data",
    )


def _short(identity: ModelIdentity) -> str:
    return f"{identity.name} ({identity.digest[:12]})"


def _first_difference(actual: str, expected: str) -> str:
    pairs = zip_longest(actual.splitlines(), expected.splitlines())
    for number, (line, other) in enumerate(pairs, start=1):
        if line != other:
            return f"line {number}: checkpoint {_quoted(line)}, spec {_quoted(other)}"
    return "the lines are the same, their ends differ"


def _quoted(line: str | None) -> str:
    return "ends before it" if line is None else f"`{line}`"
