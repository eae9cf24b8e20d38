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
"""Steps after which a network that learns tells some images apart, even if its loss hardly
falls."""
_LOSS_SHARE = 0.9
"""Of ln(classes): above it, at most the frequencies of the classes were learned."""
_TOO_LARGE = 2.0
"""Of ln(classes), plus one nat for the noise of a small batch: above it, steps are too large."""
_SAME_LOGITS = 0.01
"""Deviation of a class's logits over the images, below which the images make no difference.
With gaussian weights model E begins at 5e-8; with He's every model of the paper does above 6."""


def diverged(message: str, recipe: Recipe, saved: Saved) -> UserError:
    """CTC609; the `message` says what is not finite, and where."""
    resume = command("train", "--run", saved.run, "--resume", "--schedule")
    hints = [
        f"lower the learning rate (a tenth, say) and resume: {resume} …, or train a first epoch at"
        " a low one"
    ]
    if recipe.precision != "float32":
        hints.append("use precision float32")
    if recipe.initialisation != "he":
        hints.append("use initialisation he")
    return error("CTC609", message, path=saved.run, notes=(str(saved),), hint=hints)


def all_finite(model: nn.Module) -> bool:
    """Whether every weight of `model` is finite."""
    finite = [value.isfinite().all() for value in model.state_dict().values()]
    return bool(torch.stack(finite).all().item()) if finite else True


def not_learning(loss: float, logits: Tensor, recipe: Recipe) -> Diagnostic | None:
    """CTC912 where, after `LEARNS_BY` steps, the network still does not tell images apart.

    Also where its loss is far above that of guessing: then its steps are too large.

    This happens to deep plain networks with gaussian weights of one small deviation: the signal
    shrinks from layer to layer until the logits are the same for every image, and the gradients
    vanish with them.
    """
    classes = logits.shape[1]
    too_large = loss > _TOO_LARGE * math.log(classes) + 1
    if len(logits) < 2 or loss < _LOSS_SHARE * math.log(classes):
        return None
    deviation = logits.float().std(dim=0).mean().item()
    if deviation >= _SAME_LOGITS and not too_large:
        return None
    if too_large:
        hint = "lower the learning rate (a tenth, say), and train again"
        if recipe.initialisation != "he":
            hint += ", with --initialisation he"
    elif recipe.initialisation == "gaussian":
        hint = "train again with --initialisation he, which keeps the signal's size in every layer"
    else:
        hint = "add norms, or fewer layers between them; then try a higher learning rate"
    notes = []
    if too_large:
        notes.append("the loss is far above that of guessing: its steps are too large")
    if deviation < _SAME_LOGITS:
        notes.append(f"its logits are the same for all images: they deviate by {deviation:.1e}")
    return Diagnostic(
        code="CTC912",
        message=f"training is not making progress: a loss of {loss:.4f} where guessing has"
        f" {math.log(classes):.4f}",
        notes=tuple(notes),
        hints=(hint,),
        severity=Severity.WARNING,
    )
