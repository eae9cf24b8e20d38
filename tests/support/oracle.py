"""What the oracle tests share: a module's layers measured and compared with predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network, Node
from ctcdsl.ir import (
    Activation,
    ActivationLayer,
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Identity,
    Layer,
    Linear,
    LocalResponseNorm,
    Norm,
    NormLayer,
    Pool,
    Scale,
    Shuffle,
    SpatialPyramid,
    SqueezeExcite,
)
from ctcdsl.metrics import network_cost

ACTIVATIONS: dict[Activation, str] = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "gelu": "GELU",
    "silu": "SiLU",
    "hswish": "Hardswish",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "leaky": "LeakyReLU",
}


def kinds(node: Node) -> list[str]:
    """The modules that a layer is made of, in the order in which they run."""
    layer = node.layer
    match layer:
        case Conv(norm=norm, activation=activation):
            around = [*around_conv(norm, activation)]
            return [*around, "Conv2d"] if layer.preactivation else ["Conv2d", *around]
        case Linear(activation=activation):
            return ["Linear", *around_conv(None, activation)]
        case Pool(reduction=reduction):
            return [f"{reduction.capitalize()}Pool2d"]
        case GlobalPool(reduction=reduction):
            return [f"Adaptive{reduction.capitalize()}Pool2d"]
        case NormLayer(norm=norm):
            dimension = "1d" if node.vector else "2d"
            return ["LayerNorm" if (norm, dimension) == ("ln", "1d") else NORMS[norm] + dimension]
        case ActivationLayer(activation=activation):
            return [ACTIVATIONS[activation]]
        case LocalResponseNorm(within=within):
            return ["LocalResponseNorm" + "Within" * within]
        case SqueezeExcite(activation=activation):
            return ["SqueezeExcite" + activation.capitalize() * (activation != "relu")]
        case Identity():
            return []
        case Block():
            return ["block"]
        case _:
            return [OTHERS[type(layer)]]


NORMS: dict[Norm, str] = {"bn": "BatchNorm", "ln": "LayerNorm"}
OTHERS: dict[type[Layer], str] = {
    Dropout: "Dropout",
    SpatialPyramid: "SpatialPyramidPool",
    Scale: "Scale",
    Shuffle: "ChannelShuffle",
}


def around_conv(norm: Norm | None, activation: Activation | None) -> Iterator[str]:
    if norm:
        yield f"{NORMS[norm]}2d"
    if activation:
        yield ACTIVATIONS[activation]


def pieces(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, str, nn.Module]]:
    """Modules that stand for layers and blocks, as (name, kind, module)."""
    for name, child in module.named_children():
        kind = type(child).__name__
        known = kind in {*OTHERS.values(), "LayerNorm2d"} or kind.startswith(
            ("SqueezeExcite", "LocalResponseNorm")
        )
        if known or not (list(child.children()) or kind in ("Flatten", "Identity", "Sequential")):
            torch_s = type(child).__module__.startswith("torch")
            yield prefix + name, kind if known or torch_s else "block", child
            continue
        yield from pieces(child, f"{prefix}{name}.")
        helper = kind.startswith(("Conv", "BnConv", "LnConv")) or kind.endswith("Conv")
        if not type(child).__module__.startswith("torch") and not helper:
            yield prefix + name, "block", child


def assert_as_predicted(network: Network, module: nn.Module) -> None:
    """Run a forward pass and compare every layer's output and parameters."""
    cost = network_cost(network)
    ran: list[tuple[str, str, nn.Module, tuple[int, ...]]] = []

    def recorder(name: str, kind: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def record(piece: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
            ran.append((name, kind, piece, tuple(output.shape[1:])))

        return record

    for name, kind, piece in pieces(module):
        piece.register_forward_hook(recorder(name, kind))
    images = torch.randn(1, *network.input)
    before = images.clone()
    with torch.inference_mode():
        scores = module(images)
    assert images.is_meta or torch.equal(images, before), "the images were overwritten"
    at = 0
    for layer in cost.layers:
        node = layer.node
        params = 0
        expected = kinds(node)
        if len(node.branches) == 1 and node.activation and ran[at][1] != "block":
            at += 1  # the activation of a block that is a mere chain is a module
        for position, wanted in enumerate(expected):
            name, kind, piece, output = ran[at]
            at += 1
            where = f"{network.name} {node.name} ({name})"
            assert kind == wanted, where
            assert name.split(".")[0].rstrip("_") == node.name.split(".")[0], where
            early = isinstance(node.layer, Conv) and node.layer.preactivation
            shape = node.input if early and position < len(expected) - 1 else node.output
            assert output in (tuple(shape), (shape.numel,)), where
            if kind != "block":
                params += sum(p.numel() for p in piece.parameters())
        assert params == layer.params, node.name
    assert at == len(ran)
    assert sum(p.numel() for p in module.parameters()) == cost.params
    if network.architecture.head.layers and not network.nodes[-1].vector:
        return
    if any(isinstance(layer, Linear) for layer in network.architecture.head.layers):
        assert scores.shape == (1, network.output.channels)


def assert_trains(network: Network, module: nn.Module) -> None:
    """Every parameter gets a gradient, and the images do, and stay as they are."""
    images = torch.randn(2, *network.input, requires_grad=True)
    before = images.detach().clone()
    module.train()(images).square().sum().backward()
    assert torch.equal(images.detach(), before)
    assert images.grad is not None
    missing = [name for name, p in module.named_parameters() if p.grad is None]
    assert not missing
