"""Views of whole images through a network, with what they share computed once.

Whole uint8 images are on the device; views are cut, mirrored and, where that gives the same bits,
taken from maps that were computed for all of them together (see `ctcdsl.evaluation.shared_layers`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.evaluation.shared_layers import Offset, Prefix, shared_prefix, unshared
from ctcdsl.evaluation.split import Split, run
from ctcdsl.execution.compiled import Forward, compile_as_error, forward_of
from ctcdsl.images.sampling import Crop
from ctcdsl.ir import Shape
from ctcdsl.recipe import Compile

Places = Callable[[int, int, Crop], tuple[Offset, ...]]
"""The offsets of the views in an image of a height and a width."""
Input = Callable[[Tensor], Tensor]
"""What a network takes, float32, of uint8 images (N, 3, H, W): `preprocess`."""


class _Kind(NamedTuple):
    """What the choice of an algorithm may depend on."""

    images: int
    height: int
    width: int


class Group(NamedTuple):
    """The images of a batch that have one size, and their numbers in the batch."""

    numbers: list[int]
    images: Tensor
    """What the network takes, (images, 3, H, W)."""

    @property
    def kind(self) -> _Kind:
        """How many images of which size they are."""
        images, _, height, width = self.images.shape
        return _Kind(images, height, width)


def by_size(images: Sequence[Tensor], input: Input) -> Iterator[Group]:
    """The images (3, H, W) of a batch, those of equal size together, as the network takes them."""
    sizes: dict[torch.Size, list[int]] = {}
    for number, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(number)
    for numbers in sizes.values():
        yield Group(numbers, input(torch.stack([images[number] for number in numbers])))


@dataclass(slots=True, kw_only=True, eq=False)
class MultiCropEvaluator:
    """Crop-sized views of each image, averaged."""

    model: nn.Module
    crop: Crop
    places: Places
    mirrored: bool
    """Whether the mirror image of each view is a view too, after those that are not."""
    input: Input
    network: Network | None
    """The network of `model`, where its first layers may be shared."""
    compile: Compile = "off"
    """How the layers that are not shared are computed. Shared ones see whole images, and would be
    compiled for each size of them."""
    _split: Split | None = None
    _reason: str = ""
    """Why nothing is shared at all."""
    _plans: dict[tuple[int, int], Prefix] = field(default_factory=dict)
    _same_bits: dict[_Kind, bool] = field(default_factory=dict)
    """Whether sharing changes no bit, for the kinds of groups that were compared."""
    _forwards: dict[int, Forward] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.network is not None:
            self._split = Split.of(self.model, self.network)
            if self._split is None:
                self._reason = "the module is not built as its network is"

    @property
    def note(self) -> str:
        """Why something is not shared that could be; empty otherwise."""
        if self._reason:
            return f"the views share no layers: {self._reason}"
        sizes = {(kind.height, kind.width) for kind, same in self._same_bits.items() if not same}
        if not sizes:
            return ""
        height, width = min(sizes)
        others = f" and {len(sizes) - 1} other sizes" if len(sizes) > 1 else ""
        return (
            f"the views of some images of {height}x{width}{others} share no layers:"
            " it would change the last bits"
        )

    def probabilities(self, images: Sequence[Tensor]) -> Tensor:
        """Float32 (images, classes) of uint8 images (3, H, W): softmax, averaged over the views.

        Images keep their order and their batch, whatever their sizes: so the numbers are those of
        a batch of views cut one by one.
        """
        groups = list(by_size(images, self.input))
        logits = self._logits(groups, len(images))
        of_views = logits.float().softmax(dim=1).view(len(images), -1, logits.shape[1])
        return of_views.mean(dim=1)

    def _logits(self, groups: Sequence[Group], images: int) -> Tensor:
        plans = [self._plan(group) for group in groups]
        layers = max(plan.layers for plan in plans)
        if layers and self._split is not None:
            end = self._split.ends[layers]
            maps = self._maps(groups, plans, images, layers)
            if self._compare(groups, plans, maps, end):
                return self._after(end, maps)
            return self._logits(groups, images)  # now with what was found out
        return self._after(0, self._maps(groups, plans, images, 0))

    def _after(self, end: int, maps: Tensor) -> Tensor:
        """The network's output for the `maps` after `end` submodules of its trunk."""
        if end not in self._forwards:
            self._forwards[end] = forward_of(self._rest(end), self.compile)
        with compile_as_error(self.compile):
            return self._forwards[end](maps)

    def _rest(self, end: int) -> nn.Module:
        if end == 0 or self._split is None:
            return self.model
        return nn.Sequential(*self._split.trunk[end:], *self._split.head)

    # ---------------------------------------------------------------- sharing

    def _plan(self, group: Group) -> Prefix:
        """How the views of the images in `group` share."""
        kind = group.kind
        if self._split is None or self.network is None or not self._same_bits.get(kind, True):
            return self._unshared(group)
        if (size := (kind.height, kind.width)) not in self._plans:
            self._plans[size] = shared_prefix(self.network, self.places(*size, self.crop))
        return self._plans[size]

    def _unshared(self, group: Group) -> Prefix:
        _, channels, height, width = group.images.shape
        return unshared(Shape(channels, *self.crop), self.places(height, width, self.crop))

    def _maps(
        self, groups: Sequence[Group], plans: Sequence[Prefix], images: int, layers: int
    ) -> Tensor:
        """The maps of all views after so many layers, (images x views, …), channels last."""
        result: Tensor | None = None
        for group, plan in zip(groups, plans, strict=True):
            maps = self._cut(group.images, plan)
            if layers > plan.layers:  # images of another size share more
                assert self._split is not None
                ends = self._split.ends
                maps = run(self._split.trunk[ends[plan.layers] : ends[layers]], maps)
            if len(groups) == 1:
                return maps
            if result is None:
                views = len(maps) // len(group.numbers)
                result = _channels_last((images * views, *maps.shape[1:]), maps)
            rows = _by_image(result, images)
            rows[group.numbers] = _by_image(maps, len(group.numbers))
        assert result is not None
        return result

    def _cut(self, images: Tensor, plan: Prefix) -> Tensor:
        """The maps of the views of images of one size, after the layers that `plan` shares."""
        shared = self._split.trunk[: self._split.ends[plan.layers]] if self._split else ()
        places = sum(len(region.slices) for region in plan.regions)
        views = places * (1 + self.mirrored)
        _, height, width = plan.map
        result: Tensor | None = None
        for region in plan.regions:
            top, left = region.top, region.left
            crop = images[:, :, top : top + region.height, left : left + region.width]
            sides = [(0, crop, region.slices)]
            if self.mirrored:
                sides.append((places, crop.flip(-1), plan.mirrored(region)))
            for first, inputs, slices in sides:
                if shared:
                    inputs = inputs.contiguous(memory_format=torch.channels_last)
                maps = run(shared, inputs)
                if result is None:
                    result = _channels_last((len(images) * views, *plan.map), maps)
                for view, down, right in slices:
                    piece = maps[:, :, down : down + height, right : right + width]
                    result[first + view :: views].copy_(piece)
        assert result is not None
        return result

    def _compare(
        self, groups: Sequence[Group], plans: Sequence[Prefix], maps: Tensor, end: int
    ) -> bool:
        """Whether `maps`, after `end` submodules, are the bits that views cut one by one give.

        Looked at once for each number and size of images, on the first of them, and once for
        whether the parts of the module give what the module gives. Libraries choose their
        algorithms by the shape of their input, and another one may round otherwise.
        """
        split = self._split
        assert split is not None
        first = not self._same_bits
        rows = _by_image(maps, sum(len(group.numbers) for group in groups))
        equal = True
        for group, plan in zip(groups, plans, strict=True):
            if group.kind in self._same_bits or not plan.layers:
                continue
            one = Group([0], group.images[:1])
            expected = run(split.trunk[:end], self._cut(one.images, self._unshared(one)))
            same = _equal(rows[group.numbers[0]], expected)
            self._same_bits[group.kind] = same
            equal = equal and same
            if first:
                first = False
                rest = self._rest(end)(expected)  # may overwrite `expected`
                if not _equal(rest, self.model(self._cut(one.images, self._unshared(one)))):
                    self._split, self._reason = None, "the module is more than its layers"
                    return False
        return equal


def _by_image(maps: Tensor, images: int) -> Tensor:
    """The same values as (images, views, …)."""
    return maps.view(images, -1, *maps.shape[1:])


def _channels_last(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bits, NaN among them."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
    return torch.equal(one.contiguous().view(bits), other.contiguous().view(bits))
