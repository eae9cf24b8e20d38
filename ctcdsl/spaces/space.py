"""A space of networks: a spec with choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ctcdsl.elaborate.drafts import Draft, read_drafts
from ctcdsl.elaborate.pins import pinned
from ctcdsl.ir import Shape
from ctcdsl.loading import CHOOSE, Spec, find_spec
from ctcdsl.metrics.catalog import DEPTH, MACS, PARAMS
from ctcdsl.spaces.builder import GraphBuilder
from ctcdsl.spaces.graph import Graph
from ctcdsl.spaces.measures import Measure, measure_of
from ctcdsl.syntax.nodes import Alternatives, Choice, Group
from ctcdsl.syntax.parser import parse
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import Diagnostic, Severity, Source, UserError, error
from ctcdsl.text.files import read_source
from ctcdsl.text.sink import Diagnostics


class Space:
    """The networks that a spec's choices allow; a spec without choices is a space of one.

    `warnings` are what the reading of its text reported.
    """

    def __init__(
        self, draft: Draft, input: Shape | None = None, warnings: Sequence[Diagnostic] = ()
    ) -> None:
        if input is not None:
            draft = draft._replace(headers=replace(draft.headers, input=input, inputs=(input,)))
        self.draft = draft
        self.inputs = draft.headers.inputs or (draft.headers.input,)
        self.warnings = tuple(warnings)

    @classmethod
    def read(
        cls,
        spec: Spec,
        *,
        input: Shape | None = None,
        pins: Mapping[str, str | float] | None = None,
        name: str | None = None,
    ) -> Space:
        """Read the space of a spec.

        Args:
            spec: As `check_spec` takes it.
            input: An input that replaces the spec's.
            pins: What `let`s have instead, as texts: `{"w": "32 | 64"}`.
            name: Which network, where the spec has several.

        Raises:
            UserError: The spec cannot be found or read, or has errors.
        """
        found = None
        if isinstance(spec, str):
            found = find_spec(spec)
            source, name = found.source, name or found.network
        else:
            source = spec if isinstance(spec, Source) else read_source(str(spec))
        drafts, warnings = drafts_of(source, pins or {})
        draft = _selected(drafts, name, source.name)
        return cls(draft, input, warnings)

    @property
    def name(self) -> str:
        """The network's name."""
        return self.draft.name

    @property
    def has_choices(self) -> bool:
        """Whether there is more than one network."""
        definitions = self.draft.definitions
        parts = (self.draft.lines, tuple(definitions.defs.values()))
        return (
            len(self.inputs) > 1
            or any(isinstance(let.value, Choice) for let in definitions.lets.values())
            or _mentions_choice(parts)
        )

    @property
    def has_shortcuts(self) -> bool:
        """Whether its text has square brackets, which add a shortcut."""
        definitions = self.draft.definitions
        return _has_bracket((self.draft.lines, tuple(definitions.defs.values())))

    def graph(
        self, measures: Sequence[Measure], conditions: Mapping[str, Any] | None = None
    ) -> Graph:
        """The space as a graph, with what each placement costs.

        Raises:
            UserError: CTC722 it is too large; a choice has no values; no network of it checks.
        """
        builder = GraphBuilder(self.draft, self.inputs, measures, conditions or {})
        graph = builder.build()
        if not graph.levels or not graph.levels[0].edges:
            failures = tuple(builder.failures)
            if failures:
                raise UserError(*failures)
            raise error(
                "CTC721",
                f"no network of the space `{self.name}` keeps to its `where`s",
                at=self.draft.lines[0].span,
                hint="loosen a condition: one by one they may hold, but not all together",
            )
        return graph

    def summary(self) -> dict[str, Any]:
        """How many networks there are, and the least and the most of the usual metrics."""
        metrics = (DEPTH, MACS, PARAMS)
        measures = [measure for metric in metrics if (measure := measure_of(metric))]
        graph = self.graph(measures)
        pairs = {m.name: graph.extremes(k) for k, m in enumerate(measures)}
        return {"name": self.name, "designs": graph.networks, **pairs}


def drafts_of(
    source: Source, pins: Mapping[str, str | float]
) -> tuple[list[Draft], tuple[Diagnostic, ...]]:
    """The spaces of a source, with some `let`s pinned, and warnings.

    Raises:
        UserError: The text has errors.
    """
    tree, errors = parse(source)
    if errors:
        raise UserError(*errors)
    diagnostics = Diagnostics()
    drafts = read_drafts(pinned(tree, pins), diagnostics)
    wrong = [d for d in diagnostics.reported if d.severity is Severity.ERROR]
    if wrong:
        raise UserError(*wrong)
    # What a pinned choice leaves unused is used by others.
    warnings = [d for d in diagnostics.reported if not (pins and d.code == "CTC904")]
    return drafts, tuple(warnings)


def _selected(drafts: Sequence[Draft], name: str | None, file: str) -> Draft:
    if name is None and len(drafts) == 1:
        return drafts[0]
    for draft in drafts:
        if draft.name == name:
            return draft
    names = [draft.name for draft in drafts]
    known = ", ".join(names)
    if name is None:
        message, hint = f"the spec has {len(names)} networks: {known}", CHOOSE
    else:
        message = f"the spec has no network `{name}`"
        hint = did_you_mean(name, names, f"it has {known}")
    raise error("CTC111", message, path=file, hint=hint)


def _mentions_choice(node: object) -> bool:
    if isinstance(node, Choice | Alternatives):
        return True
    return isinstance(node, tuple) and any(_mentions_choice(part) for part in node)


def _has_bracket(node: object) -> bool:
    if isinstance(node, Group) and node.bracket == "[":
        return True
    return isinstance(node, tuple) and any(_has_bracket(part) for part in node)
