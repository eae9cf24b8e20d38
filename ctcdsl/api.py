"""What `import ctcdsl` offers for a network: load, check, cost, diff, memory, generate, build.

Every command of the command line parses options, calls one of these and prints.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from warnings import warn

from ctcdsl import arguments
from ctcdsl.checking import Network, Report
from ctcdsl.loading import Input, Spec, check_spec, parse_input, select
from ctcdsl.metrics.complexity import Cost, network_cost
from ctcdsl.metrics.workload import VALUE_BYTES
from ctcdsl.text import (
    Severity,
    Source,
    SpecError,
    SpecWarning,
    error,
)
from ctcdsl.text.packages import require_packages

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ctcdsl.budgets import Budget
    from ctcdsl.metrics.difference import Difference
    from ctcdsl.metrics.latency_table import LatencyTable
    from ctcdsl.metrics.memory import Memory

__all__ = [
    "Cost",
    "Network",
    "Report",
    "build",
    "check",
    "cost",
    "diff",
    "generate",
    "load",
    "load_all",
    "loads",
    "memory",
]

Net = Network | str | os.PathLike[str]
"""A network, or what `load` takes: a path, or the name of a built-in network."""


def load(
    path_or_name: str | os.PathLike[str],
    *,
    input: Input | None = None,
    params: Mapping[str, float | str] | None = None,
    name: str | None = None,
) -> Network:
    """Load a network from a spec file, or a built-in network by its name.

    Args:
        path_or_name: A path (an `os.PathLike`, or a str with a separator or the suffix
            `.ctc`), else a name: NAME.ctc in the current folder, else a built-in network.
        input: An input that replaces the spec's.
        params: Values that replace those of the spec's `let`s: `{"w": 64}`, `{"w": "3/4"}`.
        name: Which network, if the spec has several.

    Raises:
        SpecError: The spec cannot be found or read, or has errors.

    Warns:
        SpecWarning: What a spec says is doubtful, as `input 224x224x3`; or a file of the current
            folder has the name of a built-in network, and was loaded in its place.

    Examples:
        >>> load("resnet50").params
        25557032
    """
    networks = _checked(path_or_name, input, params)
    return select(networks, name, os.fspath(path_or_name))


def load_all(
    path: str | os.PathLike[str],
    *,
    input: Input | None = None,
    params: Mapping[str, float | str] | None = None,
) -> list[Network]:
    """Load every network of a spec: the rows of a table, or each `net`.

    Raises:
        SpecError: The spec cannot be found or read, or has errors.

    Examples:
        >>> [net.name for net in load_all("table2")]
        ["B'", "D'", "E'", "J'"]
    """
    return list(_checked(path, input, params))


def loads(
    text: str,
    *,
    input: Input | None = None,
    params: Mapping[str, float | str] | None = None,
    name: str | None = None,
) -> Network:
    """Load a network from the text of a spec.

    Raises:
        SpecError: The text has errors; `str()` shows them with their places.

    Examples:
        >>> loads("(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6").macs
        846271168
    """
    source = arguments.spec_text(text)
    return select(_checked(source, input, params), name, source.name)


def check(
    text_or_path: str | os.PathLike[str],
    *,
    budget: Budget | Mapping[str, str | int] | str | os.PathLike[str] | None = None,
) -> Report:
    """Check a spec: a str is its text, an `os.PathLike` its file. Never raises for wrong input.

    Args:
        text_or_path: The text of a spec, or the path of one.
        budget: What its networks may cost: the path of a TOML file, or a dict with the same keys.
            A network that exceeds it is an error, CTC711.

    Raises:
        UserError: The budget is wrong: `Budget.read` says how.

    Examples:
        >>> report = check("(7,64)/2 3/3 (5,128")
        >>> report.ok
        False
        >>> check("(3,64)/2 gap fc", budget={"params": "<=60k"}).errors[0].code
        'CTC711'
    """
    bounds = None if budget is None else arguments.budget(budget)
    try:
        report = check_spec(
            arguments.spec_text(text_or_path) if isinstance(text_or_path, str) else text_or_path
        )
    except SpecError as failure:
        return Report((), failure.diagnostics)
    if bounds is None:
        return report
    verdicts = [bounds.judge(network) for network in report.networks]
    doubts = bounds.doubts(judged[0].cost for judged in verdicts)
    failures = (verdict.failure for judged in verdicts for verdict in judged if not verdict.ok)
    return report._replace(diagnostics=(*report.diagnostics, *doubts, *failures))


def cost(
    net: Net,
    *,
    batch: int | None = None,
    precision: str = "float32",
    latency: LatencyTable | str | os.PathLike[str] | None = None,
) -> Cost:
    """Count a network: MACs by Eqn. 1 of He & Sun 2015, parameters, bytes, receptive fields.

    Args:
        net: A network, or what `load` takes.
        batch: The number of images that are counted: by default 1, or those of `latency`.
        precision: Of the maps, for bytes: `float32` or `bf16`; parameters are float32.
        latency: The table of a device, or its path, for times: `Cost.latency` in seconds.

    Raises:
        SpecError: The network cannot be found, or has errors.
        UserError: CTC605 `batch` is not a whole number from 1 on, or the precision is unknown;
            CTC731 `latency` is not a table, CTC732 it is of another batch or precision, CTC733 it
            predicts too badly, CTC734 it has no times of an operation.

    Examples:
        >>> cost("J'").relative_to(cost("A"))
        0.97853...
    """
    table = None if latency is None else arguments.latency_table(latency)
    if batch is None:
        batch = 1 if table is None else table.batch
    counted = network_cost(
        as_network(net),
        batch=arguments.at_least_one("batch", batch),
        precision=arguments.one_of("precision", precision, *VALUE_BYTES),
        latencies=table,
    )
    if table is not None:
        _ = counted.latency  # wrong arguments are errors here, not when it is read
    return counted


def diff(before: Net, after: Net, *, names: tuple[str, str] | None = None) -> Difference:
    """Compare two networks layer by layer: what changed, and what it costs.

    Args:
        before: A network, or what `load` takes.
        after: The same.
        names: What to call the two; by default their own names.

    Raises:
        SpecError: A network cannot be found, or has errors.

    Examples:
        >>> diff("A", "B")
        <Difference of A and B: layers 10 same, 3 changed, 3 added>
    """
    from ctcdsl.metrics.difference import Difference

    one, other = (network_cost(as_network(net)) for net in (before, after))
    return Difference(one, other, names)


def memory(
    net: Net, *, batch: int = 1, precision: str = "float32", optimizer: str = "sgd"
) -> Memory:
    """The memory that training and inference take, in bytes, before anything is allocated.

    Args:
        net: A network, or what `load` takes.
        batch: The number of images at once.
        precision: `float32`, or `bf16` under autocast, on weights in float32.
        optimizer: `sgd`, with momentum, or `adamw`.

    Raises:
        SpecError: The network cannot be found, or has errors.
        UserError: CTC605 `batch` is not a whole number from 1 on; another precision or optimizer.

    Examples:
        >>> memory("resnet50", batch=8).training.peak
        947358672
        >>> memory("resnet50").largest_batch(6 * 10**9)
        66
    """
    from ctcdsl.metrics.memory import network_memory

    return network_memory(
        as_network(net),
        arguments.at_least_one("batch", batch),
        precision=arguments.one_of("precision", precision, "float32", "bf16"),
        optimizer=arguments.one_of("optimizer", optimizer, "sgd", "adamw"),
    )


def generate(net: Net, target: str = "pytorch") -> str:
    """Generate the source of a PyTorch module: deterministic, formatted, needs torch alone.

    Raises:
        ValueError: `target` is unknown.
    """
    from ctcdsl import codegen

    if target != "pytorch":
        raise ValueError(f"unknown target {target!r}; the only target is 'pytorch'")
    return codegen.generate(as_network(net))


def build(
    net: Net,
    *,
    weights: Mapping[str, Tensor] | str | os.PathLike[str] | None = None,
    **overrides: Any,
) -> nn.Module:
    """Build the module that `generate` writes, in torch's default training mode.

    Args:
        net: A network, or what `load` takes.
        weights: A state dict, a file of one (safetensors, .pt, .pth), or the folder of a run, with
            the module's names or those of torchvision and timm. Of another number of classes,
            the classifier stays new, with a warning.
        overrides: Arguments of the module's class: `num_classes`, `in_chans`, `drop_rate`,
            `features`, `device`, `dtype`.

    Raises:
        UserError: CTC409 the weights cannot be read, CTC408 they are for another network, CTC418
            they are not finite; CTC615 torch is not installed.

    Warns:
        SpecWarning: The weights have another number of classes (CTC419), or names of a wrapper.
    """
    require_packages("building a module", "torch")
    from ctcdsl.codegen.load import build_module

    network = as_network(net)
    module = build_module(network, **overrides)
    if weights is not None:
        from ctcdsl.passes.weights.pretrained import load_weights

        file = "" if isinstance(weights, Mapping) else os.fspath(weights)
        for note in load_weights(module, network, arguments.tensors(weights), file):
            warn(SpecWarning(str(note)), stacklevel=2)
    return module


def as_network(net: Net) -> Network:
    """A network as it is, or as `load` finds it."""
    return net if isinstance(net, Network) else load(net)


def _checked(
    spec: Spec, input: Input | None, params: Mapping[str, float | str] | None
) -> tuple[Network, ...]:
    shape = None if input is None else parse_input(input)
    values = arguments.parameters(params)
    report = check_spec(spec, input=shape, values=values)
    if not report.ok:
        raise SpecError(*report.errors)
    unknown = [name for name in values if name not in report.parameters]
    if unknown:
        raise error(
            "CTC111",
            f"the spec has no `let {unknown[0]}`",
            path=spec.name if isinstance(spec, Source) else os.fspath(spec),
            hint=f"it has {', '.join(report.parameters) or 'none'}",
        )
    for diagnostic in report.diagnostics:
        if diagnostic.severity is Severity.WARNING or diagnostic.code == "CTC951":
            warn(SpecWarning(str(diagnostic)), stacklevel=3)
    return report.networks
