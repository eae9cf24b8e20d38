"""Take networks out: export files for other runtimes, predict images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from ctcdsl.api import Net, build, load
from ctcdsl.arguments import at_least_one, names, tensors
from ctcdsl.checking import Network
from ctcdsl.execution.events import Callback, CallbackList
from ctcdsl.exporters.export import Export, default_output, export_source
from ctcdsl.exporters.registry import find_exporter
from ctcdsl.exporters.source import Source, network_source, run_source
from ctcdsl.passes.weights.pretrained import load_weights
from ctcdsl.prediction.images import Given, GivenImages, collect
from ctcdsl.prediction.predict import (
    MOST,
    Prediction,
    Predictions,
    open_network,
    predict_images,
)
from ctcdsl.recipe import Precision
from ctcdsl.runs.run import Run
from ctcdsl.text import error

__all__ = ["Export", "Prediction", "Predictions", "export", "predict"]


def export(
    net: Net | Run,
    target: str = "onnx",
    output: str | os.PathLike[str] | None = None,
    *,
    weights: Mapping[str, Tensor] | str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
    max_drop: float = 0.01,
    images: int = 1000,
    callbacks: Iterable[Callback] = (),
) -> Export:
    """Write a network for another runtime, run the file, and compare it with the module.

    Batch norms are folded and parallel linear branches fused first. The file of a run takes uint8
    RGB pixels (N, 3, H, W) and returns logits (N, classes), for any N; it holds the classes' names
    and how an image is scaled. That of a network does where `mean` and `std` are given.

    Args:
        net: A run, the folder of a run or of a checkpoint, or a network as `load` takes it.
        target: `onnx`, `onnx-int8`, `openvino`, `openvino-int8`, `torch-export`, or a plug-in's.
        output: The file; by default NAME with the target's suffix, in the current folder.
        weights: Of a network: a state dict, a file of one, or a run; initial ones unless given.
        data: Images to compare on, and for int8 to calibrate on; by default the run's.
        mean: Of a network: what is subtracted from each channel, in the scale 0..255.
        std: Of a network: what each channel is then divided by.
        classes: Of a network: the names of its outputs; by default those of `data`.
        max_drop: The share of accuracy that int8 may lose; more is an error.
        images: How many test images to compare on, at most.
        callbacks: See `Callback`.

    Raises:
        SpecError: The network cannot be found, or has errors.
        TypeError: A run with arguments that are a network's.
        UserError: CTC408, CTC409, CTC418 the weights are another network's, cannot be read or are
            not finite; CTC761 there is no such target; CTC615 a package is missing; CTC762 the
            runtime lacks an operator; CTC763 int8 has no training images; CTC764 int8 loses more
            than `max_drop`; CTC766 the file computes something else; CTC608 it cannot be written.
    """
    if not 0 <= max_drop <= 1:
        raise error("CTC605", f"max_drop is {max_drop!r}", hint="it is a share, from 0 to 1")
    images = at_least_one("images", images)
    exporter = find_exporter(target)
    callback = CallbackList(callbacks)
    path = os.fspath(data) if data is not None else None
    if isinstance(net, Run) or (not isinstance(net, Network) and os.path.isdir(net)):
        given = (weights, mean, std, classes)
        if any(value is not None for value in given):
            raise TypeError("weights, mean, std and classes are for a network: a run has its own")
        source = run_source(Path(net.folder if isinstance(net, Run) else net), path, callback)
    else:
        source = _network_source(
            net if isinstance(net, Network) else load(net),
            weights,
            path,
            mean=None if mean is None else tuple(map(float, mean)),
            std=None if std is None else tuple(map(float, std)),
            classes=None if classes is None else tuple(names("classes", classes)),
            callback=callback,
        )
    file = Path(output) if output is not None else default_output(source.network.name, exporter)
    return export_source(
        source, exporter, file, max_drop=max_drop, images=images, callback=callback
    )


def predict(
    run_or_file: Run | str | os.PathLike[str],
    images: Given | Iterable[Given] | Callable[[tuple[str, ...]], GivenImages],
    *,
    views: Literal[1, 10] = 10,
    top: int = MOST,
    batch: int | None = None,
    precision: Precision | None = None,
    workers: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    callbacks: Iterable[Callback] = (),
) -> Predictions:
    """Predict the classes of images that have no labels.

    Images are scaled and cut as in an evaluation. Those that cannot be read are left out, and
    `Predictions.failed` says why.

    Args:
        run_or_file: A run, the folder of a run or of a checkpoint, or a file of `export`.
        images: Files, folders with images at any depth, arrays uint8 (height, width, 3); one or
            several. Or what makes the images of the names of the classes.
        views: 1 is the centre, 10 the four corners and the centre with their mirror images.
        top: How many classes of each image, 1 to 5.
        batch: Views computed together; by default the run's batch.
        precision: `"float32"` or `"bf16"`; by default the run's, float32 for a file.
        workers: Threads that read images.
        device: `auto` is the GPU if there is one, else the CPU; a file computes on the CPU.
        callbacks: See `Callback`.

    Raises:
        UserError: CTC671 there are no images; CTC603 none of them can be read; CTC610, CTC765 the
            run or the file cannot be used; CTC767 the file does not take pixels.
    """
    if views not in (1, 10) or views is True:
        raise error("CTC605", f"views is {views!r}", hint="it is 1 or 10")
    if not 1 <= (top := at_least_one("top", top)) <= MOST:
        raise error("CTC605", f"top is {top}", hint=f"it is at most {MOST}")
    callback = CallbackList(callbacks)
    path = run_or_file.folder if isinstance(run_or_file, Run) else run_or_file
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"predict takes a run or an exported file, not {type(path).__name__}")
    opened = open_network(path, precision)
    if callable(images):
        given = images(opened.classes)
    else:
        single = isinstance(images, (str, os.PathLike)) or hasattr(images, "dtype")
        listed: Any = [images] if single else images
        given = collect(listed, opened.classes)
    return predict_images(
        opened.trained,
        given,
        views=views,
        top=top,
        batch=None if batch is None else at_least_one("batch", batch),
        workers=workers,
        device=device,
        callback=callback,
    )


def _network_source(
    network: Network,
    weights: Mapping[str, Tensor] | str | os.PathLike[str] | None,
    data: str | None,
    *,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    classes: tuple[str, ...] | None,
    callback: Callback,
) -> Source:
    module = build(network)
    if weights is None:
        callback.on_note("the weights are initial ones: --weights FILE gives it trained ones")
    else:
        file = "weights" if isinstance(weights, Mapping) else os.fspath(weights)
        for note in load_weights(module, network, tensors(weights), file):
            callback.on_warning(note)
    return network_source(
        network,
        module.state_dict(),
        mean=mean,
        std=std,
        classes=classes,
        data=data,
        callback=callback,
    )
