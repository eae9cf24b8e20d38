"""The weights training starts from."""

from __future__ import annotations

from torch import nn

from ctcdsl.recipe import Recipe


def initialise(model: nn.Module, recipe: Recipe) -> None:
    """Draw the weights of every convolution and fc layer again; their biases become zero.

    Section 5: zero-mean Gaussian weights, zero biases. The deviation, which the paper does not
    give, is sqrt(2 / fan-in) (He et al. 2015) or the recipe's sigma. Norms and other layers keep
    what they were made with. Draws from torch's global generator.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if recipe.initialisation == "he":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.normal_(layer.weight, std=recipe.sigma)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def set_dropout(model: nn.Module, rate: float) -> None:
    """Give every dropout layer of `model` this rate."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = rate
