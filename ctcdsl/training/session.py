"""What a training leaves in its run's folder beside weights, and whether its images are right."""

from __future__ import annotations

import torch

from ctcdsl.checking import Network
from ctcdsl.execution.events import Callback
from ctcdsl.images import fingerprint
from ctcdsl.images.fingerprint import ImageRecord
from ctcdsl.runs import info
from ctcdsl.runs.info import ImagesInfo, RunInfo, SessionInfo
from ctcdsl.text import Severity, error
from ctcdsl.text.plural import plural
from ctcdsl.training.config import ResumePoint, RunConfig
from ctcdsl.training.run import CheckpointPolicy


def checkpoint_policy(
    config: RunConfig,
    network: Network,
    images: tuple[ImageRecord, ...],
    device: torch.device,
    processes: int,
    callback: Callback,
) -> CheckpointPolicy:
    """When to save, and the run's files: spec, module, images and how it was started.

    Raises:
        UserError: CTC624 where a run would be resumed with other images; CTC623 where its record
            is damaged.
    """
    now = ImagesInfo.of(images)
    resumed, before = config.resumed, config.repeats
    if before is not None and device.type == "cpu":  # sums are rounded by how they are split
        torch.set_num_threads(before.threads)
    record: RunInfo | None = None
    if resumed is not None and (config.run / info.INFO).exists():
        record = info.read(config.run)
    new_images = False
    if record is not None and resumed is not None:
        parent = record.sessions[min(resumed.session, len(record.sessions) - 1)]
        before = before or parent
        new_images = now != parent.images
        if new_images:
            _require_allowed(config, resumed, parent, images, callback)
    for difference in info.differences(before, processes) if before else ():
        callback.on_note(f"{difference}; the last bits may differ")
    session = info.this_session(
        recipe=config.recipe,
        data=config.data,
        images=now,
        device=device.type,
        parent=resumed.session if resumed and record else None,
        position=resumed.position if resumed else (0, 0),
        processes=processes,
        weights=config.initial.record if config.initial and not resumed else None,
    )
    if record is None:
        record = RunInfo(network=network.name, sessions=(session,))
    elif resumed is None or resumed.position[0] < config.recipe.last_epoch:
        record = record.continued(session)
    original = {info.ORIGINAL_SPEC: config.spec.encode()} if config.spec is not None else {}
    return CheckpointPolicy(
        every=config.every,
        last=config.keep,
        files={**original, **info.files(network, record, images)},
        session=len(record.sessions) - 1,
        new_images=new_images,
    )


def require_images_of(
    session: SessionInfo, images: tuple[ImageRecord, ...], path: str | None
) -> None:
    """Raise `UserError` CTC623 unless `images` are those of the session that is repeated."""
    if ImagesInfo.of(images) != session.images:
        raise error(
            "CTC623",
            "the images are not those of the run",
            path=path,
            notes=_changes(session, None, images),
            hint="name the folder that has them with --data",
        )


def _require_allowed(
    config: RunConfig,
    resumed: ResumePoint,
    parent: SessionInfo,
    images: tuple[ImageRecord, ...],
    callback: Callback,
) -> None:
    """Raise `UserError` CTC624 for other images, or note them where the user allows them."""
    changed = error(
        "CTC624",
        "the images are not those that the run was trained on",
        path=config.run,
        notes=_changes(parent, fingerprint.read(config.run), images),
        hint="name the folder that has them with --data, or resume with these by"
        " --allow-changed-data, which is recorded",
    )
    if not config.allow_changed_data:
        raise changed
    if config.repeats is None:
        again = "; the epoch that was begun starts again" if resumed.position[1] else ""
        callback.on_warning(
            changed.diagnostics[0]._replace(
                code="CTC918",
                message=f"the run continues with other images{again}",
                hints=(),
                severity=Severity.NOTE,
            )
        )


def _changes(
    session: SessionInfo,
    before: tuple[ImageRecord, ...] | None,
    images: tuple[ImageRecord, ...],
) -> tuple[str, ...]:
    """What became of the images: numbers, and names where the run has a list of them."""
    then, now = session.images, ImagesInfo.of(images)
    notes = [
        f"then {then.training} train and {plural(then.test, f'{then.tested_on} image')},"
        f" now {now.training} and {now.test} {now.tested_on}"
    ]
    if before is not None and ImagesInfo.of(before) == then:
        notes += fingerprint.differences(before, images)
    elif (then.training, then.test) == (now.training, now.test):
        notes.append("names, classes or contents differ")
    return tuple(notes)
