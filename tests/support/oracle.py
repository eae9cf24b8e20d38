"""The oracle of predictions: what a module runs is the graph of operations that was lowered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ctcdsl.checking import Network
from ctcdsl.codegen.source_map import source_map
from ctcdsl.lowering import lower
from ctcdsl.metrics import network_cost
from ctcdsl.ops.activation import Activate
from ctcdsl.ops.graph import OpGraph, OpNode
from ctcdsl.ops.op import Op
from ctcdsl.ops.operators import Add, Concat, Identity, Maximum, Multiply, Slice

Token = int
"""Which call gave a tensor: tensors that are overwritten are new values."""

_OPERATORS = {
    "add": "add",
    "add_": "add",
    "__add__": "add",
    "__radd__": "add",
    "mul": "mul",
    "__mul__": "mul",
    "cat": "cat",
    "maximum": "maximum",
    "chunk": "slice",
    "tensor_split": "slice",
}


class Ran(NamedTuple):
    """A module, or an operator or function outside of all modules, that ran."""

    name: str
    kind: str
    module: nn.Module | None
    inputs: tuple[Token, ...]
    output: Token
    shape: tuple[int, ...]
    overwrites: bool


class _Recorder(TorchFunctionMode):
    """Records the leaf modules of a forward pass, and the functions between them."""

    def __init__(self, module: nn.Module, images: Tensor, leaves: set[str]) -> None:
        super().__init__()
        self.ran: list[Ran] = []
        self._tokens: dict[int, Token] = {id(images): 0}
        self._alive: list[Tensor] = [images]  # so that no address is used twice
        self._inside = 0
        self._handles = []
        for name, child in module.named_modules():
            if _is_leaf(child, leaves):
                before = child.register_forward_pre_hook(self._enter)
                after = child.register_forward_hook(
                    lambda m, given, output, name=name: self._leave(name, m, given, output)
                )
                self._handles += [before, after]

    def _enter(self, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        if self._inside == 0:
            self._given = self._tokens[id(given[0])]
        self._inside += 1

    def _leave(self, name: str, module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        self._inside -= 1
        if self._inside == 0:
            self._record(name, type(module).__name__, module, (self._given,), output)

    def _record(
        self,
        name: str,
        kind: str,
        module: nn.Module | None,
        inputs: tuple[Token, ...],
        output: Tensor,
    ) -> None:
        token = len(self.ran) + 1
        same = self._tokens.get(id(output)) in inputs
        if module is not None and same and not getattr(module, "inplace", False):
            token = inputs[0]  # its input itself, which others may take, too
        self._tokens[id(output)] = token
        self._alive.append(output)
        self.ran.append(Ran(name, kind, module, inputs, token, tuple(output.shape[1:]), same))

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        results = result if isinstance(result, list | tuple) else (result,)
        passes = name == "dropout" and result is args[0]  # a rate of 0 does nothing
        if self._inside == 0 and not name.startswith("__get") and not passes:
            given = args[0] if isinstance(args[0], list | tuple) else args
            inputs = tuple(self._tokens[id(a)] for a in given if isinstance(a, Tensor))
            for one in results:
                if isinstance(one, Tensor):
                    self._record("", _OPERATORS.get(name, name), None, inputs, one)
        return result

    def stop(self) -> None:
        for handle in self._handles:
            handle.remove()


def _is_leaf(module: nn.Module, leaves: set[str]) -> bool:
    kind = type(module)
    if kind.__name__ in leaves:
        return True
    if isinstance(module, nn.Identity):
        return False  # blocks leave it out
    ours = not kind.__module__.startswith("torch.")
    return not (ours or isinstance(module, nn.Sequential) or any(module.children()))


def record(module: nn.Module, images: Tensor, graph: OpGraph) -> tuple[list[Ran], Tensor]:
    """What a module runs on images, in order, and what it gives."""
    leaves = {node.op.module for node in graph.nodes if not node.op.module.startswith("nn.")}
    recorder = _Recorder(module, images, leaves - {""})
    try:
        with torch.inference_mode(), recorder:
            scores = module(images)
    finally:
        recorder.stop()
    return recorder.ran, scores


def assert_as_predicted(network: Network, module: nn.Module) -> None:
    """Run a forward pass, and compare all that runs with the operations of the network."""
    graph = lower(network)
    images = torch.randn(1, *network.input)
    before = images.clone()
    ran, scores = record(module, images, graph)
    assert images.is_meta or torch.equal(images, before), "the images were overwritten"
    _compare(network, graph, iter(ran))
    assert_mapped(network, module)
    cost = network_cost(network)
    assert sum(p.numel() for p in module.parameters()) == cost.params
    assert scores.numel() == network.output.numel


def assert_mapped(network: Network, module: nn.Module) -> None:
    """The source map names every tensor of a module, in order, and every submodule of a chain."""
    names = source_map(network)
    tensors = [(n, s.shape) for part in names.submodules for n, s in part.tensors]
    assert tensors == [(n, tuple(t.shape)) for n, t in module.state_dict().items()]
    for part in names.submodules:
        assert type(module.get_submodule(part.path)).__name__ == part.op.op.module.removeprefix(
            "nn."
        )


def _compare(network: Network, graph: OpGraph, ran: Iterator[Ran]) -> None:
    tokens: dict[int, Token] = {graph.input.number: 0}
    here = next(ran, None)
    for node in graph.nodes:
        inputs = tuple(tokens[value.number] for value in node.inputs)
        where = f"{network.name} {node.layer}: {node.op}, and {here}"
        if isinstance(node.op, Identity):
            tokens[node.output.number] = inputs[0]
            continue
        assert here is not None, where
        _assert_same(node, inputs, here, where)
        tokens[node.output.number] = here.output
        here = next(ran, None)
    assert here is None, here


def _assert_same(node: OpNode, inputs: tuple[Token, ...], ran: Ran, where: str) -> None:
    shape = node.output.shape
    assert ran.shape == ((shape.channels,) if node.output.vector else tuple(shape)), where
    op = node.op
    if ran.module is None:
        assert ran.overwrites is node.in_place, where
        if isinstance(op, Activate):
            function = op.function.call.partition("(")[0].rpartition(".")[2]
            assert function == ran.kind.rstrip("_"), where
            assert ran.inputs[:1] == inputs, where
        else:
            kinds: dict[type[Op], str] = {
                Add: "add",
                Multiply: "mul",
                Maximum: "maximum",
                Concat: "cat",
                Slice: "slice",
            }
            assert ran.kind == kinds.get(type(op)), where
            if isinstance(op, Concat):
                assert ran.inputs == inputs, where
            else:
                assert sorted(ran.inputs) == sorted(inputs), where
        return
    assert ran.kind == op.module.removeprefix("nn."), where
    assert ran.inputs == inputs, where
    stage = ran.name.split(".")[0].rstrip("_")
    assert stage in (node.layer.split(".")[0], "classifier"), where
    trained = {spec.name: spec.shape for spec in op.tensors() if spec.trained}
    buffers = {spec.name: spec.shape for spec in op.tensors() if not spec.trained}
    assert {n: tuple(p.shape) for n, p in ran.module.named_parameters()} == trained, where
    assert {n: tuple(b.shape) for n, b in ran.module.named_buffers()} == buffers, where


def assert_trains(network: Network, module: nn.Module) -> None:
    """Every parameter gets a gradient, and the images do, and stay as they are."""
    images = torch.randn(2, *network.input, requires_grad=True)
    before = images.detach().clone()
    module.train()(images).square().sum().backward()
    assert torch.equal(images.detach(), before)
    assert images.grad is not None
    missing = [name for name, p in module.named_parameters() if p.grad is None]
    assert not missing
