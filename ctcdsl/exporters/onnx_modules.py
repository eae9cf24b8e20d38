"""Modules of PyTorch that ONNX has an operator for, where torch writes a chain of others."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

if TYPE_CHECKING:
    import onnx

_SCOPES = "pkg.torch.onnx.name_scopes"


class _Operator(NamedTuple):
    """An operator of ONNX and its attributes."""

    name: str
    attributes: dict[str, Any]


def module_path(node: onnx.NodeProto) -> str:
    """The dotted path of the module that a node was traced in.

    Nodes that compute shapes are of none: theirs is empty, or a word of torch's own.
    """
    scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "[]")
    modules = [scope for scope in literal_eval(scopes)[:-1] if scope]
    return str(modules[-1]) if modules else ""


def use_operators(graph: onnx.GraphProto, module: nn.Module, *, response_norms: bool) -> None:
    """Replace the nodes of global pools by one operator each.

    With `response_norms` also those of local response norms. OpenVINO has a kernel for these,
    which makes AlexNet three times as fast as torch's chain of nine nodes; that of ONNX Runtime
    takes half as much time again as the chain.
    """
    import onnx

    modules = dict(module.named_modules())
    nodes: list[onnx.NodeProto] = []
    for path, chain in _chains(graph.node):
        operator = _operator(modules.get(path))
        if operator is not None and operator.name == "LRN" and not response_norms:
            operator = None
        if operator is None or _seen_outside(chain, graph):
            nodes += chain
            continue
        made = onnx.helper.make_node(
            operator.name, [chain[0].input[0]], [chain[-1].output[0]], **operator.attributes
        )
        made.metadata_props.extend(chain[0].metadata_props)
        nodes.append(made)
    _replace(graph, nodes)


def _operator(module: nn.Module | None) -> _Operator | None:
    match module:
        case nn.LocalResponseNorm(size=size, alpha=alpha, beta=beta, k=k) if size % 2:
            values = {"size": size, "alpha": alpha, "beta": beta, "bias": float(k)}
            return _Operator("LRN", values)
        case nn.AdaptiveAvgPool2d(output_size=1):
            return _Operator("GlobalAveragePool", {})
        case nn.AdaptiveMaxPool2d(output_size=1):
            return _Operator("GlobalMaxPool", {})
        case _:
            return None


def _chains(nodes: Sequence[onnx.NodeProto]) -> Iterator[tuple[str, list[onnx.NodeProto]]]:
    """The nodes of each module in turn."""
    return ((path, list(chain)) for path, chain in groupby(nodes, key=module_path))


def _seen_outside(chain: Sequence[onnx.NodeProto], graph: onnx.GraphProto) -> bool:
    """Whether anything but the last output of a chain is used by other nodes."""
    inner = {name for node in chain for name in node.output} - {chain[-1].output[0]}
    own = {id(node) for node in chain}
    used = {name for node in graph.node if id(node) not in own for name in node.input}
    return bool(inner & (used | {value.name for value in graph.output}))


def _replace(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Let the graph have these nodes, but for those whose outputs nobody uses."""
    used = {value.name for value in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if used & set(node.output):
            kept.append(node)
            used |= set(node.input)
    copies = [type(node).FromString(node.SerializeToString()) for node in reversed(kept)]
    del graph.node[:]
    graph.node.extend(copies)
    produced = {name for node in copies for name in node.output}
    for values in (graph.initializer, graph.value_info):
        for number in reversed(range(len(values))):
            if values[number].name not in used | produced:
                del values[number]
