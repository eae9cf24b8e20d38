"""A text in an editor: its tree, its diagnostics, and the cost of its networks.

Everything is computed when first asked for. A text with errors still answers from its last
valid version, where the text around an offset is the same.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from ctcdsl.checking import Report, check_source
from ctcdsl.metrics import Cost, network_cost
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.nodes import File
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Diagnostic, Source, Span


class Document:
    """One version of a text; `before` is the version that it replaces."""

    def __init__(self, name: str, text: str, before: Document | None = None) -> None:
        self.source = Source(name, text)
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        self._before = before.last_valid if before is not None else None

    @cached_property
    def _parsed(self) -> tuple[File, list[Diagnostic]]:
        return parse(self.source)

    @property
    def tree(self) -> File:
        """The syntax tree; lines with syntax errors are missing."""
        return self._parsed[0]

    @property
    def tree_or_earlier(self) -> File:
        """The tree, or where it is empty that of the last valid version."""
        valid = self._before
        return self.tree if self.tree.statements or valid is None else valid.tree

    @cached_property
    def _checked(self) -> Report:
        return check_source(self.source, parsed=self._parsed)

    @property
    def is_space(self) -> bool:
        """Whether the text has choices, and is no single network."""
        return any(diagnostic.code == "CTC119" for diagnostic in self._checked.errors)

    @cached_property
    def report(self) -> Report:
        """The result of checking the text."""
        report = self._checked
        if self.is_space:
            from ctcdsl.spaces.summary import as_spaces, reported

            _, others = as_spaces(report.diagnostics)
            errors = [each for each in reported(self.source) if each not in others]
            report = report._replace(diagnostics=(*others, *errors))
        if report.ok:
            self._before = None  # needed no more, and versions would pile up
        return report

    @cached_property
    def costs(self) -> tuple[Cost, ...]:
        """The costs of the networks; none after an error, where lines may be missing."""
        return tuple(map(network_cost, self.report.networks))

    @cached_property
    def spaces(self) -> str:
        """Of a space how many networks it has and what they cost, a line each; else empty."""
        if not self.is_space or not self.report.ok:
            return ""
        from ctcdsl.spaces.summary import summaries
        from ctcdsl.text import UserError

        try:
            return "\n\n".join(f"{each.name}: {each.text}" for each in summaries(self.source))
        except UserError as failure:
            return failure.diagnostics[0].message

    @property
    def last_valid(self) -> Document | None:
        """The latest version up to this one that is known to be without errors."""
        if "report" in self.__dict__ and self.report.ok:
            return self
        return self._before

    @property
    def last_valid_now(self) -> Document | None:
        """The latest version without errors; it checks the present one first."""
        return self if self.report.ok else self._before

    def moved(self, valid: Document, span: Span) -> Span | None:
        """Where a piece of an earlier version is now; None where its text has changed."""
        if valid is self:
            return span
        old, new = valid.source.text, self.source.text
        same_before = _common(old, new)
        if span.end <= same_before:
            return Span(self.source, span.start, span.end)
        same_after = _common(old[same_before:][::-1], new[same_before:][::-1])
        if len(old) - span.start > same_after:
            return None
        longer = len(new) - len(old)
        return Span(self.source, span.start + longer, span.end + longer)

    def formatted(self) -> str | None:
        """The canonical text; None where the text is canonical already, or has syntax errors."""
        tree, errors = self._parsed
        if errors:
            return None
        text = format_file(tree)
        return None if text == self.source.text else text

    def with_line_ends(self, text: str) -> str:
        """A text to insert, with the line ends that this one has."""
        return text.replace("\n", self._line_end)

    @property
    def has_syntax_errors(self) -> bool:
        """Whether lines are missing in the tree."""
        return bool(self._parsed[1])

    def earlier(self, offset: int) -> Place | None:
        """The same place in the last valid version, where there is one."""
        valid = self._before
        if valid is None:
            return None
        old, new = valid.source.text, self.source.text
        same_before = _common(old, new)
        if offset < same_before:
            return Place(valid, offset)
        same_after = _common(old[same_before:][::-1], new[same_before:][::-1])
        if len(new) - offset <= same_after:
            return Place(valid, offset + len(old) - len(new))
        return None


class Place(NamedTuple):
    """An offset in one version of a text."""

    document: Document
    offset: int


def _common(first: str, second: str) -> int:
    """The characters that two texts share at their beginning."""
    shorter = min(len(first), len(second))
    if first[:shorter] == second[:shorter]:
        return shorter
    return next(k for k in range(shorter) if first[k] != second[k])
