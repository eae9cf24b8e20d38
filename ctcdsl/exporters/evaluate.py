"""An exported file evaluated as a run is: its runtime computes the views."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ctcdsl.checking import check_source
from ctcdsl.evaluation.evaluation import (
    Evaluation,
    EvaluationConfig,
    TrainedNetwork,
    evaluate_trained,
    stoppable,
)
from ctcdsl.execution.events import Callback
from ctcdsl.execution.prepare import find_device, open_split_of
from ctcdsl.exporters.exported import ExportedModel, open_exported, require_pixels
from ctcdsl.images.sample import CLASSES
from ctcdsl.loading import select
from ctcdsl.recipe import Recipe
from ctcdsl.text import Source as Text
from ctcdsl.text import SpecError, UserError, error


def evaluate_exported(
    path: str | os.PathLike[str],
    config: EvaluationConfig,
    *,
    data: str | os.PathLike[str] | None = None,
    callbacks: Iterable[Callback] = (),
) -> Evaluation:
    """Evaluate a file of `ctcdsl export` on the CPU, by 1 or 10 views.

    Args:
        path: The file.
        config: What to evaluate on and how; without what only a module has.
        data: The images; not needed for a network that was trained on the sample.
        callbacks: What to call meanwhile.

    Raises:
        UserError: CTC605 `config` asks for what only a module has; CTC625 no images are named;
            CTC765 the file is damaged; CTC767 it does not take pixels; as `evaluate_run`.
    """
    _require_possible(config, path)
    with stoppable(callbacks) as (processes, callback, stop):
        model = open_exported(path, config.precision or "float32")
        trained = trained_of(model)
        classes = model.description.classes
        if data is None and classes != CLASSES:
            raise error(
                "CTC625",
                "which images belong to the file is not known",
                path=path,
                hint="name the folder that has them with --data",
            )
        images = os.fspath(data) if data is not None else None
        chosen = open_split_of(images, config.split, classes, callback)
        config = replace(config, precision=None, prefix=False)
        device = find_device("cpu")
        scores = evaluate_trained(trained, chosen, config, device, callback, processes, stop)
    return Evaluation(
        scores=scores,
        network=trained.network,
        images=chosen.images,
        shorter=model.description.resize,
        facts=(("file", os.fspath(path)), ("ctcdsl", model.description.version)),
    )


def trained_of(model: ExportedModel) -> TrainedNetwork:
    """An exported file as evaluation takes networks. Raises `UserError` CTC767."""
    described = require_pixels(model)
    report = check_source(Text(str(model.path), described.spec))
    if not report.ok:
        raise SpecError(*report.errors)
    return TrainedNetwork(
        module=model,
        network=select(report.networks, None, str(model.path)),
        recipe=Recipe(resize=described.resize),
        statistics=None,
        source=Path(model.path),
    )


def _require_possible(config: EvaluationConfig, path: str | os.PathLike[str]) -> None:
    wrong: list[UserError] = [
        error("CTC605", f"{message}: the file is computed by its runtime", path=path, hint=hint)
        for given, message, hint in (
            (config.views == "dense", "there are no dense views", "take 1 or 10"),
            (config.compile not in (None, "off"), "nothing can be compiled", "leave it out"),
            (config.tune, "nothing can be tuned", "leave it out"),
            (str(config.device) not in ("auto", "cpu"), "it is on the CPU", "leave it out"),
        )
        if given
    ]
    if wrong:
        raise UserError(*(entry for each in wrong for entry in each.diagnostics))
