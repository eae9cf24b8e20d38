"""From the draft of a network to its architecture: stages, head, what is worth a warning."""

from __future__ import annotations

from collections.abc import Mapping

from ctcdsl.elaborate.choices import Chooser, report_space
from ctcdsl.elaborate.definitions import NO_VALUES, DefinitionReader
from ctcdsl.elaborate.drafts import Draft, DraftReader
from ctcdsl.elaborate.headers import HeaderReader, Headers
from ctcdsl.elaborate.layers import LayerElaborator
from ctcdsl.elaborate.recompute import read_parts
from ctcdsl.elaborate.stages import StageReader
from ctcdsl.ir import (
    Architecture,
    Dropout,
    Head,
    Identity,
    Linear,
    PadRule,
    ParsedSpec,
    SpatialPyramid,
    Style,
    contains_conv,
)
from ctcdsl.syntax.nodes import Choice, Def, File, Size
from ctcdsl.text import Hint, Origin, Severity, Span
from ctcdsl.text.sink import Diagnostics, quoted

PAPER_HEAD = "spp(6,3,2,1) fc(4096) drop(0.5) fc(4096) drop(0.5) fc"
"""The head of every network of the paper (Sections 3.1 and 5)."""


def read_networks(
    tree: File,
    diagnostics: Diagnostics,
    values: Mapping[str, float] = NO_VALUES,
    *,
    any_input: bool = False,
) -> list[Architecture]:
    """Resolve the networks of a file; those with errors are reported and left out.

    Args:
        tree: The file's syntax.
        diagnostics: Takes the errors.
        values: Replace those of the `let`s of these names.
        any_input: Whether another input replaces the file's, so that a choice of some is none.
    """
    networks: list[Architecture | None] = []
    elaborator = _NetworkElaborator(diagnostics, values)
    reader = DraftReader(tree, diagnostics)
    reader.read(lambda draft: networks.append(elaborator.network(draft, any_input)))
    return [network for network in networks if network is not None]


def read_design(
    draft: Draft,
    defs: Mapping[str, Def],
    values: Mapping[str, float | None],
    chooser: Chooser,
    diagnostics: Diagnostics,
) -> Architecture | None:
    """One network of a space: that for which the values and `chooser` make the choices.

    Args:
        draft: The space.
        defs: Its `def`s, and the `let`s that name one.
        values: Those of its `let`s, and its `classes`.
        chooser: Makes the choices in place, in the order of the layers.
        diagnostics: Takes the errors.
    """
    elaborator = _NetworkElaborator(diagnostics, NO_VALUES)
    return elaborator.build(draft, defs, values, chooser, num_errors=diagnostics.num_errors)


def style_of(draft: Draft, values: Mapping[str, float | None], diagnostics: Diagnostics) -> Style:
    """The style of a network, with the constants of its headers."""
    style = draft.headers.style
    if draft.headers.constants:
        constants = HeaderReader(diagnostics).constants(draft.headers, values)
        style = style.with_constants(constants)
    return style


def pad_of(headers: Headers) -> PadRule:
    """The padding rule: without a `style` the paper's is the default."""
    return headers.pad or (PadRule.SAME if headers.styled else PadRule.PAPER)


def paper_head(name: str, span: Span, style: Style, diagnostics: Diagnostics) -> Head:
    """The head of a network that names none, with a note that says so."""
    diagnostics.add(
        Severity.NOTE,
        "CTC901",
        f"`{name}` names no head and takes the paper's: {PAPER_HEAD}",
        span,
        hint="`head: none` leaves the network without one",
    )
    origin = Origin(span)
    half = Dropout(probability=0.5, origin=origin)
    hidden = Linear(features=4096, activation=style.activation, origin=origin)
    return Head(
        layers=(
            SpatialPyramid(levels=(6, 3, 2, 1), origin=origin),
            hidden,
            half,
            hidden,
            half,
            Linear(features=None, origin=origin),
        ),
        implied=True,
    )


class _NetworkElaborator:
    """Makes the networks of drafts; `values` replace those of the `let`s of these names."""

    def __init__(self, diagnostics: Diagnostics, values: Mapping[str, float]) -> None:
        self._diagnostics = diagnostics
        self._values = values
        self._definitions = DefinitionReader(diagnostics, values)
        self._stages = StageReader(diagnostics)

    def network(self, draft: Draft, any_input: bool) -> Architecture | None:
        """The network of a draft that has no choices; None, reported, where it has errors."""
        headers, num_errors = draft.headers, self._diagnostics.num_errors
        if len(headers.inputs) > 1 and not any_input:
            sizes = tuple(Size((s.channels, *s[1:]), headers.seen["input"]) for s in headers.inputs)
            report_space(Choice(sizes, headers.seen["input"]), self._diagnostics)
        values = {**self._definitions.values(draft.definitions), "classes": headers.classes}
        network = self.build(draft, draft.definitions.blocks, values, num_errors=num_errors)
        if draft.definitions.wheres and self._diagnostics.num_errors == num_errors:
            from ctcdsl.elaborate.conditions import require_conditions  # spaces alone have some

            require_conditions(draft.definitions.wheres, values, self._diagnostics)
        ok = not draft.failed and self._diagnostics.num_errors == num_errors
        return network if ok else None

    def build(
        self,
        draft: Draft,
        defs: Mapping[str, Def],
        values: Mapping[str, float | None],
        chooser: Chooser | None = None,
        *,
        num_errors: int,
    ) -> Architecture | None:
        """The network of a draft with the values of its `let`s.

        None where there are more than `num_errors` errors.
        """
        headers, name, lines = draft.headers, draft.name, draft.lines
        span = headers.seen.get("net") or lines[0].span
        style = style_of(draft, values, self._diagnostics)
        items = LayerElaborator(self._diagnostics, style, defs, values, chooser)
        stages, head = self._stages.read(lines, items, headers.input.channels)
        if self._diagnostics.num_errors > num_errors:
            return None
        if not any(contains_conv(node) for stage in stages for node in stage.elements):
            self._diagnostics.error(
                "CTC303",
                f"network `{name}` has no convolution before its head",
                lines[0].span,
                hint="a row such as `(7,64)/2 3/3 (5,128)`; `x0` leaves no layer",
            )
            return None
        self._warn(draft, len(stages), head)
        elements = [element for stage in stages for element in stage.elements]
        elements += head.layers if head is not None else ()
        head = head or paper_head(name, span, style, self._diagnostics)
        return Architecture(
            name=name,
            input=headers.input,
            classes=headers.classes,
            style=style,
            pad=pad_of(headers),
            pad_implied_by=None if headers.pad else headers.styled,
            maps=headers.maps,
            stages=stages,
            head=head,
            recompute=read_parts(headers.recompute, stages, head, self._diagnostics),
            origin=lines[0].span.merge(lines[-1].span),
            spec=ParsedSpec(draft.tree, name, dict(self._values), tuple(elements), defs, values),
        )

    def _warn(self, draft: Draft, stages: int, head: Head | None) -> None:
        """Warn of `maps` without a stage to apply to, and of scores after an activation."""
        headers, name = draft.headers, draft.name
        if headers.maps and stages < 2:
            self._diagnostics.add(
                Severity.WARNING,
                "CTC923",
                f"`maps` is for stages 2, 3, …, and `{name}` has one stage: it has no effect",
                headers.maps_span or draft.tree.span,
                hint=Hint(
                    "remove it; a stage begins at a pool between layers, or on a line of its own",
                    "",
                ),
            )
        last = None
        for layer in head.layers if head is not None else ():
            if isinstance(layer, Linear):
                last = layer
            elif not isinstance(layer, Dropout | Identity):
                last = None
        if last is None or last.features is None or last.activation is None:
            return
        if last.activation.word not in last.origin.text:  # not written on purpose
            self._diagnostics.add(
                Severity.WARNING,
                "CTC921",
                f"{quoted(last.origin)} is the last layer, and {last.activation} acts on its"
                " outputs, the scores of the classes",
                last.origin,
                hint=Hint(
                    f"`fc` is the classifier; `fc({last.features},linear)` has no activation,"
                    f" `fc({last.features},{last.activation})` keeps it",
                    "fc",
                    f"fc({last.features},linear)",
                    f"fc({last.features},{last.activation})",
                ),
            )
