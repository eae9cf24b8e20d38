"""Lines of layers to stages and head: where a stage begins, and what a head may contain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword

from ctcdsl.elaborate.layers import MAX_LAYERS, LayerElaborator
from ctcdsl.ir import (
    Element,
    Head,
    Linear,
    MapOrVectorLayer,
    Pool,
    Stage,
    VectorLayer,
    contains_conv,
    layers_of,
)
from ctcdsl.syntax.nodes import Item, Line, Name
from ctcdsl.text import Label, Span
from ctcdsl.text.sink import Diagnostics, quoted

# Attributes of torch.nn.Module: a stage of that name would overwrite one.
# fmt: off
_TAKEN = frozenset({
    "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile",
    "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward",
    "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "ipu",
    "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules",
    "named_parameters", "parameters", "register_backward_hook", "register_buffer",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_",
    "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty",
    "train", "training", "type", "xpu", "zero_grad",
})
# fmt: on


@dataclass(slots=True)
class _Head:
    """A head while its lines are read.

    `named` where a line `head` began it, which may have any layers; without one it begins at
    the first layer that gives a vector. `none` is the span of `head: none`.
    """

    elements: list[Element]
    named: bool
    none: Span | None = None


class StageReader:
    """Reads the lines of one network after another."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics

    def read(
        self, lines: Sequence[Line], elaborator: LayerElaborator, channels: int
    ) -> tuple[tuple[Stage, ...], Head | None]:
        """Split lines into stages and the head.

        The head is the line `head` and what follows it; without such a line it begins at the
        first layer that gives a vector. It is None where there is neither.

        Args:
            lines: The network's lines.
            elaborator: Reads their items.
            channels: Those of the input.
        """
        stages: list[Stage] = []
        labels: dict[str, Span] = {}
        head: _Head | None = None
        head_name = "head"
        count = 0
        current: int | None = channels
        for line in lines:
            self._label(line, labels)
            begun = head is not None and line.label != "head"
            if line.label == "head":
                none = _is_none(line.items)
                head = head or _Head([], named=True, none=line.items[0].span if none else None)
                if none:
                    continue
            trunk: list[Element] = []
            elements, current = elaborator.elements(line.items, current)
            count += sum(1 for _ in layers_of(elements))
            for element in elements:
                if head is None and not isinstance(element, VectorLayer):
                    trunk.append(element)
                    continue
                head = head or _Head([], named=False)
                if self._fits(element, head, line.label if begun else None):
                    head.elements.append(element)
            if trunk and line.label:
                stages.append(Stage(name=line.label, elements=tuple(trunk)))
            elif trunk:
                stages += _split_at_pools(trunk)
            elif line.label and not begun and head is not None:
                head_name = line.label
        if count > MAX_LAYERS:
            self._diagnostics.error(
                "CTC108",
                f"the network has {count:,} layers; at most {MAX_LAYERS:,} are allowed",
                lines[0].span,
            )
        self._check_stage_names(stages, labels)
        if head is None:
            return tuple(stages), None
        return tuple(stages), Head(name=head_name, layers=tuple(head.elements))

    def _fits(self, element: Element, head: _Head, stage: str | None) -> bool:
        """Whether an element of the line named `stage` can continue the head; reported if not."""
        error = self._diagnostics.error
        text = quoted(element.origin)
        if head.none is not None:
            error(
                "CTC301",
                f"{text} follows `head: none`",
                element.origin,
                also=(Label(head.none, "there is no head"),),
                hint="put it above this line, or into the head: `head: gap fc`",
            )
            return False
        classifier = next((x for x in head.elements if _is_classifier(x)), None)
        if classifier is not None:
            error(
                "CTC301",
                f"{text} follows the classifier",
                element.origin,
                also=(Label(classifier.origin, "`fc` alone is the classifier, and comes last"),),
                hint="write `fc(n)` for a hidden layer of n outputs",
            )
            return False
        first = head.elements[:1]
        begins = tuple(Label(layer.origin, "the head begins here") for layer in first)
        if isinstance(element, Linear | MapOrVectorLayer):
            return True
        if any(isinstance(layer, VectorLayer) for layer in head.elements):
            hint = "the head comes last: gap or spp, then fc and drop"
            if not head.named:
                hint += "; a line `head:` may have other layers before them"
            error(
                "CTC301",
                f"{text} needs a feature map, and {quoted(head.elements[-1].origin)} gives a"
                " vector",
                element.origin,
                also=begins,
                hint=hint,
            )
            return False
        if stage is not None and not isinstance(element, VectorLayer):
            error(
                "CTC301",
                f"the stage `{stage}` follows the head",
                element.origin,
                also=begins,
                hint="put the stage above `head:`, or its layers into that line",
            )
            return False
        return True

    def _label(self, line: Line, labels: dict[str, Span]) -> None:
        label = line.label
        if label is None:
            return
        span = Span(line.span.source, line.span.start, line.span.start + len(label))
        if label in labels:
            first = Label(labels[label], "first named here")
            self._diagnostics.error(
                "CTC105", f"two stages are named `{label}`", span, also=(first,)
            )
        elif iskeyword(label) or label.startswith("_") or label in _TAKEN:
            self._diagnostics.error(
                "CTC110",
                f"a stage cannot be named `{label}`",
                span,
                hint="in the generated PyTorch module that attribute is taken",
            )
        labels.setdefault(label, span)

    def _check_stage_names(self, stages: Sequence[Stage], labels: dict[str, Span]) -> None:
        for k, stage in enumerate(stages, start=1):
            if stage.name is None and f"stage{k}" in labels:
                self._diagnostics.error(
                    "CTC105",
                    f"stage {k} has no name and would be `stage{k}`, which is taken",
                    labels[f"stage{k}"],
                    hint="name every stage, or none",
                )


def _is_none(items: Sequence[Item]) -> bool:
    return (
        len(items) == 1
        and isinstance(items[0].primary, Name)
        and items[0].primary.text == "none"
        and not items[0].postfixes
    )


def _is_classifier(element: Element) -> bool:
    return isinstance(element, Linear) and element.features is None


def _split_at_pools(elements: Sequence[Element]) -> list[Stage]:
    """Split a line without a name: a stage is between two pools (paper, Section 4).

    A pool that has a convolution before and after it in the line begins a stage.
    """
    convs = [k for k, element in enumerate(elements) if contains_conv(element)]
    if not convs:
        return [Stage(name=None, elements=tuple(elements))]
    starts = [0]
    convolved = False  # since the stage began
    for k, element in enumerate(elements):
        if isinstance(element, Pool) and convolved and k < convs[-1]:
            starts.append(k)
            convolved = False
        convolved = convolved or contains_conv(element)
    ends = [*starts[1:], len(elements)]
    return [
        Stage(name=None, elements=tuple(elements[start:end]))
        for start, end in zip(starts, ends, strict=True)
    ]
