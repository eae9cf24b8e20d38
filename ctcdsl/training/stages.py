"""Stages that are trained differently: frozen, or with learning rates of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from ctcdsl.recipe import Recipe
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import UserError, error


def freeze(model: nn.Module, recipe: Recipe) -> None:
    """Let no gradient reach the stages that the recipe freezes.

    Raises:
        UserError: CTC605 `freeze` or `lr_scale` names a stage that `model` lacks, or nothing is
            left to be trained.
    """
    stages = list(dict.fromkeys(_stage(name) for name, _ in model.named_children()))
    scaled = tuple(stage for stage, _ in recipe.lr_scale)
    for field, named in (("freeze", recipe.freeze), ("lr_scale", scaled)):
        for name in named:
            if name not in stages:
                hint = did_you_mean(name, stages, f"it has {', '.join(stages)}")
                raise error("CTC605", f"{field}: the network has no stage `{name}`", hint=hint)
    for stage in _frozen(model, recipe):
        stage.requires_grad_(False)
    if recipe.freeze and not any(parameter.requires_grad for parameter in model.parameters()):
        raise _nothing_left(recipe)


def hold_frozen(model: nn.Module, recipe: Recipe) -> None:
    """Put the frozen stages of a `model` in training mode into evaluation mode.

    Their norms use the statistics that they have, and their dropout drops nothing.
    """
    for stage in _frozen(model, recipe):
        stage.eval()


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """What an optimizer trains: for each learning rate the weights, then biases and norms.

    L2 decay applies to weights alone, not to biases and norms. The paper names one decay
    and not what it applies to. `scale` is what a group's rate is multiplied by.
    """
    scales = dict(recipe.lr_scale)
    groups = []
    for scale in sorted({1.0, *scales.values()}):
        parameters = [
            parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and scales.get(_stage(name), 1.0) == scale
        ]
        if parameters or scale == 1.0:
            weights = [parameter for parameter in parameters if parameter.ndim > 1]
            others = [parameter for parameter in parameters if parameter.ndim <= 1]
            groups.append({"params": weights, "weight_decay": recipe.weight_decay, "scale": scale})
            groups.append({"params": others, "weight_decay": 0.0, "scale": scale})
    return groups


def _frozen(model: nn.Module, recipe: Recipe) -> Iterator[nn.Module]:
    return (module for name, module in model.named_children() if _stage(name) in recipe.freeze)


def _stage(name: str) -> str:
    """The stage of a submodule or a parameter: the classifier is the head's last layer."""
    first = name.partition(".")[0]
    return "head" if first == "classifier" else first


def _nothing_left(recipe: Recipe) -> UserError:
    frozen = ", ".join(recipe.freeze)
    message = f"freeze: all stages with weights are frozen: {frozen}"
    return error("CTC605", message, hint="leave out the last, the head")
