"""Which split is trained on, which one that is tested on, and which one is evaluated."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ctcdsl.images.datasets import Dataset, find_dataset
from ctcdsl.images.image_set import (
    FileBacked,
    ImageSet,
    Subset,
    class_differences,
    class_mismatch,
    first_names,
    images_per_class,
    with_classes,
)
from ctcdsl.images.split_names import SPLITS, Split, split_of
from ctcdsl.text import Diagnostic, Severity, error
from ctcdsl.text.plural import plural

_HOLD_OUT_EVERY = 10  # of images without splits, one of a class in so many is kept for testing


@dataclass(frozen=True, slots=True)
class Splits:
    """A training set, and a set of the same classes to test it on, with notes on both."""

    train: ImageSet
    test: ImageSet
    """What the network is tested on after each epoch."""
    tested_on: Split = "test"
    """The name of that split: val, or test where there is no val."""
    notes: tuple[Diagnostic, ...] = ()


class ChosenSplit(NamedTuple):
    """The images of one split."""

    images: ImageSet
    split: Split
    notes: tuple[Diagnostic, ...] = ()


def open_splits(root: Path) -> Splits:
    """The training images at `root`, and those they are tested on: val, else test.

    Where they are not split, every tenth image of each class is held out for testing, the same
    ones every time, and a note says so.

    Raises `UserError` as `datasets.open_dataset`; CTC601 also where `root` has only one split, or
    too few images to hold some out; CTC611 where no class is in both splits.
    """
    dataset = find_dataset(root)
    by_split = dataset.by_split
    if "all" in by_split:
        return _hold_out(dataset)
    if "train" not in by_split:
        raise dataset.missing_split("nothing to train on", "train")
    tested_on: Split = "val" if "val" in by_split else "test"
    if tested_on not in by_split:
        raise dataset.missing_split("nothing to test on", "val", "test")
    train, other = by_split["train"](), by_split[tested_on]()
    test, notes = select_classes(other, train.classes, tested_on, "train", root)
    skipped = dataset.skipped_notes(train, other)
    return Splits(train, test, tested_on, (*skipped, *_empty_folder_notes(train), *notes))


def open_split(root: Path, split: Split | None, classes: tuple[str, ...]) -> ChosenSplit:
    """The images at `root` that a network for `classes` is evaluated on.

    Those of `split`; without one those of test, else val. Where images are not split, train is
    what training takes of them, and test what it holds out.

    Raises `UserError` as `datasets.open_dataset`; CTC636 where there is no such split; CTC607 where
    no image is of any of the classes.
    """
    chosen = _open_all_classes(root, split)
    images, notes = select_classes(chosen.images, classes, chosen.split, "the run", root, "CTC607")
    return ChosenSplit(images, chosen.split, (*chosen.notes, *notes))


def _open_all_classes(root: Path, split: Split | None) -> ChosenSplit:
    dataset = find_dataset(root)
    by_split = dataset.by_split
    own_split = split_of(root.resolve().name)
    if "all" not in by_split:
        default = [name for name in by_split if name != "train"][-1:]
        chosen = _choose(root, split, tuple(by_split), default)
        images = by_split[chosen]()
    elif own_split is not None and split in (None, own_split):  # DIR/test passed as it is
        chosen, images = own_split, by_split["all"]()
    else:
        chosen = _choose(root, split, ("train", "test"), ("test",))
        splits = _hold_out(dataset)
        return ChosenSplit(getattr(splits, chosen), chosen, splits.notes)
    return ChosenSplit(images, chosen, dataset.skipped_notes(images))


def sample_split(split: Split | None, classes: tuple[str, ...]) -> ChosenSplit:
    """The embedded photographs' patches of `split`, else of test. Raises as `open_split`."""
    from ctcdsl.images.sample import patches

    root = Path("the embedded photographs")
    chosen = _choose(root, split, ("train", "test"), ("test",))
    images = patches("train" if chosen == "train" else "test")
    return ChosenSplit(
        select_classes(images, classes, chosen, "the run", root, "CTC607")[0], chosen
    )


def select_classes(
    images: ImageSet,
    classes: tuple[str, ...],
    split: Split,
    other: str,
    root: Path,
    code: str = "CTC611",
) -> tuple[ImageSet, tuple[Diagnostic, ...]]:
    """The `images` of `split` that are of the `classes` of `other`, and notes on the others.

    The network could only be wrong on an image of another class: it is left out, and a warning
    says so. Raises `UserError` of `code` where none are left.
    """
    selected = with_classes(images, classes)
    notes: list[Diagnostic] = []
    if left_out := len(images) - len(selected):
        per_class = images_per_class(images)
        names = [name for name, count in per_class.items() if count and name not in set(classes)]
        if not len(selected):
            raise class_mismatch(
                f"no {split} image is of a class of {other}",
                class_differences(classes, names, other, split),
                str(root),
                code,
            )
        message = (
            f"{plural(len(names), 'class')} only in {split}, not in {other}: {first_names(names)};"
            f" {plural(left_out, 'image')} left out"
        )
        notes.append(_class_note(message, Severity.WARNING))
    return selected, (*notes, *_missing_class_notes(selected, split))


def _missing_class_notes(images: ImageSet, split: Split) -> Iterator[Diagnostic]:
    """A note on the classes without images."""
    names = [name for name, count in images_per_class(images).items() if not count]
    if names:
        verb = "have" if len(names) > 1 else "has"
        yield _class_note(
            f"{len(names)} of {len(images.classes)} classes {verb} no {split} images:"
            f" {first_names(names)}; the {split} error is that of the other classes"
        )


def _empty_folder_notes(train: FileBacked) -> Iterator[Diagnostic]:
    """A note on the class folders of the training images that have none."""
    if names := train.empty:
        be = "are not classes" if len(names) > 1 else "is not a class"
        yield _class_note(
            f"{plural(len(names), 'folder')} without images {be}: {first_names(names)}"
        )


def _class_note(message: str, severity: Severity = Severity.NOTE) -> Diagnostic:
    return Diagnostic(code="CTC915", message=message, severity=severity)


def _choose(
    root: Path, requested: Split | None, available: Sequence[str], default: Collection[str]
) -> Split:
    """The split `requested`, else the default; `UserError` CTC636 where it is not `available`."""
    for split in SPLITS:
        if split in available and (split == requested or (not requested and split in default)):
            return split
    raise error(
        "CTC636",
        f"there are no {requested or 'test or val'} images, only {' and '.join(available)}",
        path=root,
        hint=f"evaluate on {' or '.join(f'--split {split}' for split in available)}",
    )


def _hold_out(dataset: Dataset) -> Splits:
    root, images = dataset.root, dataset.by_split["all"]()
    test = Subset.of(images, _every_tenth([images.label(index) for index in range(len(images))]))
    if not len(test):
        raise error(
            "CTC601",
            "too few images to hold some out for testing",
            path=root,
            notes=(f"no class has {_HOLD_OUT_EVERY // 2} images",),
            hint="put training images in train/CLASS/ and test images in val/CLASS/",
        )
    held_out = set(test.indices)
    train = Subset.of(images, (index for index in range(len(images)) if index not in held_out))
    note = _class_note(
        f"{root} has no train/ and val/: every tenth image of a class ({len(test)} in all) is"
        " held out for testing"
    )
    notes = (
        *dataset.skipped_notes(images),
        note,
        *_empty_folder_notes(images),
        *_missing_class_notes(test, "test"),
    )
    return Splits(train, test, "test", notes)


def _every_tenth(labels: Sequence[int]) -> Iterator[int]:
    """Of each label the fifth, fifteenth, … index."""
    counts: dict[int, int] = {}
    for index, label in enumerate(labels):
        counts[label] = counts.get(label, 0) + 1
        if counts[label] % _HOLD_OUT_EVERY == _HOLD_OUT_EVERY // 2:
            yield index
