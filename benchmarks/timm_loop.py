"""Training and testing with the parts of timm, put together as its train.py and validate.py do.

timm's package has no loop of its own. Taken from it: dataset, loader, transforms, collation,
optimizer, meter. Weights and inputs are channels last (`--channels-last`), autocast is off.
Training images are cropped as timm does by default (of random area and shape, resized to the
crop) and flipped; its colour jitter is off and resizing bilinear, both faster than its defaults.
validate.py sees one crop; here it sees torchvision's ten, through timm's loader.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import torch
from job import Job
from torch import nn
from turns import Turn

from ctcdsl.images.image_set import ImageSet


def load(peers: Path | None) -> ModuleType:
    """The module timm, perhaps from the folder `peers`. ImportError where it cannot be loaded."""
    if peers is not None and str(peers) not in sys.path:
        sys.path.append(str(peers))
    _prepare_torchvision()
    for name in ("data", "optim", "utils"):
        importlib.import_module(f"timm.{name}")
    return sys.modules["timm"]


def _prepare_torchvision() -> None:
    # Its compiled part wants the CUDA of its wheel. Without it, it cannot be imported unless
    # operators of these names exist; transforms call none of them.
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise ImportError("torchvision")
    try:
        compiled: Any = torch.ops  # its stubs leave this untyped
        compiled.load_library(Path(found.origin).with_name("_C.so"))
    except OSError:
        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # no types
        for name in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, name):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _stubs.append(library)


_stubs: list[torch.library.Library] = []  # operators go when their library does


@dataclass(frozen=True, slots=True)
class _Reader:
    """What timm's ImageDataset reads from: open files and labels, by index."""

    root: Path
    images: ImageSet

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[BinaryIO, int]:
        return (self.root / self.images.name(index)).open("rb"), self.images.label(index)


def _loader(timm: ModuleType, job: Job, images: ImageSet, batch: int, *, training: bool) -> Any:
    dataset = timm.data.ImageDataset(str(job.root), reader=_Reader(job.root, images))
    return timm.data.create_loader(
        dataset,
        input_size=(3, *job.crop),
        batch_size=batch,
        is_training=training,
        color_jitter=None,
        interpolation="bilinear",
        num_workers=job.recipe.workers or 0,
        pin_memory=job.device.type == "cuda",
        device=job.device,
    )


def training(timm: ModuleType, job: Job, images: ImageSet) -> Turn:
    """An epoch over `images`, as train_one_epoch has it."""
    recipe = job.recipe
    model = job.model(torch.channels_last)
    loader = _loader(timm, job, images, recipe.batch, training=True)
    optimizer = timm.optim.create_optimizer_v2(
        model,
        opt="sgd",
        lr=job.rate,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
    )
    criterion = nn.CrossEntropyLoss()

    def turn() -> None:
        losses = timm.utils.AverageMeter()
        model.train()
        optimizer.zero_grad()
        for values, labels in loader:
            values = values.contiguous(memory_format=torch.channels_last)
            loss = criterion(model(values), labels)
            loss.backward()
            optimizer.step()
            losses.update(loss.item(), len(values))
            optimizer.zero_grad()

    return turn


class _TenCrops:
    """torchvision's ten crops of an image, as timm's collation takes several views."""

    def __init__(self, job: Job) -> None:
        from_torchvision: Any = importlib.import_module("torchvision.transforms")
        bilinear = from_torchvision.InterpolationMode.BILINEAR
        self._resize = from_torchvision.Resize(job.shorter, bilinear)
        self._crops = from_torchvision.TenCrop(job.crop)
        self._tensor = from_torchvision.PILToTensor()

    def __call__(self, image: Any) -> tuple[Any, ...]:
        return tuple(self._tensor(crop) for crop in self._crops(self._resize(image)))


def testing(timm: ModuleType, job: Job, images: ImageSet) -> Turn:
    """The 10-view test on `images`, as validate.py has it but for the views."""
    model = job.model(torch.channels_last).eval()
    loader = _loader(timm, job, images, job.at_once, training=False)
    loader.dataset.transform = _TenCrops(job)

    def turn() -> None:
        with torch.inference_mode():
            for views, _ in loader:  # the first views of all images, then the second ones
                logits = model(views.contiguous(memory_format=torch.channels_last))
                of_views = logits.softmax(dim=1).view(10, -1, logits.shape[1])
                of_views.mean(dim=0).cpu()

    return turn
