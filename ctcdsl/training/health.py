"""Losses and weights that are not finite, and networks that do not learn: what to try."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ctcdsl.recipe import Recipe
from ctcdsl.runs.store import Saved
from ctcdsl.text import Diagnostic, Severity, UserError, error
from ctcdsl.text.shell import command

LEARNS_BY = 100
"""Steps after which a network that learns tells some images apart, even where its loss is slow to
show it."""
_LOSS_SHARE = 0.9
"""Of ln(classes): above it nothing was learned but perhaps how frequent the classes are."""
_TOO_LARGE = 2.0
"""Of ln(classes), and one nat for the chance of a small batch: no learning network is so wrong."""
_SAME_LOGITS = 0.01
"""Deviation of a class's logits over the images, below which the images make no difference.
With gaussian weights model E begins at 5e-8; with He's every model of the paper does above 6."""


def diverged(what: str, recipe: Recipe, saved: Saved) -> UserError:
    """CTC609: `what` says what is not finite, and where."""
    resume = command("train", "--run", saved.run, "--resume", "--schedule")
    hints = [
        f"lower the learning rate (a tenth, say) and resume: {resume} …, or train a first epoch at"
        " a low one"
    ]
    if recipe.precision != "float32":
        hints.append("use precision float32")
    if recipe.initialisation != "he":
        hints.append("use initialisation he")
    return error("CTC609", what, path=saved.run, notes=(str(saved),), hint=hints)


def all_finite(model: nn.Module) -> bool:
    """Whether every weight of `model` is a number."""
    finite = [each.isfinite().all() for each in model.state_dict().values()]
    return bool(torch.stack(finite).all().item()) if finite else True


def not_learning(loss: float, logits: Tensor, recipe: Recipe) -> Diagnostic | None:
    """CTC912 where, after `LEARNS_BY` steps, the network still tells no images apart.

    Also where it has a loss far above that of guessing: then its steps are too large.

    This is what became of deep plain networks under gaussian weights of one small deviation: the
    signal shrinks from layer to layer until the logits are the same for every image, and with
    them the gradients vanish.
    """
    classes = logits.shape[1]
    too_large = loss > _TOO_LARGE * math.log(classes) + 1
    if len(logits) < 2 or loss < _LOSS_SHARE * math.log(classes):
        return None
    deviation = logits.float().std(dim=0).mean().item()
    if deviation >= _SAME_LOGITS and not too_large:
        return None
    if too_large:
        hint = "lower the learning rate (a tenth, say), and train anew"
        if recipe.initialisation != "he":
            hint += ", with --initialisation he"
    elif recipe.initialisation == "gaussian":
        hint = "train anew with --initialisation he, which keeps the signal's size in every layer"
    else:
        hint = "add norms, or fewer layers between them; raise the learning rate at last"
    return Diagnostic(
        code="CTC912",
        message=f"training is not making progress: a loss of {loss:.4f} where guessing has"
        f" {math.log(classes):.4f}",
        notes=(
            *("the loss is far above that of guessing: its steps are too large",) * too_large,
            *(f"its logits are the same for all images: they deviate by {deviation:.1e}",)
            * (deviation < _SAME_LOGITS),
        ),
        hints=(hint,),
        severity=Severity.WARNING,
    )
