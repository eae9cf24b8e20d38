"""What is exported: a run, or a network with weights; and the images to try it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ctcdsl.checking import Network
from ctcdsl.execution.events import Callback
from ctcdsl.execution.prepare import crop_of, open_split_of
from ctcdsl.exporters.description import Preprocessing
from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.split_choice import ChosenSplit
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.runs import store
from ctcdsl.runs.run import data_of, network_of
from ctcdsl.text import UserError, error
from ctcdsl.text.plural import plural


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A network, its tensors as its module names them, and what its file is to say."""

    network: Network
    tensors: Mapping[str, Tensor]
    classes: tuple[str, ...]
    preprocessing: Preprocessing | None
    data: str | None = None
    """The path of the images; None for the sample, or for none."""
    has_images: bool = False

    def test_images(self, callback: Callback) -> ChosenSplit | None:
        """The images to compare on: test, else val."""
        if not self.has_images or self.preprocessing is None:
            return None
        return open_split_of(self.data, None, self.classes, callback)

    def training_images(self, callback: Callback) -> ImageSet:
        """The images to calibrate on.

        Raises:
            UserError: CTC763 where there are none; as `open_split_of` where they do not fit.
        """
        if not self.has_images:
            raise _no_images("there are none", "name them with --data, or export a run")
        if self.preprocessing is None:
            hint = "give --mean and --std, or export a run"
            raise _no_images("how pixels are normalised is not known", hint)
        return open_split_of(self.data, "train", self.classes, callback).images


def run_source(path: Path, data: str | None, callback: Callback) -> Source:
    """The newest checkpoint of a run, or the checkpoint at `path`.

    Raises:
        UserError: CTC610 there is none; CTC626 `path` holds several runs.
    """
    saved = checkpoints.load(path, warn=callback.on_warning)
    run, identity = store.run_of(path), saved.identity
    network = network_of(identity, run)
    divisor, mean = saved.recipe.pixel_divisor, saved.statistics.mean
    has_images = True
    if data is None:
        try:
            data = data_of(run, identity.classes)
        except UserError as gone:  # the file can be written without them, if not in int8
            has_images = False
            callback.on_note(f"compared on random images: {gone.diagnostics[0].message}")
    return Source(
        network=network,
        tensors=saved.model,
        classes=identity.classes,
        preprocessing=Preprocessing(
            mean=mean,
            std=(divisor,) * len(mean),
            resize=saved.recipe.resize_for(crop_of(network)),
        ),
        data=data,
        has_images=has_images,
    )


def network_source(
    network: Network,
    tensors: Mapping[str, Tensor],
    *,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    classes: tuple[str, ...] | None,
    data: str | None,
    callback: Callback,
) -> Source:
    """A network with weights. Without classes those of the images, where there are as many.

    Raises:
        UserError: CTC605 mean or std are not a number for each channel, or a std is not above 0;
            CTC612 there are more or fewer names than outputs.
    """
    if classes is not None and len(classes) != network.classes:
        raise error(
            "CTC612",
            f"the network has {plural(network.classes, 'output')}, the names are {len(classes)}",
            hint="name the class of each output, in their order",
        )
    if classes is None and data is not None:
        from ctcdsl.images.split_choice import open_splits

        found = open_splits(Path(data)).train.classes
        if len(found) != network.classes:
            raise error(
                "CTC612",
                f"the network has {plural(network.classes, 'output')},"
                f" the data {plural(len(found), 'class')}",
                path=data,
                hint="name the class of each output with --classes",
            )
        classes = found
    preprocessing = None
    if mean is not None or std is not None:
        channels = network.input.channels
        for name, values in (("mean", mean), ("std", std)):
            if values is None or len(values) != channels or (name == "std" and min(values) <= 0):
                shown = "missing" if values is None else ",".join(f"{v:g}" for v in values)
                hint = f"give {channels} of the scale 0..255, those of std above 0"
                raise error("CTC605", f"{name} is {shown}", hint=hint)
        assert mean is not None and std is not None
        resize = Recipe().resize_for(crop_of(network))
        preprocessing = Preprocessing(mean=mean, std=std, resize=resize)
    return Source(
        network=network,
        tensors=tensors,
        classes=classes or (),
        preprocessing=preprocessing,
        data=data,
        has_images=data is not None,
    )


def _no_images(reason: str, hint: str) -> UserError:
    message = f"int8 is calibrated on training images: {reason}"
    return error("CTC763", message, hint=hint)
