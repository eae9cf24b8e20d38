"""The recipe: every number of training, and the learning rate's schedule.

The defaults are Section 5 of "Convolutional Neural Networks at Constrained Time Cost"
(He & Sun 2015). Nothing here needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from operator import index
from typing import Any, Literal, Self, get_args

from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.text.plural import plural

Initialisation = Literal["he", "gaussian"]
Precision = Literal["float32", "bf16"]
Compile = Literal["off", "on", "graphs"]

PAPER_CROP, PAPER_RESIZE = 224, 256  # Section 5: crops of 224 from a shorter side of 256

_OPTIONAL = frozenset({"epochs", "resize", "workers", "dropout"})
"""The fields that may be None."""
_NUMBER = int | float
_RANGES = (
    ("batch", int, 1, math.inf, "[)"),
    ("accumulate", int, 1, math.inf, "[)"),
    ("epochs", int, 1, math.inf, "[)"),
    ("resize", int, 1, math.inf, "[)"),
    ("statistics_sample", int, 1, math.inf, "[)"),
    ("workers", int, 0, math.inf, "[)"),
    ("seed", int, 0, 2**32, "[)"),
    ("momentum", _NUMBER, 0, 1, "[)"),
    ("dropout", _NUMBER, 0, 1, "[)"),
    ("flip", _NUMBER, 0, 1, "[]"),
    ("max_corrupt", _NUMBER, 0, 1, "[]"),
    ("weight_decay", _NUMBER, 0, math.inf, "[)"),
    ("colour_sigma", _NUMBER, 0, math.inf, "[)"),
    ("pixel_divisor", _NUMBER, 0, math.inf, "()"),
    ("sigma", _NUMBER, 0, math.inf, "()"),
)
"""Of each field that is a number: its type, the least and the largest value, and whether these
belong to the range, as brackets."""
_WORDS = {
    "initialisation": get_args(Initialisation),
    "precision": get_args(Precision),
    "compile": get_args(Compile),
}
_SCHEDULE_HINT = "write EPOCHS:RATE, comma between, as in 10:0.01,60:0.001,5:0.0001"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rates in steps: so many epochs at a rate, then the next; the last rate continues.

    Raises `UserError` CTC605 for no step, an epoch count below 1, a rate that is not above 0.
    """

    steps: tuple[tuple[int, float], ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise _bad("the schedule has no step", hint=_SCHEDULE_HINT)
        for epochs, rate in self.steps:
            if epochs < 1:
                raise _bad(
                    f"schedule: a step of {plural(epochs, 'epoch')}",
                    hint="a step has at least 1 epoch",
                )
            if not (math.isfinite(rate) and rate > 0):
                raise _bad(f"schedule: a learning rate of {rate}", hint="a rate is above 0")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The schedule of a text such as ``10:0.01,60:0.001,5:0.0001``.

        Raises `UserError` CTC605 naming the step that cannot be read.
        """
        steps: list[tuple[int, float]] = []
        for step in text.split(","):
            epochs, _, rate = step.partition(":")
            try:
                steps.append((int(epochs), float(rate)))
            except ValueError:
                message = f"schedule {text!r}: cannot read the step {step.strip()!r}"
                raise _bad(message, hint=_SCHEDULE_HINT) from None
        return cls(tuple(steps))

    @property
    def epochs(self) -> int:
        """The number of epochs of all steps."""
        return sum(epochs for epochs, _ in self.steps)

    def rate(self, epoch: int) -> float:
        """The learning rate of `epoch`, counted from 1."""
        end = 0
        for epochs, rate in self.steps:
            end += epochs
            if epoch <= end:
                return rate
        return self.steps[-1][1]

    def rate_after(self, images: int, of_epoch: int) -> float:
        """The learning rate after so many images in all, where an epoch has `of_epoch` images.

        Images are counted, since they do not depend on the batch, the number of devices or a
        resume.
        """
        return self.rate(images // of_epoch + 1)

    def __str__(self) -> str:
        return ",".join(f"{epochs}:{rate!r}" for epochs, rate in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All numbers of a training besides the network; by default those of Section 5.

    Raises `UserError` CTC605 with one diagnostic for every number that is out of its range.

    Pixels: the network sees ``(pixel - mean) / pixel_divisor``, pixel in 0..255 and mean the
    training set's per-channel mean. The paper subtracts the mean and mentions no divisor,
    which is divisor 1. We divide by 58, about the standard deviation of photographs, because He
    initialisation passes the input's variance on through the layers: with divisor 1 the first
    logits, and with them the first gradients, are 58 times as large (in model A their deviation
    is 133 instead of 2.3, the first loss some 500 nats).

    Initialisation: the paper says "zero-mean Gaussian distributions" and gives no deviation.
    ``he`` is sqrt(2 / fan-in), layer by layer; ``gaussian`` is `sigma` in every layer, 0.01 as
    AlexNet's paper has it. With that the signal of the deeper models vanishes: the first logits
    of model E have a deviation of 5e-8 even with divisor 1, and it does not learn.
    Model A does learn with ``gaussian`` and divisor 1.
    """

    batch: int = 128
    """Images in a mini-batch."""
    accumulate: int = 1
    """Micro-batches in which a batch goes through the network; their gradients are summed."""
    schedule: Schedule = Schedule(((10, 0.01), (60, 0.001), (5, 0.0001)))
    """Learning rates."""
    epochs: int | None = None
    """Epochs to train; None: as many as the schedule has (75 in the paper's Tables 1 and 2)."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 0.0005
    """L2 penalty on convolution and fc weights; none on biases and norms."""
    resize: int | None = None
    """Shorter side of the image a crop is cut from; None: 256 for a crop of 224, in proportion."""
    random_crop: bool = True
    """Random crops in training; else the centre."""
    flip: float = 0.5
    """Share of the training images that are mirrored."""
    colour_sigma: float = 0.1
    """Strength of the PCA colour augmentation, in deviations along the RGB principal axes."""
    pixel_divisor: float = 58.0
    """What mean-subtracted pixels are divided by."""
    initialisation: Initialisation = "he"
    """``he`` or ``gaussian``; biases start at zero."""
    sigma: float = 0.01
    """Deviation of the ``gaussian`` initialisation."""
    dropout: float | None = None
    """Rate of every dropout layer; None: as in the spec (0.5 in the paper)."""
    precision: Precision = "float32"
    """``bf16`` computes the layers under autocast, with weights in float32."""
    compile: Compile = "off"
    """``on`` computes the layers by torch.compile, ``graphs`` with CUDA graphs, too. The results
    are the same but for rounding."""
    statistics_sample: int = 1000
    """Training images that the channel mean and the colour axes are measured on, at most."""
    seed: int = 0
    """Fixes initial weights, order, crops, flips, colours and dropout."""
    workers: int | None = None
    """Threads that read images, 0: the training thread itself; None: see
    `threads.reading_threads`. The result is the same."""
    max_corrupt: float = 0.01
    """Share of the training images that may be unreadable and replaced; above it training stops."""
    freeze: tuple[str, ...] = ()
    """Stages that stay as they are: their weights, and the statistics of their norms."""
    lr_scale: tuple[tuple[str, float], ...] = ()
    """Stages with learning rates of their own, as multiples of the schedule's; 1 for others."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "freeze", _stages(self.freeze))
        object.__setattr__(self, "lr_scale", _scales(self.lr_scale))
        for name, kind, *_ in _RANGES:
            value = getattr(self, name)
            if hasattr(value, "__index__") and not isinstance(value, bool):
                object.__setattr__(self, name, index(value))  # numpy's integers
            elif kind is not int and not isinstance(value, float) and hasattr(value, "dtype"):
                object.__setattr__(self, name, float(value))
        problems = tuple(self._problems())
        if problems:
            raise UserError(*problems)

    @classmethod
    def paper(cls) -> Self:
        """Section 5: batch 128, 75 epochs in three steps from 0.01."""
        return cls()

    @classmethod
    def small(cls) -> Self:
        """For a thousand small images and minutes on two cores: batch 32, eight epochs from 0.002.

        With the paper's rate of 0.01 the first steps at batch 32 undo more than they learn.
        """
        return cls(batch=32, schedule=Schedule(((6, 0.002), (2, 0.0002))))

    @classmethod
    def named(cls, name: str) -> Self:
        """The recipe `paper` or `small`. Raises `UserError` CTC605 for another name."""
        if name not in ("paper", "small"):
            raise _bad(f"no recipe is called {name!r}", hint="it is paper or small")
        return cls.paper() if name == "paper" else cls.small()

    def with_fields(self, values: Mapping[str, Any]) -> Self:
        """The recipe with other values; the schedule, `freeze` and `lr_scale` may be texts.

        Raises `UserError` CTC605 for a name that is not a field, or a value out of range.
        """
        names = tuple(field.name for field in fields(self))
        for name in values:
            if name not in names:
                hint = did_you_mean(name, names, f"it has {', '.join(names)}")
                raise _bad(f"a recipe has no field `{name}`", hint=hint)
        schedule = values.get("schedule", self.schedule)
        if isinstance(schedule, str):
            schedule = Schedule.parse(schedule)
        return replace(self, **{**values, "schedule": schedule})

    @property
    def last_epoch(self) -> int:
        """The number of epochs to train."""
        return self.schedule.epochs if self.epochs is None else self.epochs

    def resize_for(self, crop: tuple[int, int]) -> int:
        """The shorter side an image is scaled to before a (height, width) `crop` is cut.

        Raises `UserError` CTC605 if `resize` is smaller than the crop.
        """
        longest = max(crop)
        if self.resize is None:
            return round(longest * PAPER_RESIZE / PAPER_CROP)
        if self.resize < longest:
            raise _bad(
                f"resize is {self.resize}, smaller than the crop of {crop[0]}x{crop[1]}",
                hint=f"make it at least {longest}, or leave it out",
            )
        return self.resize

    def as_dict(self) -> dict[str, Any]:
        """Plain values by field name; schedule and stages as their texts."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        scales = ",".join(f"{stage}={scale!r}" for stage, scale in self.lr_scale)
        stages = {"freeze": ",".join(self.freeze), "lr_scale": scales}
        return {**values, "schedule": str(self.schedule), **stages}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The recipe whose `as_dict` is `values`; KeyError or TypeError for others."""
        return cls(**{**values, "schedule": Schedule.parse(values["schedule"])})

    def _problems(self) -> Iterator[Diagnostic]:
        for name, kind, low, high, ends in _RANGES:
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if isinstance(value, bool) or not isinstance(value, kind):
                hint = "it is a whole number" if kind is int else "it is a number"
                yield _problem(f"{name} is {value!r}", hint=hint)
            elif not _within(value, low, high, ends):
                range_ = f"in {ends[0]}{low:.12g}, {high:.12g}{ends[1]}"
                at_least = kind is int and high == math.inf
                hint = f"it is at least {low:g}" if at_least else f"it is {range_}"
                yield _problem(f"{name} is {value}", hint=hint)
        for name, words in _WORDS.items():
            word = getattr(self, name)
            if word not in words:
                yield _problem(f"{name} is {word!r}", hint=f"it is {' or '.join(words)}")
        for stage, scale in self.lr_scale:
            if not (math.isfinite(scale) and scale > 0):
                yield _problem(f"lr_scale: {stage} is {scale}", hint="it is above 0")
            if stage in self.freeze:
                message = f"{stage} is frozen, and has a learning rate of its own"
                yield _problem(message, hint="leave it out of one of freeze and lr_scale")
        if not isinstance(self.random_crop, bool):
            yield _problem(f"random_crop is {self.random_crop!r}", hint="it is True or False")
        if not isinstance(self.schedule, Schedule):
            yield _problem(f"schedule is {self.schedule!r}", hint=_SCHEDULE_HINT)


def _stages(value: str | Iterable[str]) -> tuple[str, ...]:
    """The stages of a text such as ``conv1,conv2_x``, or of a list."""
    names = value.split(",") if isinstance(value, str) else value
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


def _scales(
    value: str | Mapping[str, float] | Iterable[tuple[str, float]],
) -> tuple[tuple[str, float], ...]:
    """The stages and factors of a text such as ``head=10,conv5_x=2``, of a dict, or of pairs."""
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",") if part.strip()]
        pairs: Iterable[tuple[str, Any]] = [(stage, scale) for stage, _, scale in parts]
    else:
        pairs = value.items() if isinstance(value, Mapping) else value
    try:
        scales = {stage.strip(): float(scale) for stage, scale in pairs}
    except (TypeError, ValueError):
        raise _bad(f"cannot read lr_scale {value!r}", hint="write STAGE=FACTOR: head=10") from None
    return tuple(scales.items())


def _within(number: float, low: float, high: float, ends: str) -> bool:
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    return above and below  # false for NaN


def _problem(message: str, *, hint: str) -> Diagnostic:
    return Diagnostic(code="CTC605", message=message, hints=(hint,))


def _bad(message: str, *, hint: str) -> UserError:
    return UserError(_problem(message, hint=hint))
