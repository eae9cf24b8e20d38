"""Which split is trained on, which one that is tested on, and which one is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ctcdsl.images.datasets import find_dataset, missing_split, skipped_files_of
from ctcdsl.images.folders import ImageFolder
from ctcdsl.images.image_set import (
    FileBacked,
    ImageSet,
    Subset,
    class_differences,
    class_mismatch,
    first_names,
    images_per_class,
    relabelled,
)
from ctcdsl.images.skipped_files import SkippedFiles, skipped_notes
from ctcdsl.images.split_names import SPLITS, Split, split_of
from ctcdsl.text.diagnostic import Diagnostic, Severity, UserError

_HOLD_OUT_EVERY = 10  # of images without splits, one of a class in so many is kept for testing


@dataclass(frozen=True, slots=True)
class Splits:
    """A training set, a set of the same classes to test it on, and what is to be known of them."""

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
    found = find_dataset(root)
    parts = found.by_split
    if "all" in parts:
        return _hold_out(root, parts["all"](), found.outside)
    if "train" not in parts:
        raise missing_split(root, "nothing to train on", wanted="train", there=parts)
    tested_on: Split = "val" if "val" in parts else "test"
    if tested_on not in parts:
        raise missing_split(root, "nothing to test on", wanted="val or test", there=parts)
    train, other = parts["train"](), parts[tested_on]()
    images, notes = select_classes(other, train.classes, tested_on, "train", root)
    passed_over = SkippedFiles.of(
        (found.outside, *(skipped_files_of(each) for each in (train, other)))
    )
    return Splits(
        train, images, tested_on, (*skipped_notes(passed_over), *_empty_folder_notes(train), *notes)
    )


def open_split(root: Path, split: Split | None, classes: tuple[str, ...]) -> ChosenSplit:
    """The images at `root` that a network for `classes` is evaluated on.

    Those of `split`; without one those of test, else val. Where images are not split, train is
    what training takes of them, and test what it holds out.

    Raises `UserError` as `datasets.open_dataset`; CTC636 where there is no such split; CTC607 where
    no image is of any of the classes.
    """
    found = _opened(root, split)
    images, notes = select_classes(found.images, classes, found.split, "the run", root, "CTC607")
    return ChosenSplit(images, found.split, (*found.notes, *notes))


def _opened(root: Path, split: Split | None) -> ChosenSplit:
    """The images of `open_split`, of all classes."""
    found = find_dataset(root)
    parts = found.by_split
    if "all" not in parts:
        chosen = _choose(
            root, split, tuple(parts), [name for name in parts if name != "train"][-1:]
        )
        images = parts[chosen]()
        passed_over = SkippedFiles.of((found.outside, skipped_files_of(images)))
        return ChosenSplit(images, chosen, skipped_notes(passed_over))
    own = split_of(root.resolve().name)
    if own is not None and split in (None, own):  # DIR/test given as it is
        images = parts["all"]()
        return ChosenSplit(
            images, own, skipped_notes(SkippedFiles.of((found.outside, skipped_files_of(images))))
        )
    chosen = _choose(root, split, ("train", "test"), ("test",))
    splits = _hold_out(root, parts["all"](), found.outside)
    return ChosenSplit(splits.train if chosen == "train" else splits.test, chosen, splits.notes)


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
    """The `images` of `split` that are of `classes`, those of `other`, and what is to be known.

    An image of another class could only be a mistake of the network: it is left out, and a
    warning says so. Raises `UserError` of `code` where none are left.
    """
    found = relabelled(images, classes)
    notes: list[Diagnostic] = []
    if left_out := len(images) - len(found):
        known = set(classes)
        per_class = images_per_class(images)
        names = [name for name, count in per_class.items() if count and name not in known]
        if not len(found):
            message = f"no {split} image is of a class of {other}"
            raise UserError(
                class_mismatch(message, class_differences(classes, names, other, split), str(root))
                .diagnostics[0]
                ._replace(code=code)
            )
        several = len(names) > 1
        notes.append(
            _class_note(
                f"{_counted(len(names))} only in {split}, not in {other}: {first_names(names)};"
                f" {'their' if several else 'its'} {left_out} image{'s' * (left_out > 1)}"
                f" {'are' if left_out > 1 else 'is'} left out",
                Severity.WARNING,
            )
        )
    return found, (*notes, *_missing_class_notes(found, split))


def _missing_class_notes(images: ImageSet, split: Split) -> Iterator[Diagnostic]:
    """A note on the classes without images."""
    names = [name for name, count in images_per_class(images).items() if not count]
    if names:
        total = len(images.classes)
        yield _class_note(
            f"{len(names)} of {total} classes {'have' if len(names) > 1 else 'has'} no {split}"
            f" images: {first_names(names)}; the {split} error is that of the others",
            Severity.NOTE,
        )


def _class_note(message: str, severity: Severity) -> Diagnostic:
    return Diagnostic(code="CTC915", message=message, severity=severity)


def _counted(classes: int) -> str:
    return f"{classes} classes are" if classes > 1 else "1 class is"


def _choose(root: Path, asked: Split | None, there: Sequence[str], default: Sequence[str]) -> Split:
    """The split `asked` for, else the default; `UserError` CTC636 where that is not `there`."""
    for split in SPLITS:
        if split in there and (split == asked or (asked is None and split in default)):
            return split
    wanted = asked or "test or val"
    others = " or ".join(f"--split {split}" for split in there)
    raise UserError(
        Diagnostic(
            code="CTC636",
            message=f"there are no {wanted} images, only {' and '.join(there)}",
            path=str(root),
            hints=(f"evaluate on what is there: {others}",),
        )
    )


def _empty_folder_notes(train: FileBacked) -> Iterator[Diagnostic]:
    """A note on the class folders of the training images that hold none."""
    names = train.empty if isinstance(train, ImageFolder) else ()
    if names:
        several = len(names) > 1
        yield _class_note(
            f"{len(names)} folder{'s' * several} without images"
            f" {'are no classes' if several else 'is no class'}: {first_names(names)}",
            Severity.NOTE,
        )


def _hold_out(root: Path, whole: FileBacked, beside: SkippedFiles) -> Splits:
    held_out = set(_every_tenth([whole.label(index) for index in range(len(whole))]))
    if not held_out:
        raise UserError(
            Diagnostic(
                code="CTC601",
                message="too few images to hold some out for testing",
                path=str(root),
                notes=(f"no class has {_HOLD_OUT_EVERY // 2} images",),
                hints=("put training images in train/CLASS/ and test images in val/CLASS/",),
            )
        )
    train_indices = tuple(index for index in range(len(whole)) if index not in held_out)
    note = Diagnostic(
        code="CTC915",
        message=f"{root} has no train/ and val/: every tenth image of a class ({len(held_out)} in"
        " all) is held out for testing",
        severity=Severity.NOTE,
    )
    train, test = Subset(whole, train_indices), Subset(whole, tuple(sorted(held_out)))
    passed_over = SkippedFiles.of((beside, skipped_files_of(whole)))
    notes = (
        *skipped_notes(passed_over),
        note,
        *_empty_folder_notes(whole),
        *_missing_class_notes(test, "test"),
    )
    return Splits(train, test, "test", notes)


def _every_tenth(labels: Sequence[int]) -> Iterator[int]:
    """Of each label the fifth, fifteenth, … index."""
    seen: dict[int, int] = {}
    for index, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] % _HOLD_OUT_EVERY == _HOLD_OUT_EVERY // 2:
            yield index
