"""Which network weights belong to, and which classes its outputs mean."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Self

from ctcdsl.checking import Network
from ctcdsl.images.image_set import class_differences
from ctcdsl.ir.printer import unparse
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What a checkpoint remembers of its network."""

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


def require_same_identity(found: ModelIdentity, expected: ModelIdentity, path: Path) -> None:
    """Raise `UserError` unless the checkpoint at `path` is of the `expected` network and classes.

    CTC606: another spec, with both names and digests and the first line that differs.
    CTC607: other classes, with both counts and the first names that differ.
    """
    problems = []
    if found.digest != expected.digest:
        problems.append(
            Diagnostic(
                code="CTC606",
                message=(
                    f"the checkpoint is of another spec: {_short(found)}, not {_short(expected)}"
                ),
                path=str(path),
                notes=(_first_difference(found.spec, expected.spec),),
                hints=("leave out the spec: the run has its own; or name another run",),
            )
        )
    if found.classes != expected.classes:
        problems.append(_other_classes(found.classes, expected.classes, path))
    if problems:
        raise UserError(*problems)


def require_same_classes(found: tuple[str, ...], expected: tuple[str, ...], path: Path) -> None:
    """Raise `UserError` CTC607 unless the run at `path` has the `expected` classes of the data."""
    if found != expected:
        raise UserError(_other_classes(found, expected, path))


def _other_classes(found: tuple[str, ...], expected: tuple[str, ...], path: Path) -> Diagnostic:
    return Diagnostic(
        code="CTC607",
        message=(
            f"the checkpoint knows {plural(len(found), 'class')},"
            f" the data has {plural(len(expected), 'class')}"
            + (", and not the same ones" if len(found) == len(expected) else "")
        ),
        path=str(path),
        notes=class_differences(found, expected, "the checkpoint", "the data"),
        hints=("take the data it was trained on, or train again on this data",),
    )


def _short(identity: ModelIdentity) -> str:
    return f"{identity.name} ({identity.digest[:12]})"


def _first_difference(found: str, expected: str) -> str:
    pairs = zip_longest(found.splitlines(), expected.splitlines())
    for number, (theirs, ours) in enumerate(pairs, start=1):
        if theirs != ours:
            return f"line {number}: checkpoint {_line(theirs)}, spec {_line(ours)}"
    return "the lines are the same, their ends differ"


def _line(text: str | None) -> str:
    return "ends before it" if text is None else f"`{text}`"
