"""Which tensor of a generated module belongs to which layer, and what it is there.

The tensors are those of the network's operations, in their order: the branches of a block one after
another, an implied shortcut last, a norm before its convolution where it acts before it. Their
names come from the source map of the generated code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ctcdsl.checking import Network, Node
from ctcdsl.codegen.source_map import source_map
from ctcdsl.lowering import lower
from ctcdsl.text import error
from ctcdsl.text.diagnostic import InternalError

Tensors = dict[str, Tensor]
"""The tensors of one layer by what they are: `weight`, `bias`, `norm.weight`, `norm.mean` …"""
Weights = dict[str, Tensors]
"""Tensors by the layer's name, `Node.name`; in float64 during a transfer."""


_SHOWN = 3  # names of a kind in one message


class LayerTensor(NamedTuple):
    """A tensor of a network: its layer, what it is there, how it is shaped.

    `suffix` is the last part of its name in the module.
    """

    layer: str
    role: str
    shape: tuple[int, ...]
    suffix: str


def parameterised(network: Network) -> list[Node]:
    """The layers that have tensors, in order."""
    layers = {spec.layer for spec in tensor_specs(network)}
    return [node for node in network.layers if node.name in layers]


def tensor_specs(network: Network) -> list[LayerTensor]:
    """The tensors of a network in the order of its operations, which is its module's."""
    return [
        LayerTensor(node.layer, spec.role, spec.shape, spec.name)
        for node in lower(network).nodes
        for spec in node.tensors
    ]


def state_names(network: Network) -> dict[str, LayerTensor]:
    """The names that the generated module gives its tensors, each with what it is."""
    return {
        name: LayerTensor(submodule.op.layer, spec.role, spec.shape, spec.name)
        for submodule in source_map(network).submodules
        for name, spec in submodule.tensors
    }


def from_state(network: Network, state: Mapping[str, Tensor], file: str = "") -> Weights:
    """The tensors of a module by layer, in float64.

    Raises:
        UserError: CTC408 where a tensor is missing, is too many, or has another shape or kind of
            number; CTC418 where a number is not finite. Missing counts of batches are 0.
    """
    names = state_names(network)
    counts = (key for key, spec in names.items() if spec.role == "norm.batches")
    state = {**{key: torch.tensor(0) for key in counts}, **state}
    _check_names(network, names, state, file)
    require_finite(state, file)
    weights: Weights = {}
    for key, spec in names.items():
        tensor = state[key].detach()
        counts_batches = spec.role == "norm.batches"
        exact = tensor.long() if counts_batches else tensor.double()
        weights.setdefault(spec.layer, {})[spec.role] = exact
    return weights


def require_finite(state: Mapping[str, Tensor], file: str = "", after: str = "") -> None:
    """Fail (CTC418) for tensors with NaN or infinities; `after` says what made them."""
    wrong = {
        key: tensor
        for key, tensor in state.items()
        if tensor.is_floating_point() and not bool(tensor.double().isfinite().all())
    }
    if not wrong:
        return
    key, tensor = next(iter(wrong.items()))
    nan, infinite = int(tensor.isnan().sum()), int(tensor.double().isinf().sum())
    parts = [f"{n:,} {problem}" for n, problem in ((nan, "NaN"), (infinite, "infinite")) if n]
    others = f"so do {len(wrong) - 1} more of {len(state)} tensors" if len(wrong) > 1 else ""
    cure = "save the weights as float32 or bfloat16"
    raise error(
        "CTC418",
        f"`{key}` holds {' and '.join(parts)} of {tensor.numel():,} numbers{after}",
        path=file,
        notes=(others,),
        hint=cure if after else "the training diverged: take an earlier checkpoint",
    )


def to_state(
    network: Network, weights: Weights, *, written: Network | None = None
) -> dict[str, Tensor]:
    """The state dict of the generated module.

    Args:
        network: The network.
        weights: Its tensors by layer.
        written: The same network as read from its text, whose module names the tensors.
    """
    values: list[Tensor] = []
    for spec in tensor_specs(network):
        if spec.role not in weights.get(spec.layer, {}):
            raise InternalError(f"{spec.layer} lacks its {spec.role}")
        values.append(weights[spec.layer][spec.role])
    names = state_names(written or network)
    if [tuple(value.shape) for value in values] != [spec.shape for spec in names.values()]:
        raise InternalError(f"{network.name}: transferred tensors do not fit the module")
    return dict(zip(names, values, strict=True))


def same_weights(name: str, before: Network, after: Network, weights: Weights) -> Weights:
    """The weights of a network whose layers keep their tensors.

    Raises:
        UserError: CTC407 where a layer has tensors of another shape, such as an `fc` right
            after a map that changed; it names the pass, `name`.
    """
    old, new = tensor_specs(before), tensor_specs(after)
    for one, other in zip(old, new, strict=True):
        if one.shape != other.shape:
            raise error(
                "CTC407",
                f"after `{name}` the {one.role} of {other.layer} is"
                f" {format_shape(other.shape)}, and was {format_shape(one.shape)}",
                at=after.architecture.origin,
                hint="without --weights the network is rewritten, and can be trained from scratch",
            )
    layers = zip(parameterised(before), parameterised(after), strict=True)
    return {new.name: weights[old.name] for old, new in layers}


def _check_names(
    network: Network, names: Mapping[str, LayerTensor], state: Mapping[str, Tensor], file: str
) -> None:
    """Check that tensors are those of a network; the error names the first that is not."""
    missing = [key for key in names if key not in state]
    unexpected = [key for key in state if key not in names]
    shaped = [
        key for key, spec in names.items() if key in state and tuple(state[key].shape) != spec.shape
    ]
    kinds = [
        key
        for key, spec in names.items()
        if spec.role != "norm.batches" and key in state and not state[key].is_floating_point()
    ]
    if missing:
        problem = f"lack `{missing[0]}`, the {names[missing[0]].role} of {names[missing[0]].layer}"
    elif unexpected:
        problem = f"hold `{unexpected[0]}`, which the network does not have"
    elif shaped:
        key = shaped[0]
        problem = (
            f"hold `{key}` as {format_shape(tuple(state[key].shape))}, and the network's is"
            f" {format_shape(names[key].shape)}"
        )
    elif kinds:
        dtype = str(state[kinds[0]].dtype).removeprefix("torch.")
        problem = f"hold `{kinds[0]}` as {dtype}, and weights are floating-point numbers"
    else:
        return
    counts = [
        f"{len(wrong_keys)} {word} ({_some(wrong_keys)})"
        for wrong_keys, word in (
            *((missing, "missing"), (unexpected, "unexpected"), (shaped, "misshapen")),
            (kinds, "of another kind of number"),
        )
        if wrong_keys
    ]
    raise error(
        "CTC408",
        f"the weights are not those of `{network.name}`: they {problem}",
        path=file,
        notes=(f"of {len(names)} tensors: {', '.join(counts)}",),
        hint="take the spec they were trained with: in the folder of a run that is spec.ctc",
    )


def _some(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:_SHOWN]) + more


def format_shape(shape: tuple[int, ...]) -> str:
    """A shape as messages have it: `64x3x7x7`."""
    return "x".join(map(str, shape)) or "a number"
