"""Activations: one row each, and the layer that is one alone.

A row is all there is to an activation: words, colours, pages and code follow from it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from ctcdsl.layers.arguments import Real
from ctcdsl.layers.base import WORDS, Context, LayerKind, MapOrVectorLayer, Word
from ctcdsl.ops.activation import Activate, Function, Keeps
from ctcdsl.ops.calls import shown
from ctcdsl.ops.graph import Builder, Value

SLOPE = "negative_slope"
"""What PyTorch calls the constant of `leaky`, which the header `act` gives."""

ACTIVATIONS = MappingProxyType(
    {
        row.word: row
        for row in (
            Function(
                *("relu", "ReLU", "max(x, 0)", "nn.ReLU", "torch.relu({})"),
                keeps=Keeps.OUTPUT,
                in_place=True,
                bit_stable=True,
                own_layout=True,
            ),
            Function(
                *("relu6", "ReLU6", "min(max(x, 0), 6)", "nn.ReLU6", "nn.functional.relu6({})"),
                in_place=True,
                bit_stable=True,
            ),
            Function(
                *("gelu", "GELU", "x times the Gaussian's distribution function"),
                *("nn.GELU", "nn.functional.gelu({})"),
            ),
            Function(
                *("silu", "SiLU", "x times its sigmoid", "nn.SiLU", "nn.functional.silu({})"),
                in_place=True,
            ),
            Function(
                *("hswish", "Hardswish", "x relu6(x + 3) / 6"),
                *("nn.Hardswish", "nn.functional.hardswish({})"),
                in_place=True,
                bit_stable=True,
            ),
            Function(
                *("sigmoid", "sigmoid", "1 / (1 + exp(-x))", "nn.Sigmoid", "torch.sigmoid({})"),
                keeps=Keeps.OUTPUT,
            ),
            Function(
                *("tanh", "tanh", "hyperbolic tangent", "nn.Tanh", "torch.tanh({})"),
                keeps=Keeps.OUTPUT,
            ),
            Function(
                *("leaky", "leaky ReLU", "x, or x times a slope below zero: leaky, leaky(0.1)"),
                *("nn.LeakyReLU", "nn.functional.leaky_relu({})"),
                keeps=Keeps.OUTPUT_IN_PLACE,
                in_place=True,
                bit_stable=True,
                own_layout=True,
                keyword=SLOPE,
                constant=0.01,
            ),
            Function(
                *("hsigmoid", "hard sigmoid", "relu6(x + 3) / 6"),
                *("nn.Hardsigmoid", "nn.functional.hardsigmoid({})"),
                in_place=True,
                bit_stable=True,
            ),
            Function(
                *("elu", "ELU", "x, or alpha (exp(x) - 1) below zero: elu, elu(0.5)"),
                *("nn.ELU", "nn.functional.elu({})"),
                keeps=Keeps.OUTPUT_IN_PLACE,
                in_place=True,
                keyword="alpha",
                constant=1.0,
            ),
            Function(
                *("mish", "Mish", "x tanh(softplus(x))", "nn.Mish", "nn.functional.mish({})"),
                in_place=True,
            ),
            Function(
                *("softplus", "softplus", "log(1 + exp(x))"),
                *("nn.Softplus", "nn.functional.softplus({})"),
            ),
            Function(
                *("prelu", "PReLU", "x, or x times a learned number of its channel below zero"),
                *("nn.PReLU", ""),
                bit_stable=True,
                learned=True,
            ),
        )
    }
)


class Activation(NamedTuple):
    """An activation by its word, and its constant where it has one."""

    word: str
    constant: float | None = None

    @classmethod
    def of(cls, word: str, constant: float | None = None) -> Activation:
        """The activation of a word; the constant is its usual one unless given."""
        usual = ACTIVATIONS[word].constant
        return cls(word, usual if usual is None or constant is None else constant)

    @property
    def function(self) -> Function:
        """Its row of the table."""
        return ACTIVATIONS[self.word]

    @property
    def title(self) -> str:
        """What papers call it."""
        return self.function.title

    @property
    def identifier(self) -> str:
        """A part of a class's name, another for each activation: `Relu`, `Leaky01`."""
        constant = "" if self.constant == self.function.constant else shown(self.constant or 0)
        return self.word.capitalize() + "".join(filter(str.isalnum, constant))

    def expression(self, *, in_place: bool = False) -> str:
        """Its functional form, with `{}` for its argument; that of a learned one is a module.

        Args:
            in_place: Whether it may overwrite its argument.
        """
        if self.function.learned:
            return "self.activation({})"
        call = self.function.call
        if self.constant is not None:
            call = f"{call[:-1]}, {shown(self.constant)})"
        if not (in_place and self.function.in_place):
            return call
        if call.startswith("torch."):
            return call.replace("(", "_(")
        return f"{call[:-1]}, inplace=True)"

    def add(self, graph: Builder, x: Value) -> Value:
        """Add its operation to a graph."""
        return graph.add(self.op(x.shape.channels), x, role="activation")

    def op(self, channels: int) -> Activate:
        """Its operation on some channels."""
        return Activate(function=self.function, channels=channels, constant=self.constant)

    def __str__(self) -> str:
        if self.constant == self.function.constant:
            return self.word
        return f"{self.word}({self.constant:g})"


class ActivationLayer(MapOrVectorLayer):
    """An activation on its own."""

    activation: Activation

    channelwise = True
    pixelwise = True
    widths = ()

    @property
    def last_activation(self) -> Activation | None:
        """It is one."""
        return self.activation

    def without_activation(self) -> LayerKind | None:
        """Nothing is left."""
        return None

    @property
    def keyword(self) -> str:
        """The activation's word."""
        return self.activation.word

    @property
    def title(self) -> str:
        """The activation's."""
        return self.activation.title

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return self.activation.add(graph, x)


_CONSTANTS = {
    "leaky": Real("slope", 0, 1, "the slope of `leaky`", optional=True),
    "elu": Real("alpha", 0, 100, "the alpha of `elu`", optional=True),
}

for _row in ACTIVATIONS.values():
    _constant = _CONSTANTS.get(_row.word)
    WORDS[_row.word] = Word(
        *(_row.word, "activation", _row.summary),
        f"{_row.word}(0.1)" if _constant else "",
        (_constant,) if _constant else (),
        *(ActivationLayer, ActivationLayer),
    )
