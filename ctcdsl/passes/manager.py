"""Run passes in turn, and verify the guarantee of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from traceback import extract_tb
from types import MappingProxyType
from typing import Any, NamedTuple

from ctcdsl.checking import Network, Report, infer_shapes
from ctcdsl.ir import Architecture, Conv, ConvLayer, layers_of
from ctcdsl.ir import replace as replace_record
from ctcdsl.passes.base import TOLERANCE, Guarantee, Pass, PassResult
from ctcdsl.text import Diagnostic, Severity, SpecError, UserError, error
from ctcdsl.text.plural import plural


class Frozen(StrEnum):
    """A part that a user may freeze: a pass that changes it fails."""

    STAGE_OUTPUTS = "stage-outputs"
    FIRST_LAYER = "first-layer"
    INPUT = "input"
    HEAD = "head"


class Step(NamedTuple):
    """One pass of a chain, the network before and after it, and its notes.

    `diagnostics` are the notes of checking the network after it.
    """

    applied: Pass
    before: Network
    after: Network
    notes: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    figures: Mapping[str, float] = MappingProxyType({})


class Interval(NamedTuple):
    """The allowed change of a network's MACs by a chain, as shares: -0.07 to 0.03."""

    low: float
    high: float

    def __contains__(self, change: object) -> bool:
        return isinstance(change, float) and self.low <= change <= self.high

    def __str__(self) -> str:
        return f"{100 * self.low:+g}%,{100 * self.high:+g}%"


def run_passes(
    network: Network,
    passes: Iterable[Pass],
    *,
    frozen: Sequence[Frozen] = (),
    multiple: int = 1,
) -> list[Step]:
    """Apply passes in turn; each network is checked before the next pass.

    Args:
        network: The network to rewrite.
        passes: The passes, in order.
        frozen: Parts that no pass may change.
        multiple: Every width that a pass sets must be a multiple of this.

    Raises:
        UserError: CTC4xx a pass does not apply; CTC410 it broke its guarantee; CTC411 it made an
            invalid network; CTC412 it changed a frozen part; CTC504 a third-party pass failed.
            The message names the pass.
    """
    steps: list[Step] = []
    budget = network.macs
    for applied in passes:
        step = run_pass(network, applied, budget=budget)
        for part in frozen:
            _check_frozen(part, step)
        if multiple > 1:
            _check_multiple(multiple, step)
        steps.append(step)
        network = step.after
    return steps


def run_pass(network: Network, applied: Pass, *, budget: int = 0) -> Step:
    """Apply one pass, check its result, and verify its guarantee.

    A pass with a field `budget` gets the MACs at the start of the chain.
    """
    fields: dict[str, Any] = getattr(applied, "__dataclass_fields__", {})
    if "budget" in fields:
        with_budget: Any = applied
        applied = replace(with_budget, budget=budget)
    result, dropped, report = _run(network, applied)
    if not report.ok:
        first = report.errors[0]
        raise SpecError(
            first._replace(
                code="CTC411",
                message=f"`{applied.name}` produced an invalid network: {first.message}",
                notes=(f"{first.code} of the network that the pass made",),
            )
        )
    diagnostics = tuple(d for d in report.diagnostics if d.severity is Severity.NOTE)
    notes = (*result.notes, *dropped)
    step = Step(applied, network, report.networks[0], notes, diagnostics, result.figures)
    _verify(step)
    return step


def _run(network: Network, applied: Pass) -> tuple[PassResult, tuple[str, ...], Report]:
    """Run a pass and check what it made; whatever fails in there is the pass's."""
    try:
        result = applied.run(network)
        if not isinstance(result, PassResult):
            raise TypeError(f"run() returned {type(result).__name__}, not PassResult")
        architecture, dropped = _kept_parts(network.architecture, result.architecture)
        return result, dropped, infer_shapes(architecture, previous=network)
    except UserError:
        raise
    except Exception as cause:
        module = type(applied).__module__
        if module.partition(".")[0] == "ctcdsl":
            cause.add_note(f"in the pass `{applied.name}`")
            raise  # a bug of ours, and reported as one
        raise _failure(applied, module, cause) from cause


def _kept_parts(before: Architecture, after: Architecture) -> tuple[Architecture, tuple[str, ...]]:
    """What a pass made, without the parts of `recompute` whose layers it changed; and a note."""
    if not after.recompute or after.recompute != before.recompute:
        return after, ()
    old, new = ([len(chain) for chain in each.chains] for each in (before, after))
    if old == new:
        return after, ()
    kept = tuple(
        part
        for part in after.recompute
        if len(old) == len(new) and (part.elements is None or old[part.stage] == new[part.stage])
    )
    number = len(after.recompute) - len(kept)
    if not number:
        return after, ()
    note = f"{plural(number, 'part')} of `recompute` dropped: the layers changed"
    return replace_record(after, recompute=kept), (note,)


def _failure(applied: Pass, module: str, cause: Exception) -> UserError:
    frames = extract_tb(cause.__traceback__)
    inside = [frame for frame in frames if frame.name == "run" or frame is frames[-1]]
    return error(
        "CTC504",
        f"the pass `{applied.name}` of {module} fails: {type(cause).__name__}: {cause}",
        notes=(f"{frame.filename}:{frame.lineno}, in {frame.name}" for frame in inside),
        hint="this is a bug of that package: report it there",
    )


def _verify(step: Step) -> None:
    """Verify what a pass guarantees of its MACs, or of its shapes.

    That outputs stay is verified with weights, in ctcdsl/passes/weights/.
    """
    before, after = step.before, step.after
    guarantee = step.applied.preserves
    if guarantee is Guarantee.COMPLEXITY:
        ratio = after.macs / before.macs
        low, high = TOLERANCE
        if not low <= ratio - 1 <= high:
            raise error(
                "CTC410",
                f"`{step.applied.name}` guarantees the complexity, and would change it to"
                f" ×{ratio:.3f}",
                at=after.architecture.origin,
                hint=f"one pass may move it by {100 * low:+.0f}% to {100 * high:+.0f}%; another"
                " stage, depth or multiple may fit",
            )
    elif guarantee in (Guarantee.OUTPUTS, Guarantee.INTERIOR) and before.output != after.output:
        raise error(
            "CTC410",
            f"`{step.applied.name}` guarantees the outputs, and would leave {after.output}"
            f" instead of {before.output}",
            at=after.architecture.origin,
        )


def _check_frozen(part: Frozen, step: Step) -> None:
    before, after = step.before.architecture, step.after.architecture
    unchanged = {
        Frozen.STAGE_OUTPUTS: _stage_outputs(step.before) == _stage_outputs(step.after),
        Frozen.FIRST_LAYER: before.stages[0].elements[0] == after.stages[0].elements[0],
        Frozen.INPUT: before.input == after.input,
        Frozen.HEAD: before.head == after.head,
    }[part]
    if not unchanged:
        raise error(
            "CTC412",
            f"`{step.applied.name}` changes the {part.replace('-', ' ')}, which is frozen",
            at=after.origin,
        )


def _stage_outputs(network: Network) -> list[int]:
    """The filters that leave each stage."""
    stages = range(len(network.architecture.stages))
    return [network.stage(index)[-1].output.channels for index in stages]


def _check_multiple(multiple: int, step: Step) -> None:
    old = {conv.filters for conv in _convs(step.before.architecture)}
    for conv in _convs(step.after.architecture):
        if conv.filters % multiple and conv.filters not in old:
            raise error(
                "CTC412",
                f"`{step.applied.name}` sets {conv.filters} filters, not a multiple of {multiple}",
                at=conv.origin,
                hint=f"give it the option multiple={multiple}",
            )


def _convs(architecture: Architecture) -> list[Conv]:
    return [
        layer.conv
        for stage in architecture.stages
        for layer in layers_of(stage.elements)
        if isinstance(layer, ConvLayer)
    ]


def require_within(interval: Interval, start: Network, end: Network) -> None:
    """Fail if a chain left the interval (CTC413)."""
    before, after = start.macs, end.macs
    change = after / before - 1
    if change in interval:
        return
    from ctcdsl.passes.suggest import nearest

    raise error(
        "CTC413",
        f"the network costs {after:,} MACs, {100 * change:+.2f}% of {before:,}, outside of"
        f" {interval}",
        at=end.architecture.origin,
        hint=nearest(interval, before, end),
    )
