"""The usual way to train and to test on ImageNet: what torchvision's reference scripts do.

Images are decoded and scaled whole by Pillow and made floats on the CPU, by a DataLoader; the
module computes in float32, NCHW, as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from job import Job
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from turns import Turn

from ctcdsl.images.image_set import ImageSet
from ctcdsl.images.resize import resized_size
from ctcdsl.images.sampling import Crop

Item = tuple[Tensor, int]


class _Files(Dataset[Item]):
    """Image files, scaled."""

    def __init__(self, root: Path, images: ImageSet, crop: Crop, shorter: int) -> None:
        self._root, self._images = root, images
        self._crop, self._shorter = crop, shorter
        self._mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        self._deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def __len__(self) -> int:
        return len(self._images)

    def _whole(self, index: int) -> Image.Image:
        with Image.open(self._root / self._images.name(index)) as file:
            image = file.convert("RGB")
        return image.resize(resized_size(*image.size, self._shorter), Image.Resampling.BILINEAR)

    def _cut(self, image: Image.Image, top: int, left: int) -> Image.Image:
        height, width = self._crop
        return image.crop((left, top, left + width, top + height))

    def _values(self, image: Image.Image) -> Tensor:
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        values = pixels.to(torch.float32).div(255)
        return values.sub_(self._mean).div_(self._deviation)


class Usual(_Files):
    """For training: decode, resize all, crop, flip, to float, normalise."""

    def __getitem__(self, index: int) -> Item:
        image = self._whole(index)
        height, width = self._crop
        left = int(torch.randint(image.width - width + 1, ()))
        top = int(torch.randint(image.height - height + 1, ()))
        image = self._cut(image, top, left)
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return self._values(image), self._images.label(index)


class TenCrops(_Files):
    """For the test: decode, resize all, ten crops, each to float and normalised, stacked."""

    def __getitem__(self, index: int) -> Item:
        image = self._whole(index)
        mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        crops = [*self._five(image), *self._five(mirrored)]
        return torch.stack([self._values(crop) for crop in crops]), self._images.label(index)

    def _five(self, image: Image.Image) -> list[Image.Image]:
        height, width = self._crop
        down, right = image.height - height, image.width - width
        corners = [(0, 0), (0, right), (down, 0), (down, right)]
        centre = (round(down / 2), round(right / 2))
        return [self._cut(image, *place) for place in (*corners, centre)]


def loader(
    dataset: Dataset[Item], batch: int, workers: int, *, shuffle: bool, pin: bool = False
) -> DataLoader[Item]:
    """A DataLoader that keeps its processes from epoch to epoch."""
    return DataLoader(
        dataset,
        batch,
        shuffle=shuffle,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin,
    )


def training(job: Job, images: ImageSet) -> Turn:
    """An epoch over `images`."""
    recipe, device = job.recipe, job.device
    model = job.model(torch.contiguous_format).train()
    batches = loader(
        Usual(job.root, images, job.crop, job.shorter),
        recipe.batch,
        recipe.workers or 0,
        shuffle=True,
        pin=device.type == "cuda",
    )
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=job.rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    criterion = nn.CrossEntropyLoss()

    def turn() -> None:
        for values, labels in batches:
            loss = criterion(model(values.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # for a meter

    return turn


def testing(job: Job, images: ImageSet) -> Turn:
    """The 10-view test on `images`."""
    device = job.device
    model = job.model(torch.contiguous_format).eval()
    batches = loader(
        TenCrops(job.root, images, job.crop, job.shorter),
        job.at_once,
        job.recipe.workers or 0,
        shuffle=False,
        pin=device.type == "cuda",
    )

    def turn() -> None:
        with torch.inference_mode():
            for views, _ in batches:
                logits = model(views.to(device).flatten(0, 1))
                of_views = logits.softmax(dim=1).view(*views.shape[:2], -1)
                of_views.mean(dim=1).cpu()

    return turn
