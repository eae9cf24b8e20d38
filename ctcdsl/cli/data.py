"""`ctcdsl data`: look at images before training, and pack them to be read fast."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ctcdsl.cli.options import format_option
from ctcdsl.text.packages import require_packages
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from ctcdsl.images.dataset_check import DatasetReport, SplitReport

_SHOWN = 5  # names in the text; JSON has all of them
_CLASSES = 20  # rows of the table of classes

_workers_option = click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=lambda: os.cpu_count() or 1,
    show_default="one a core",
    help="Threads that decode.",
)


@click.group("data")
def command() -> None:
    """Check images, or pack them to be read fast."""


def _prepare() -> None:
    require_packages("reading images", "torch", "numpy", "PIL", "rich")
    gc.enable()


@command.command("pack", short_help="Pack all images of DIR into one file.")
@click.argument("folder", metavar="DIR")
@click.argument("out", metavar="OUT")
@click.option(
    "--shorter",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Scale shorter sides down to this; smaller images stay as they are.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Of the JPEG images in the pack.",
)
@click.option(
    "--raw", is_flag=True, help="Pixels instead of JPEG: seven times as large, ten times as fast."
)
@click.option(
    "--max-corrupt",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Share of unreadable images, which are left out, above which packing stops.",
)
@_workers_option
def pack_command(
    folder: str,
    out: str,
    shorter: int,
    quality: int,
    raw: bool,
    max_corrupt: float,
    workers: int,
) -> int:
    """Write all images of DIR, scaled, to the one file OUT, which --data takes.

    DIR is what --data takes: class folders, with train/ and test/ or without, or tar shards.
    Interrupted, the same command resumes; OUT appears when it is complete.
    """
    _prepare()
    from ctcdsl.cli.progress import Display
    from ctcdsl.images.datasets import open_dataset
    from ctcdsl.images.packing import PackOptions, pack

    form = PackOptions(encoding="raw" if raw else "jpeg", shorter=shorter, quality=quality)
    parts = open_dataset(Path(folder))
    try:
        with Display() as display:
            packed = pack(
                parts,
                Path(out),
                form,
                workers=workers,
                max_corrupt=max_corrupt,
                on_skipped=display.left_out,
                progress=lambda done, total: display.working("packing", done, total),
            )
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command resumes from {out}.part", err=True)
        raise
    click.echo(
        f"{out}: {plural(packed.images, 'image')}, {packed.size / 1e6:,.1f} MB"
        + (f", {packed.skipped} skipped" if packed.skipped else "")
        + (f", {packed.resumed} of them packed before" if packed.resumed else "")
    )
    return 0


@command.command("check", short_help="Decode all images of DIR, and count them.")
@click.argument("folder", metavar="DIR")
@click.option(
    "--crop",
    type=click.IntRange(min=1),
    default=224,
    show_default=True,
    help="Images whose shorter side is below this are tiny.",
)
@_workers_option
@format_option("text", "json")
def check_command(folder: str, crop: int, workers: int, form: str) -> int:
    """Decode every image of DIR; count classes, name what is corrupt or odd.

    DIR is what --data takes, packs included. Only corrupt images are an error (exit code 1): grey,
    CMYK and small ones are trained on, and a wrong suffix does not matter, but you may not have
    meant them.
    """
    _prepare()
    from ctcdsl.cli.progress import Display
    from ctcdsl.images.dataset_check import check_dataset
    from ctcdsl.images.datasets import find_dataset

    parts = find_dataset(Path(folder))
    with Display() as display:
        report = check_dataset(
            {split: opened() for split, opened in parts.by_split.items()},
            outside=parts.outside,
            crop=crop,
            workers=workers,
            progress=lambda done, total: display.working("checking", done, total),
        )
    click.echo(_as_json(report) if form == "json" else _as_text(report, crop))
    return 1 if report.corrupt else 0


def _as_json(report: DatasetReport) -> str:
    splits = {}
    for split, of_split in report.splits.items():
        splits[split] = dataclasses.asdict(of_split) | {"skipped": of_split.skipped.as_json()}
    values = {
        "splits": splits,
        "skipped": report.skipped.as_json(),
        "duplicates": report.duplicates,
        "duplicates_across": report.cross_split,
    }
    return json.dumps(values, indent=2)


def _as_text(report: DatasetReport, crop: int) -> str:
    lines = []
    for split, of_split in report.splits.items():
        counts = [number for number in of_split.per_class.values() if number]
        lines.append(
            f"{split}: {plural(of_split.images, 'image')} in {plural(len(counts), 'class')},"
            f" {min(counts)} to {max(counts)} a class"
        )
        lines += _oddities(of_split, crop)
    lines += _per_class(report)
    if report.duplicates:
        lines.append(
            f"duplicates: {plural(len(report.duplicates), 'image')} stored more than once,"
            f" {report.cross_split} of them in several splits or classes"
        )
        lines += _some([" = ".join(group) for group in report.duplicates])
    if (skipped := report.skipped).total:
        lines.append(str(skipped))
        for kind, names in sorted(skipped.names.items()):
            more = skipped.counts[kind] - len(names)
            rest = f" and {more} more" if more > 0 else ""
            lines.append(f"    {kind}: {', '.join(names)}{rest}")
    return "\n".join(lines)


def _per_class(report: DatasetReport) -> list[str]:
    """A row a class with its images in each split; of many classes those with gaps first."""
    from ctcdsl.cli.tables import as_text
    from ctcdsl.metrics.tables import Table

    splits = list(report.splits)
    names = sorted({name for of_split in report.splits.values() for name in of_split.per_class})
    counts = {
        name: [report.splits[split].per_class.get(name, 0) for split in splits] for name in names
    }
    gaps = [name for name in names if 0 in counts[name]]
    if len(names) > _CLASSES:
        names = [*gaps, *(name for name in names if 0 not in counts[name])][:_CLASSES]
    rows = tuple((name, *map(str, counts[name])) for name in names)
    lines = as_text(Table(("class", *splits), rows, frozenset({"class"}))).splitlines()
    if more := len(counts) - len(names):
        lines.append(f"and {more} more classes")
    for split in splits:
        missing = [name for name in gaps if not report.splits[split].per_class.get(name, 0)]
        if missing:
            lines.append(f"classes without {split} images: {len(missing)}")
            lines += _some(missing)
        if empty := [name for name in report.splits[split].empty if name not in counts]:
            lines.append(f"folders without images in {split}, which are not classes: {len(empty)}")
            lines += _some(empty)
    return lines


def _oddities(of_split: SplitReport, crop: int) -> list[str]:
    groups = (
        ("corrupt", [f"{name}: {why}" for name, why in of_split.corrupt]),
        ("greyscale", of_split.greyscale),
        ("CMYK", of_split.cmyk),
        (f"smaller than {crop}", [f"{name}: {w}x{h}" for name, w, h in of_split.tiny]),
        (
            "other format than the name says",
            [f"{name}: {kind}" for name, kind in of_split.mislabelled],
        ),
    )
    lines = []
    for title, names in groups:
        if names:
            lines.append(f"  {title}: {len(names)}")
            lines += _some(names)
    return lines


def _some(names: list[str]) -> list[str]:
    lines = [f"    {name}" for name in names[:_SHOWN]]
    if more := len(names) - len(lines):
        lines.append(f"    and {more} more")
    return lines
