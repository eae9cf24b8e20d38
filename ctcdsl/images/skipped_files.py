"""Files that are not read, counted by what they are: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ctcdsl.text.diagnostic import Diagnostic, Severity

HIDDEN, SYSTEM_FOLDER, LOOSE = "hidden", "system folder", "outside of class folders"
DANGLING, LOOP, SPECIAL = "dangling link", "link to a folder already read", "not a regular file"
OTHER_FOLDER, OTHER_SPLIT = "folder beside the splits", "of another split"
_EXAMPLES = 3  # names of each kind


@dataclass(slots=True)
class SkippedFiles:
    """How many files were passed over, by kind, with some of their names."""

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str, count: int = 1) -> None:
        """Count a file, a link or a folder that is not searched."""
        self.counts[kind] = self.counts.get(kind, 0) + count
        if len(names := self.names.setdefault(kind, [])) < _EXAMPLES:
            names.append(name)

    def update(self, other: SkippedFiles) -> None:
        """Add all that `other` has."""
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            self.names[kind] = (self.names.get(kind, []) + other.names[kind])[:_EXAMPLES]

    @classmethod
    def of(cls, parts: Iterable[SkippedFiles]) -> Self:
        """All of several together."""
        whole = cls()
        for part in {id(part): part for part in parts}.values():  # of two splits in one tar file
            whole.update(part)
        return whole

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def by_kind(self) -> str:
        """As in ``3 .txt, 2 dangling link``, most first."""
        kinds = sorted(self.counts.items(), key=lambda each: (-each[1], each[0]))
        return ", ".join(f"{count} {kind}" for kind, count in kinds)

    def __str__(self) -> str:
        return f"{self.total} file{'s' * (self.total != 1)} passed over: {self.by_kind()}"

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Counts and some names by kind."""
        return {
            kind: {"count": count, "examples": self.names[kind]}
            for kind, count in sorted(self.counts.items())
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Mapping[str, Any]]) -> Self:
        """What `as_json` wrote."""
        return cls(
            {kind: int(each["count"]) for kind, each in values.items()},
            {kind: [str(name) for name in each["examples"]] for kind, each in values.items()},
        )


def skipped_notes(passed_over: SkippedFiles) -> tuple[Diagnostic, ...]:
    """The note CTC916, where anything was passed over."""
    if not passed_over.total:
        return ()
    note = Diagnostic(code="CTC916", message=str(passed_over), severity=Severity.NOTE)
    return (note,)
