"""Images a second of training and of the 10-view test, from files or packs to the end.

    python -m benchmarks.training FOLDER [--spec specs/J_prime.ctc] [--rounds 3] [--seconds 10]
        [--least 2] [--batch 16] [--at-once 4] [--threads 2] [--workers 2] [--device auto]
        [--options float32:off,bf16:on] [--work training,testing] [--peers PATH]

FOLDER holds images, at any depth; they are in memory before the clock starts. The ways (see
`usual`, `timm_loop`, `ours`) have turns, round by round. A turn is an epoch of as many images as
the usual way does in `--seconds`, two batches at least; nothing is read ahead before it begins.
What comes once (compiling, starting processes) is done before.

FLOPs are two a MAC of convolutions and fc layers, for ten views or, in training, for the three
products of a step; where views share layers less is computed than counted here. The rate of
matrix products is that of their precision, measured in the same round.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import NamedTuple

import torch

sys.path.insert(0, str(Path(__file__).parent))  # run as a module, too, it finds its neighbours
import ours
import timm_loop
import usual
from decode import every_image, packed, simplejpeg
from job import Job, Repeated
from turns import Rounds, Turn, Way, seconds, take

from ctcdsl.checking import check_source
from ctcdsl.execution.prepare import find_device
from ctcdsl.images.colour import Statistics, measure
from ctcdsl.metrics import network_cost
from ctcdsl.recipe import Recipe, Schedule
from ctcdsl.text.diagnostic import UserError
from ctcdsl.text.files import read_source

SPECS = ["specs/J_prime.ctc", "specs/peers/alexnet.ctc", "specs/peers/vgg16.ctc"]
SHORTER = 256
EPOCHS, IMAGENET = 75, 1_280_000


class Sources(NamedTuple):
    """The same images, stored in three ways."""

    files: Repeated
    jpeg: Repeated
    raw: Repeated
    statistics: Statistics

    def set_length(self, images: int) -> None:
        """A turn is over so many images from now on."""
        for each in (self.files, self.jpeg, self.raw):
            each.length = images


class Work(NamedTuple):
    """Training or testing."""

    name: str
    passes: int
    """Of a network, forward or as costly, for an image."""
    batch: Callable[[Job], int]
    usual: Callable[[Job, Repeated], Turn]
    timm: Callable[[ModuleType, Job, Repeated], Turn]
    ours: Callable[[Job, ours.Options, Statistics], ours.Turns]
    extrapolated: str
    """Heads a column of what a rate means for ImageNet."""
    extrapolate: Callable[[float], float]


WORKS = {
    "training": Work(
        "training",
        3,
        lambda job: job.recipe.batch,
        usual.training,
        timm_loop.training,
        ours.training,
        f"hours for {EPOCHS} epochs of ImageNet",
        lambda rate: EPOCHS * IMAGENET / rate / 3600,
    ),
    "testing": Work(
        "10-view test",
        10,
        lambda job: job.at_once,
        usual.testing,
        timm_loop.testing,
        ours.testing,
        "ms a view",
        lambda rate: 100 / rate,
    ),
}


@contextmanager
def stored(root: Path) -> Iterator[Sources]:
    """The images below `root`, packed for as long as this lasts; all of them were read."""
    folder = every_image(root)
    with tempfile.TemporaryDirectory() as name:
        jpeg = packed(folder, Path(name) / "jpeg", "jpeg")
        raw = packed(folder, Path(name) / "raw", "raw")
        files, packs = Repeated(folder, 0), (Repeated(jpeg, 0), Repeated(raw, 0))
        yield Sources(files, *packs, measure(folder, 50, shorter=256))


def ways(
    work: Work, job: Job, sources: Sources, options: Sequence[ours.Options], timm: ModuleType | str
) -> list[Way]:
    """What is compared, the usual way first; `timm` may be why it is missing."""
    found = [
        Way("usual: Pillow, DataLoader, eager NCHW", "float32", work.usual(job, sources.files))
    ]
    if isinstance(timm, str):
        found.append(Way("timm's parts", "float32", None, timm))
    else:
        found.append(Way("timm's parts", "float32", work.timm(timm, job, sources.files)))
    for option in options:
        turns = work.ours(job, option, sources.statistics)
        for images, name in (
            (sources.files, "JPEG files"),
            (sources.jpeg, "JPEG pack"),
            (sources.raw, "raw pack"),
        ):
            found.append(Way(f"ctcdsl, {name}, {option}", option.precision, turns(images)))
    return found


def compare(work: Work, job: Job, sources: Sources, given: argparse.Namespace) -> None:
    """Measure one work of one network, and print a table."""
    batch = work.batch(job)
    sources.set_length(batch)
    found = ways(work, job, sources, given.options, given.timm)
    first = found[0]
    assert first.turn is not None
    for _ in range(2):  # the first of them warms up
        taken = seconds(first.turn, job.device)
    images = batch * max(given.least, round(given.seconds / taken))
    # Tests see the images in one order, and prepare once for each size among them.
    sources.set_length(batch if work is WORKS["training"] else images)
    found = [first, *(warmed(way) for way in found[1:])]
    sources.set_length(images)
    rounds = take(found, images, given.rounds, job.device)
    name = job.network.name
    print(f"\n### {name}, {work.name}: {images} images a turn, in batches of {batch}\n")
    peaks = (f"{kind} {median(all) / 1e9:,.0f}" for kind, all in rounds.peaks.items())
    print(f"Matrix products, GFLOP/s: {', '.join(peaks)}.\n", flush=True)
    table(found, rounds, work, job)


def warmed(way: Way) -> Way:
    """The way, having had a turn; without one where that failed."""
    try:
        if way.turn is not None:
            way.turn()
    except UserError as error:
        return way._replace(turn=None, missing=error.diagnostics[0].message)
    return way


def table(found: Sequence[Way], rounds: Rounds, work: Work, job: Job) -> None:
    """Print what was found."""
    cost = network_cost(job.network)
    flops = 2 * (cost.macs + cost.macs_fc) * work.passes
    heads = [f"{work.name} of {job.network.name}", "images/s", "of the usual", "of matrix products"]
    if job.device.type == "cuda":
        heads.append(work.extrapolated)
    print(f"| {' | '.join(heads)} |")
    print(f"|---|{'---:|' * (len(heads) - 1)}")
    for way in found:
        if way.turn is None:
            print(f"| {way.name} | {way.missing} |{' |' * (len(heads) - 2)}")
            continue
        rate = rounds.rate(way)
        cells = [f"{rate:,.2f}", f"{rounds.ratio(way, found[0]):.2f}"]
        cells.append(f"{rounds.share(way, flops):.2f}")
        if job.device.type == "cuda":
            cells.append(f"{work.extrapolate(rate):,.3g}")
        print(f"| {way.name} | {' | '.join(cells)} |")


def machine(job: Job, rounds: int) -> str:
    """What it was measured on, and how."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    if job.device.type == "cuda":
        name += f" and {torch.cuda.get_device_name(job.device)}"
    return (
        f"{name}, {len(os.sched_getaffinity(0))} cores; torch {torch.__version__} with"
        f" {torch.get_num_threads()} threads, {job.recipe.workers} workers; batches of"
        f" {job.recipe.batch} in training, {job.at_once} in tests; medians of {rounds} rounds;"
        f" ours decode by {'simplejpeg' if simplejpeg else 'Pillow'}."
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Training and 10-view tests, from images to the end."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spec", action="append", help=f"may be repeated; {', '.join(SPECS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a turn of the usual way")
    parser.add_argument("--least", type=int, default=2, help="batches of a turn, at least")
    parser.add_argument("--batch", type=int, default=16, help="images, in training")
    parser.add_argument("--at-once", type=int, default=4, help="images, in tests")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--workers", type=int, default=2, help="processes; of ours, threads")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--options", help="PRECISION:COMPILE of ours, comma between")
    parser.add_argument("--work", default="training,testing")
    parser.add_argument("--peers", type=Path, help="a folder with timm and torchvision")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    device = find_device("auto") if given.device == "auto" else torch.device(given.device)
    compile = "graphs" if device.type == "cuda" else "on"
    texts = given.options or f"float32:off,bf16:{compile}"
    given.options = [ours.Options.parse(text) for text in texts.split(",")]
    try:
        given.timm = timm_loop.load(given.peers)
    except ImportError:
        given.timm = "not installed"
    # A small rate: what is learned is of no matter, but numbers must stay finite.
    recipe = Recipe(
        batch=given.batch,
        workers=given.workers,
        resize=SHORTER,
        schedule=Schedule(((1, 0.001),)),
    )
    with stored(given.folder) as sources:
        for number, spec in enumerate(given.spec or SPECS):
            (network,) = check_source(read_source(spec)).networks
            job = Job(
                network=network,
                recipe=recipe,
                at_once=given.at_once,
                device=device,
                root=given.folder,
            )
            if number == 0:
                print(machine(job, given.rounds))
            for work in given.work.split(","):
                compare(WORKS[work], job, sources, given)
                torch.compiler.reset()  # else it keeps networks that were compiled


if __name__ == "__main__":
    main()
