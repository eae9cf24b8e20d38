"""What goes with every convolution of a network: its style, and the constants of norms."""

from __future__ import annotations

from typing import NamedTuple

from ctcdsl.layers.activations import ACTIVATIONS, SLOPE, Activation
from ctcdsl.layers.norms import Norm
from ctcdsl.layers.standardisation import Standardisation
from ctcdsl.ops.calls import shown


class Constants(NamedTuple):
    """Those of the headers `norm` and `act`, for every norm and activation that takes them."""

    eps: float | None = None
    momentum: float | None = None
    groups: int | None = None
    slope: float | None = None
    wseps: float | None = None


NO_CONSTANTS = Constants()


class Style(NamedTuple):
    """A norm, an activation, or neither; or both before the convolution; standardised filters."""

    norm: Norm | None = None
    activation: Activation | None = Activation("relu")
    preactivation: bool = False
    standardisation: Standardisation | None = None
    constants: Constants = NO_CONSTANTS

    def __str__(self) -> str:
        return self._joined([str(layer) for layer in (self.norm, self.activation) if layer])

    @property
    def norm_word(self) -> str:
        """The word of its norm; empty where it has none."""
        return self.norm.word if self.norm is not None else ""

    @property
    def name(self) -> str:
        """What the header `style` calls it; the constants have headers of their own."""
        return self._joined([layer.word for layer in (self.norm, self.activation) if layer])

    def _joined(self, layers: list[str]) -> str:
        conv = "wsconv" if self.standardisation is not None else "conv"
        return "-".join([*layers, conv] if self.preactivation else [conv, *layers])

    def with_constants(self, constants: Constants) -> Style:
        """The style of a network with these constants."""
        style = self._replace(constants=constants)
        return style._replace(
            norm=style.make_norm(style.norm.word) if style.norm else None,
            activation=style.make_activation(style.activation.word) if style.activation else None,
            standardisation=style.make_standardisation() if style.standardisation else None,
        )

    def make_norm(self, word: str, groups: int | None = None, *, affine: bool = True) -> Norm:
        """The norm of a word, with the network's constants."""
        eps, momentum, network_groups, *_ = self.constants
        return Norm.of(word, eps, momentum, groups or network_groups, affine=affine)

    def make_standardisation(self, eps: float | None = None) -> Standardisation:
        """Weight standardisation with its own eps, or the network's."""
        eps = self.constants.wseps if eps is None else eps
        return Standardisation() if eps is None else Standardisation(eps)

    def make_activation(self, word: str, constant: float | None = None) -> Activation:
        """The activation of a word, with its own constant, or the network's slope."""
        sloped = ACTIVATIONS[word].keyword == SLOPE
        return Activation.of(
            word, self.constants.slope if constant is None and sloped else constant
        )

    def written(self, part: Norm | Activation | Standardisation) -> str:
        """A tag with its constants in the network's text: `gn(16,noaffine)`, `leaky(0.1)`, `ws`."""
        options: list[str] = []
        if isinstance(part, Standardisation):
            return "ws" if part == self.make_standardisation() else f"ws({shown(part.eps)})"
        if isinstance(part, Norm):
            if part.groups != self.make_norm(part.word).groups:
                options.append(str(part.groups))
            options += [] if part.affine else ["noaffine"]
        elif part.constant is not None and part != self.make_activation(part.word):
            options.append(shown(part.constant).removesuffix(".0"))
        return f"{part.word}({','.join(options)})" if options else part.word


CONV_RELU = Style()
"""The style of the paper, and of a spec that names none."""
