"""Complete search beside samplers and a solver: designs within a budget, and the front found.

    pip install -r benchmarks/search.txt
    python benchmarks/search.py [--seconds 20]

Two spaces: the paper's family with one width and one filter size a stage, and chains where each
layer has its own. Every tool gets the same cost: the samplers compile a design for each
evaluation, in as much processor time each; CP-SAT gets tables of what layers cost. What counts as
found is compared by cost with the complete search's, which `tests/` compare with the compiler.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import optuna
from ortools.sat.python import cp_model
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import ElementwiseProblem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

from ctcdsl import api, designs
from ctcdsl.checking import check_source
from ctcdsl.ir import Conv
from ctcdsl.metrics import network_cost
from ctcdsl.text import Source

FAMILY = """\
let k2 = 2 | 3 | 5
let k3 = 2 | 3 | 5
let w2 = 16..512 by 16
let w3 = 16..1024 by 16
let n2 = 1..16
let n3 = 1..16
where (k2 != 2 or n2%2 == 0) and (k3 != 2 or n3%2 == 0)
(7,64)/2 3/3 (k2,w2)x(n2-1)+(k2,128) 2/2 (k3,w3)x(n3-1)+(k3,256)
"""
CHOICE = "(<3|5>,<32..128 by 32>)"
LAYERS = f"(7,64)/2 3/3 {' '.join([CHOICE] * 5)} (3,128) 2/2 {' '.join([CHOICE] * 5)} (3,256)\n"
POPULATION = 100

Costs = tuple[int, ...]


class Task(NamedTuple):
    """A space for a sampler: the numbers of choices, a design's text, bounds, objectives.

    `objectives` are less the better, with a sign before the cost of the metric.
    """

    title: str
    space: str
    sizes: tuple[int, ...]
    text: Callable[[Sequence[int]], str]
    bounds: tuple[int | None, int]
    objectives: tuple[tuple[int, str], ...]
    rank: tuple[str, ...]


class Evaluation(NamedTuple):
    """MACs and objectives of a design; None of one that is not in the space."""

    macs: int
    values: Costs


class Sampled(Exception):
    """The time is over."""


class Evaluator:
    """Compiles designs until the processor time is over; each that fits is counted once."""

    def __init__(self, task: Task, seconds: float) -> None:
        self.task, self.calls = task, 0
        self.found: dict[str, Costs] = {}
        self._end = time.process_time() + seconds

    def __call__(self, choices: Sequence[int]) -> Evaluation | None:
        """What a design costs."""
        if time.process_time() > self._end:
            raise Sampled
        self.calls += 1
        text = self.task.text(choices)
        if not text:
            return None
        (network,) = check_source(Source("design", text)).networks
        cost = network_cost(network)
        named = {
            "depth": cost.depth,
            "params": cost.params,
            "activation-bytes": cost.activation_bytes,
        }
        values = tuple(sign * named[name] for sign, name in self.task.objectives)
        low, high = self.task.bounds
        if (low is None or cost.macs >= low) and cost.macs <= high:
            self.found[text] = values
        return Evaluation(cost.macs, values)

    def violation(self, found: Evaluation | None) -> list[float]:
        """How far beside the bounds, in shares; positive is outside."""
        low, high = self.task.bounds
        if found is None:
            return [1.0, 1.0]
        below = -1.0 if low is None else (low - found.macs) / high
        return [below, (found.macs - high) / high]


def family(choices: Sequence[int]) -> str:
    """A design of the family; empty where 2x2 filters do not come in pairs."""
    k2, k3 = (2, 3, 5)[choices[0]], (2, 3, 5)[choices[1]]
    w2, w3 = 16 * (choices[2] + 1), 16 * (choices[3] + 1)
    n2, n3 = choices[4] + 1, choices[5] + 1
    if (k2 == 2 and n2 % 2) or (k3 == 2 and n3 % 2):
        return ""
    return f"(7,64)/2 3/3 {_stage(k2, w2, n2, 128)} 2/2 {_stage(k3, w3, n3, 256)}"


def _stage(kernel: int, width: int, depth: int, last: int) -> str:
    inner = f"({kernel},{width})x{depth - 1}+" if depth > 1 else ""
    return f"{inner}({kernel},{last})"


def layers(choices: Sequence[int]) -> str:
    """A chain of layers with a filter size and a width each."""
    convs = [
        f"({(3, 5)[k]},{32 * (w + 1)})" for k, w in zip(choices[::2], choices[1::2], strict=True)
    ]
    return f"(7,64)/2 3/3 {' '.join(convs[:5])} (3,128) 2/2 {' '.join(convs[5:])} (3,256)"


def with_optuna(evaluator: Evaluator, sampler: str) -> None:
    """Optuna's NSGA-II or TPE, with the bounds as constraints."""

    def constraints(trial: optuna.trial.FrozenTrial) -> Sequence[float]:
        violation: list[float] = trial.user_attrs["violation"]
        return violation

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        choices = [trial.suggest_int(str(k), 0, n - 1) for k, n in enumerate(evaluator.task.sizes)]
        found = evaluator(choices)
        trial.set_user_attr("violation", evaluator.violation(found))
        return (1e12,) * len(evaluator.task.objectives) if found is None else found.values

    samplers: dict[str, Any] = {
        "NSGA-II": lambda: optuna.samplers.NSGAIISampler(
            seed=0, population_size=POPULATION, constraints_func=constraints
        ),
        "TPE": lambda: optuna.samplers.TPESampler(seed=0, constraints_func=constraints),
    }
    directions: list[Any] = ["minimize"] * len(evaluator.task.objectives)
    study = optuna.create_study(directions=directions, sampler=samplers[sampler]())
    study.optimize(objective, n_trials=1_000_000)


def with_pymoo(evaluator: Evaluator) -> None:
    """NSGA-II of pymoo, over whole numbers."""
    task = evaluator.task

    class Problem(ElementwiseProblem):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            upper = np.array(task.sizes) - 1
            super().__init__(
                n_var=len(upper),
                n_obj=len(task.objectives),
                n_ieq_constr=2,
                xl=0,
                xu=upper,
                vtype=int,
            )

        def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            found = evaluator([int(value) for value in x])
            out["F"] = [1e12] * len(task.objectives) if found is None else found.values
            out["G"] = evaluator.violation(found)

    repair = RoundingRepair()
    algorithm = NSGA2(
        pop_size=POPULATION,
        sampling=IntegerRandomSampling(),
        crossover=SBX(vtype=float, repair=repair),
        mutation=PM(vtype=float, repair=repair),
        eliminate_duplicates=True,
    )
    minimize(Problem(), algorithm, ("n_gen", 1_000_000), seed=0)


def cp_sat_family(task: Task) -> int:
    """How many designs CP-SAT lists, by tables of what either stage costs."""
    first = _macs("(7,64)/2")
    tables = []
    for stage in (2, 3):
        rows = []
        widths = range(1, 33 if stage == 2 else 65)
        for k, depth in product((2, 3, 5), range(1, 17)):
            if k == 2 and depth % 2:
                continue
            for w in widths if depth > 1 else [1]:
                if stage == 2:
                    text = f"(7,64)/2 3/3 {_stage(k, 16 * w, depth, 128)}"
                    base = first
                else:
                    text = f"(7,64)/2 3/3 (5,128) 2/2 {_stage(k, 16 * w, depth, 256)}"
                    base = _macs("(7,64)/2 3/3 (5,128)")
                rows.append((k, w, depth, _macs(text) - base))
        tables.append(rows)
    model = cp_model.CpModel()
    costs = []
    for rows in tables:
        columns = [model.new_int_var(0, max(column), "") for column in zip(*rows, strict=True)]
        model.add_allowed_assignments(columns, rows)
        costs.append(columns[-1])
    low, high = task.bounds
    model.add_linear_constraint(first + sum(costs), low or 0, high)
    counter = _Counter()
    solver = cp_model.CpSolver()
    solver.parameters.enumerate_all_solutions = True
    solver.parameters.num_workers = 1
    solver.solve(model, counter)
    return counter.count


class _Counter(cp_model.CpSolverSolutionCallback):  # type: ignore[misc, unused-ignore]
    count = 0

    def on_solution_callback(self) -> None:
        self.count += 1


def _macs(text: str) -> int:
    (network,) = check_source(Source("part", f"{text} gap fc")).networks
    return network_cost(network).macs


def cp_sat_layers(task: Task, front: Sequence[Costs]) -> int:
    """How many of a front's points CP-SAT finds: the most parameters for each bound of memory."""
    found = 0
    text = layers([0] * len(task.sizes))
    (network,) = check_source(Source("design", text)).networks
    nodes = [(node, node.layer) for node in network.nodes if isinstance(node.layer, Conv)]
    base = network_cost(network)
    for params, memory in front:
        model = cp_model.CpModel()
        before: Any = model.new_constant(64)
        macs: list[Any] = []
        weights: list[Any] = []
        maps: list[Any] = []
        for index, (node, conv) in enumerate(nodes[1:], start=1):
            pixels = node.output.height * node.output.width
            last = conv.filters if index in (6, len(nodes) - 1) else None
            widths = [32, 64, 96, 128] if last is None else [last]
            kernels = [3, 5] if last is None else [3]
            enters = [32, 64, 96, 128, 256]
            rows = [
                (a, b, a * b * k * k * pixels, a * b * k * k + b, b * pixels * 4)
                for a, b, k in product(enters, widths, kernels)
            ]
            columns = [model.new_int_var(0, max(c), "") for c in zip(*rows, strict=True)]
            model.add_allowed_assignments([*columns], rows)
            model.add(columns[0] == before)
            before = columns[1]
            macs.append(columns[2])
            weights.append(columns[3])
            maps.append(columns[4])
        rest = network_cost(network)
        counted = [rest.part(node) for node, _ in nodes[1:]]
        model.add(sum(macs) <= task.bounds[1] - (base.macs - sum(c.macs for c in counted)))
        other = base.activation_bytes - sum(c.activation_bytes for c in counted)
        model.add(sum(maps) <= memory - other)
        model.maximize(sum(weights))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        if solver.solve(model) == cp_model.OPTIMAL:
            most = round(solver.objective_value) + base.params - sum(c.params for c in counted)
            found += most == -params
    return found


def tasks() -> tuple[Task, Task]:
    """Both spaces."""
    budget = network_cost(api.load("A")).macs
    return (
        Task(
            *("family, MACs within 2 % of A", FAMILY, (3, 3, 32, 64, 16, 16), family),
            (-(-98 * budget // 100), 102 * budget // 100),
            ((-1, "depth"), (1, "activation-bytes"), (1, "params")),
            (),
        ),
        Task(
            *("ten layers of their own, MACs at most A's", LAYERS, (2, 4) * 10, layers),
            (None, budget),
            ((-1, "params"), (1, "activation-bytes")),
            ("+params", "activation-bytes"),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of processor time a sampler")
    seconds = parser.parse_args().seconds
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    for task in tasks():
        print(f"\n{task.title}\n")
        print("| tool | seconds | evaluations | designs within | a second | share of the front |")
        print("|---|---:|---:|---:|---:|---:|")
        front = complete(task)
        runs: dict[str, Callable[[Evaluator], None]] = {
            "Optuna, NSGA-II": lambda e: with_optuna(e, "NSGA-II"),
            "Optuna, TPE": lambda e: with_optuna(e, "TPE"),
            "pymoo, NSGA-II": with_pymoo,
        }
        for name, run in runs.items():
            evaluator = Evaluator(task, seconds)
            with suppress(Sampled):
                run(evaluator)
            hits = len(set(front) & set(evaluator.found.values()))
            row(name, seconds, evaluator.calls, len(evaluator.found), hits, len(front))
        start = time.process_time()
        if task.rank:
            hits = cp_sat_layers(task, front)
            row(
                "CP-SAT, a solve a point", time.process_time() - start, None, hits, hits, len(front)
            )
        else:
            count = cp_sat_family(task)
            row("CP-SAT, all solutions", time.process_time() - start, None, count, None, len(front))


def complete(task: Task) -> list[Costs]:
    """The complete search: its row, and the front's costs, as the samplers have them."""
    low, high = task.bounds
    budget = {"macs": f"<={high}" if low is None else f"{low}..{high}"}
    start = time.process_time()
    search = designs.search(
        Source("space", task.space),
        budget=budget,
        rank=task.rank,
        min_width=1,
        max_depth=None,
        chains=True,
    )
    count = search.count
    counted = time.process_time() - start
    row(f"ctcdsl, count of {search.total:,}", counted, None, count, None, 0)
    if not task.rank:
        start = time.process_time()
        listed = sum(1 for _ in search.designs())
        row("ctcdsl, each of them", time.process_time() - start, None, listed, None, 0)
    start = time.process_time()
    front = [
        tuple(sign * int(d.costs[name]) for sign, name in task.objectives) for d in search.front
    ]
    row("ctcdsl, front", time.process_time() - start, None, len(front), len(front), len(front))
    return front


def row(
    name: str, seconds: float, calls: int | None, designs: int, hits: int | None, front: int
) -> None:
    """A row of the table."""
    share = "" if hits is None else f"{hits} of {front} ({100 * hits / front:.0f} %)"
    shown = "" if calls is None else f"{calls:,}"
    print(
        f"| {name} | {seconds:.2f} | {shown} | {designs:,} | {designs / seconds:,.0f} | {share} |"
    )


if __name__ == "__main__":
    main()
