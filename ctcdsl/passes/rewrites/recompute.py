"""Parts whose maps training computes again, so that a step fits into a memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ctcdsl.budgets.units import parse_bytes
from ctcdsl.checking import Network
from ctcdsl.ir import replace
from ctcdsl.ir.printer import part_texts
from ctcdsl.ir.recompute import part_at
from ctcdsl.lowering import lower
from ctcdsl.metrics.chain_memory import chain_memory
from ctcdsl.metrics.memory import Memory, format_bytes, network_memory
from ctcdsl.metrics.step import Optimizer, Precision
from ctcdsl.metrics.tables import Table
from ctcdsl.passes.base import Guarantee, KeepsWeights, PassResult
from ctcdsl.passes.recompute_plan import NOTHING, Plan, Planner
from ctcdsl.passes.registry import format_pass
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural

_TRIES = 8
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "precision": ("float32", "bf16"),
    "optimizer": ("sgd", "adamw"),
}


class Choice(NamedTuple):
    """A network that recomputes some parts, in `memory`, the peak of a step with its kernels.

    `extra` are the MACs that are computed again for an image.
    """

    memory: Memory
    peak: int
    extra: int

    @property
    def share(self) -> float:
        """Of a forward pass, what is computed again."""
        return self.extra / sum(node.macs for node in lower(self.memory.network).nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recompute(KeepsWeights):
    """Compute the maps of some parts again in the backward pass, so that a step fits into `memory`.

    Of all choices of parts, layers and blocks of a stage in a row, the one that computes least
    again, found by a dynamic programme: optimal for one level, where nothing is
    recomputed twice. Weights, gradients and outputs stay the same to the last bit. The peak is
    that of a step for `batch` images, with what its kernels may take.

    recompute:memory=1.54GB,batch=64

        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6
        recompute stage2.pool stage3.pool
        (7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6
    """

    name: ClassVar[str] = "recompute"
    summary: ClassVar[str] = "maps computed again in the backward pass, to fit into a memory"
    section: ClassVar[str] = "beyond the paper: Chen et al. 2016"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    memory: str | None = None
    batch: int = 1
    precision: str = "float32"
    optimizer: str = "sgd"

    def run(self, network: Network) -> PassResult:
        """Rewrite a network; CTC402 for wrong options, CTC421 where nothing fits."""
        self._require_options()
        if self.memory is None:
            hint = "`recompute:memory=2GB,batch=8`; `--all` shows every choice without it"
            raise error("CTC402", "`recompute` needs `memory`", hint=hint)
        available = parse_bytes(self.memory)
        plain = self._choice(network, NOTHING)
        if plain.peak <= available:
            note = f"{self._step} takes {format_bytes(plain.peak)}: nothing needs to be recomputed"
            changed = bool(network.architecture.recompute)
            return PassResult(plain.memory.network.architecture, changed, (note,))
        planner = self._planner(plain.memory.network)
        target = available
        for _ in range(_TRIES):  # a part does not begin in place: it may take more than planned
            plan = planner.within(target)
            if plan is None:
                break
            choice = self._choice(network, plan)
            if choice.peak <= available:
                return self._result(plain, choice)
            target -= choice.peak - available
        raise self._nothing_fits(network, available, planner)

    def choices(self, network: Network) -> list[Choice]:
        """The trade-off: for less and less memory what computes least again."""
        self._require_options()
        plain = self._choice(network, NOTHING)
        plans = self._planner(plain.memory.network).all()
        found = [plain]
        for plan in plans:
            choice = self._choice(network, plan)
            if choice.peak < found[-1].peak:
                found.append(choice)
        return found

    # ------------------------------------------------------------------- parts

    @property
    def _step(self) -> str:
        return f"a step of {plural(self.batch, 'image')}"

    @property
    def _precision(self) -> Precision:
        return "bf16" if self.precision == "bf16" else "float32"

    @property
    def _optimizer(self) -> Optimizer:
        return "adamw" if self.optimizer == "adamw" else "sgd"

    def _require_options(self) -> None:
        for option, values in _CHOICES.items():
            given = getattr(self, option)
            if given not in values:
                hint = f"it is {' or '.join(values)}"
                raise error("CTC402", f"`{option}` of `recompute` is `{given}`", hint=hint)
        if self.batch < 1:
            raise error("CTC402", f"`batch` must be at least 1, not {self.batch}")

    def _planner(self, network: Network) -> Planner:
        return Planner(
            network,
            chain_memory(network, self.batch, precision=self._precision, optimizer=self._optimizer),
        )

    def _choice(self, network: Network, plan: Plan) -> Choice:
        architecture = network.architecture
        lengths = [len(chain) for chain in architecture.chains]
        parts = tuple(part_at(run, lengths) for run in plan.parts)
        marked = Network(replace(architecture, recompute=parts), network.nodes)
        memory = network_memory(
            marked, self.batch, precision=self._precision, optimizer=self._optimizer
        )
        training = memory.training
        return Choice(memory, training.peak + training.kernels, plan.macs)

    def _result(self, plain: Choice, choice: Choice) -> PassResult:
        training = choice.memory.training
        at = f"{training.layer}, {training.phase}" if training.layer else str(training.phase)
        notes = (
            f"{self._step} takes {format_bytes(choice.peak)} instead of"
            f" {format_bytes(plain.peak)}, the most in {at}",
            f"{choice.share:.2f} of a forward pass is computed again: {choice.extra:,} MACs for"
            " an image",
        )
        figures = {
            "batch": self.batch,
            "peak": choice.peak,
            "peak_before": plain.peak,
            "saved": training.saved,
            "saved_before": plain.memory.training.saved,
            "extra_macs": choice.extra,
            "extra_forward": choice.share,
        }
        return PassResult(choice.memory.network.architecture, True, notes, figures)

    def _nothing_fits(self, network: Network, available: int, planner: Planner) -> UserError:
        """CTC421, with what binds, and the largest batch that would fit."""
        least = self._choice(network, planner.least())
        memory = least.memory
        fit = memory.fit(available)
        static = memory.weights + memory.gradients + memory.state
        notes = [
            f"at least {format_bytes(least.peak)}, in"
            f" {memory.training.layer or 'the optimizer'}, {memory.training.phase}: the maps of"
            " its layer, and what it is computed from, are alive at once"
        ]
        hint = f"batch={fit.batch} would fit, with more recomputed"
        if not fit.layer and not fit.batch:
            notes = [
                f"weights, gradients and the optimizer's state alone take {format_bytes(static)}"
            ]
            hint = "give more memory, or take a smaller network"
        elif not fit.batch:
            hint = "not even one image fits: give more memory, or a smaller input"
        return error(
            "CTC421",
            f"no choice of parts lets {self._step} fit into {format_bytes(available)}",
            at=network.architecture.origin,
            notes=notes,
            hint=hint,
        )


def as_table(choices: Sequence[Choice]) -> Table:
    """Choices as rows: each takes less memory than the last, and computes more again."""
    rows = []
    for choice in choices:
        network, training = choice.memory.network, choice.memory.training
        texts = part_texts(network.architecture)
        saved = format_bytes(training.saved)
        rows.append(
            (
                *(format_bytes(choice.peak), saved, f"{choice.share:.2f}", f"{choice.extra:,}"),
                " ".join(texts) or "nothing",
            )
        )
    titles = ("peak", "kept for backward", "forward passes more", "MACs more", "recompute")
    return Table(titles, tuple(rows), frozenset({"recompute"}))


def as_data(network: Network, applied: Recompute, choices: Sequence[Choice]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "start": network.name,
        "pass": format_pass(applied),
        "choices": [
            {
                "peak": choice.peak,
                "saved": choice.memory.training.saved,
                "extra_macs": choice.extra,
                "extra_forward": choice.share,
                "recompute": part_texts(choice.memory.network.architecture),
            }
            for choice in choices
        ],
    }
