"""What a training leaves in its run's folder beside weights, and whether its images are right."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ctcdsl.checking import Network
from ctcdsl.cli.order import Order, Resumed
from ctcdsl.cli.report import show
from ctcdsl.cli.workbench import Data
from ctcdsl.text import Diagnostic, Severity, UserError
from ctcdsl.text.plural import plural

if TYPE_CHECKING:
    from ctcdsl.cli.progress import Display
    from ctcdsl.distributed.processes import Processes
    from ctcdsl.images.fingerprint import ImageRecord
    from ctcdsl.runs.info import ImagesInfo, RunInfo, SessionInfo
    from ctcdsl.runs.schedule import Interval
    from ctcdsl.training.run import CheckpointPolicy


def list_images(
    data: Data, display: Display | None, workers: int | None, ranks: Processes
) -> tuple[ImageRecord, ...]:
    """The images with their contents; `display` shows how far reading them is."""
    from ctcdsl.images import fingerprint

    def progress(done: int, total: int) -> None:
        if display is not None:
            display.working("reading images", done * ranks.shard.world, total * ranks.shard.world)

    threads = max(1, (os.cpu_count() or 1) // ranks.shard.world) if workers is None else workers
    return fingerprint.list_images(
        data.splits.train,
        data.splits.test,
        tested_on=data.splits.tested_on,
        threads=threads,
        progress=progress,
        ranks=ranks,
    )


def require_images_of(order: Order, session: SessionInfo, images: tuple[ImageRecord, ...]) -> None:
    """Refuse to repeat a session on other images.

    Raises:
        UserError: CTC623.
    """
    from ctcdsl.runs.info import ImagesInfo

    now = ImagesInfo.of(images)
    if now != session.images:
        raise UserError(
            Diagnostic(
                code="CTC623",
                message="the images are not those of the run",
                path=order.data,
                notes=_changes(session, now, None, images),
                hints=("name the folder that has them with --data",),
            )
        )


def keeping_of(
    order: Order,
    network: Network,
    images: tuple[ImageRecord, ...],
    *,
    every: Interval,
    keep: int,
    device: str,
    processes: int,
) -> CheckpointPolicy:
    """The run's files: spec, module, images and record beside the weights they belong to.

    Raises:
        UserError: CTC624 where a run would be resumed with other images; CTC623 where its record
            is damaged.
    """
    import torch

    from ctcdsl.runs import info as records
    from ctcdsl.training.run import CheckpointPolicy

    seen = records.ImagesInfo.of(images)
    record = _record(order)
    resumed = order.resumed
    before = order.repeats
    if before is not None and device == "cpu":  # sums are rounded by how they are split
        torch.set_num_threads(before.threads)
    new_images = False
    if record is not None and resumed is not None:
        parent = record.sessions[min(resumed.session, len(record.sessions) - 1)]
        before = before or parent
        new_images = seen != parent.images
        if new_images:
            _require_allowed(order, resumed, parent, seen, images)
    for difference in records.differences(before, processes) if before else ():
        click.echo(f"note: {difference}; the last bits may differ", err=True)
    session = records.this_session(
        recipe=order.recipe,
        data=order.data,
        images=seen,
        device=device,
        parent=resumed.session if resumed and record else None,
        position=resumed.place if resumed else (0, 0),
        processes=processes,
    )
    if record is None:
        record = records.RunInfo(network=network.name, sessions=(session,))
    elif resumed is None or resumed.place[0] < order.recipe.last_epoch:
        record = record.continued(session)
    given = {records.ORIGINAL_SPEC: order.given.encode()} if order.given is not None else {}
    return CheckpointPolicy(
        every=every,
        last=keep,
        files={**given, **records.files(network, record, images)},
        session=len(record.sessions) - 1,
        new_images=new_images,
    )


def _record(order: Order) -> RunInfo | None:
    """What is recorded of a run that is resumed; None where it begins, or has no record."""
    from ctcdsl.runs import info as records

    if order.resumed is None or not (order.run / records.INFO).exists():
        return None
    return records.read(order.run)


def _require_allowed(
    order: Order,
    resumed: Resumed,
    parent: SessionInfo,
    now: ImagesInfo,
    images: tuple[ImageRecord, ...],
) -> None:
    """Refuse other images, or note them where the user allows them.

    Raises:
        UserError: CTC624.
    """
    from ctcdsl.images import fingerprint

    notes = _changes(parent, now, fingerprint.read(order.run), images)
    found = Diagnostic(
        code="CTC624",
        message="the images are not those that the run was trained on",
        path=str(order.run),
        notes=notes,
        hints=(
            "name the folder that has them with --data, or go on with these by"
            " --allow-changed-data, which is recorded",
        ),
    )
    if not order.allow_changed_data:
        raise UserError(found)
    if order.repeats is None:
        again = "; the epoch that was begun starts again" if resumed.place[1] else ""
        message = f"the run continues with other images{again}"
        show([found._replace(code="CTC918", message=message, hints=(), severity=Severity.NOTE)])


def _changes(
    session: SessionInfo,
    now: ImagesInfo,
    before: tuple[ImageRecord, ...] | None,
    images: tuple[ImageRecord, ...],
) -> tuple[str, ...]:
    """What became of the images: numbers, and names where the run has a list of them."""
    from ctcdsl.images import fingerprint

    then = session.images
    notes = [
        f"then {then.training} train and {plural(then.test, f'{then.tested_on} image')},"
        f" now {now.training} and {now.test} {now.tested_on}"
    ]
    if before is not None and type(then).of(before) == then:
        notes += fingerprint.differences(before, images)
    elif (then.training, then.test) == (now.training, now.test):
        notes.append("names, classes or contents differ")
    return tuple(notes)
