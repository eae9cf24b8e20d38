"""A text in an editor: its tree, what is wrong with it, and what its networks cost.

Everything is worked out when first asked for. A text with mistakes still answers from its
last version without errors, where the text around a place is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from ctcdsl.checking import Network, Report, check_source, infer_shapes
from ctcdsl.elaborate.file import read_networks
from ctcdsl.lsp.calls import calls_of, with_calls
from ctcdsl.lsp.positions import normalised
from ctcdsl.metrics import Cost, network_cost
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.nodes import Def, File
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Diagnostic, Source, Span
from ctcdsl.text.sink import Diagnostics


class Costed(NamedTuple):
    """What a network costs, and the calls of `def`s that led to its layers, by their names."""

    cost: Cost
    calls: Mapping[str, tuple[Span, ...]]


class Document:
    """One version of a text; `before` is the version that it replaces."""

    def __init__(self, name: str, text: str, before: Document | None = None) -> None:
        self.source = Source(name, normalised(text))
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        self._before = before.last_good if before is not None else None

    @cached_property
    def _parsed(self) -> tuple[File, list[Diagnostic]]:
        return parse(self.source)

    @property
    def tree(self) -> File:
        """The syntax tree; lines with syntax errors are missing."""
        return self._parsed[0]

    @property
    def tree_or_earlier(self) -> File:
        """The tree of the last version without errors, where all of this one is lost."""
        good = self._before
        return self.tree if self.tree.statements or good is None else good.tree

    @cached_property
    def report(self) -> Report:
        """What checking the text gave."""
        report = check_source(self.source)
        if report.ok:
            self._before = None  # needed no more, and versions would pile up
        return report

    @cached_property
    def networks(self) -> tuple[Costed, ...]:
        """The networks without errors."""
        networks = self.report.networks
        if not networks:
            return ()  # where lines are missing, the numbers would be wrong
        if not any(isinstance(statement, Def) for statement in self.tree.statements):
            return tuple(Costed(network_cost(network), {}) for network in networks)
        read = read_networks(with_calls(self.tree), Diagnostics())
        copied = [found for network in read for found in infer_shapes(network).networks]
        return tuple(
            Costed(network_cost(network), _calls(network, copy))
            for network, copy in zip(networks, copied, strict=True)
        )

    @property
    def last_good(self) -> Document | None:
        """The latest version up to here that is known to be without errors."""
        if "report" in self.__dict__ and self.report.ok:
            return self
        return self._before

    def formatted(self) -> str | None:
        """The canonical text, or None where it is what stands here, or cannot be told."""
        tree, mistakes = self._parsed
        if mistakes:
            return None
        text = format_file(tree)
        return None if text == self.source.text else text.replace("\n", self._line_end)

    def earlier(self, offset: int) -> Place | None:
        """The same place in the last version without errors, where there is one."""
        good = self._before
        if good is None:
            return None
        old, new = good.source.text, self.source.text
        same = _common(old, new)
        if offset < same:
            return Place(good, offset)
        behind = _common(old[same:][::-1], new[same:][::-1])
        if len(new) - offset <= behind:
            return Place(good, offset + len(old) - len(new))
        return None


class Place(NamedTuple):
    """An offset in one version of a text."""

    document: Document
    offset: int


def _calls(network: Network, copy: Network) -> dict[str, tuple[Span, ...]]:
    """The calls that the copy's layers know, for the layers of the network itself."""
    return {
        node.name: calls_of(copied.layer.origin)
        for node, copied in zip(network.layers, copy.layers, strict=True)
    }


def _common(first: str, second: str) -> int:
    """The characters that two texts share at their beginning."""
    shorter = min(len(first), len(second))
    if first[:shorter] == second[:shorter]:
        return shorter
    return next(k for k in range(shorter) if first[k] != second[k])
