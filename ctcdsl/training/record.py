"""What a run was started with and where: enough to repeat it from its folder alone."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import torch

from ctcdsl import __version__
from ctcdsl.text.diagnostic import Diagnostic, UserError
from ctcdsl.training.data import ImageSet
from ctcdsl.training.recipe import Recipe

RECORD, SPEC, GIVEN, MODULE = "run.json", "spec.ctc", "given.ctc", "model.py"
"""The record; the network in canonical form; the spec as it was given; the generated module."""

_PACKAGES = ("torch", "numpy", "pillow", "safetensors", "simplejpeg")
_VARIABLES = ("CUBLAS_", "CUDA_", "KMP_", "MKL_", "NCCL_", "NVIDIA_TF32", "OMP_", "PYTORCH_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Which images a run was trained and tested on."""

    training: int
    test: int
    digest: str
    """SHA-256 of names and labels in their order: the same for the same files at another path."""
    tested_on: str = "test"
    """The split that the network was tested on after each epoch: val, or test without it."""

    @classmethod
    def of(cls, train: ImageSet, test: ImageSet, tested_on: str = "test") -> Self:
        """Those of both sets, of which the second is the split `tested_on`."""
        sums = hashlib.sha256()
        for images in (train, test):
            for index in range(len(images)):
                sums.update(f"{images.label(index)} {images.name(index)}\n".encode())
        return cls(
            training=len(train), test=len(test), digest=sums.hexdigest(), tested_on=tested_on
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How a run came to be."""

    network: str
    data: str | None
    """The absolute path of the images; None for the embedded photographs."""
    images: Images
    recipe: dict[str, Any]
    device: str
    sessions: tuple[dict[str, Any], ...]
    """Each start and each resume: command, versions, environment."""

    def text(self) -> str:
        """The record as a file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def continued(self, recipe: Recipe, processes: int = 1) -> Self:
        """The record of the run that so many processes, this one among them, go on with."""
        sessions = (*self.sessions, this_session(processes))
        return replace(self, recipe=recipe.as_dict(), sessions=sessions)

    @property
    def threads(self) -> int:
        """How many threads computed: sums are rounded differently with another number."""
        return int(self.sessions[0]["environment"]["threads"])


def read(run: Path) -> Record:
    """The record in the folder `run`. Raises `UserError` CTC623 where there is none to be read."""
    path = run / RECORD
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        images, sessions = Images(**values.pop("images")), tuple(values.pop("sessions"))
        record = Record(images=images, sessions=sessions, **values)
        Recipe.from_dict(record.recipe)
        if record.threads < 1:
            raise ValueError
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _unrepeatable(path, f"cannot read the run's record: {reason}") from None
    except (ValueError, TypeError, KeyError, LookupError, AttributeError):
        raise _unrepeatable(path, "the run's record is damaged") from None
    return record


def tested_on(run: Path) -> str:
    """The split that the run was tested on after each epoch, as far as its folder says."""
    try:
        return read(run).images.tested_on
    except UserError:
        return "test"


def require_same_images(record: Record, images: Images, run: Path) -> None:
    """Raise `UserError` CTC623 unless the images are those of the run."""
    if images != record.images:
        before, now = record.images, images
        raise UserError(
            Diagnostic(
                code="CTC623",
                message="the images are not those of the run",
                path=str(run),
                notes=(
                    f"then {before.training} train and {before.test} {before.tested_on} images,"
                    f" now {now.training} and {now.test} {now.tested_on}"
                    + ("; names or labels differ" * (before.training == now.training)),
                ),
                hints=("name the folder that has them with --data",),
            )
        )


def differences(record: Record, processes: int = 1) -> tuple[str, ...]:
    """What is not as it was when the run began, and may change the last bits of its numbers.

    Of several processes dropout draws other masks. What the record does not know is no difference.
    """
    now, before = this_session(processes), record.sessions[0]
    return tuple(
        f"{name}: {before[group][name]} then, {value} now"
        for group, names in (
            ("versions", _PACKAGES),
            ("environment", ("processor", "gpus", "threads", "processes")),
        )
        for name, value in now[group].items()
        if name in names and before[group].get(name, value) != value
    )


def this_session(processes: int = 1) -> dict[str, Any]:
    """Command, versions and environment of this process, one of so many."""
    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": shlex.join(sys.argv),
        "folder": os.getcwd(),
        "versions": {
            "ctcdsl": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in _PACKAGES},
            "cuda": torch.version.cuda,
        },
        "environment": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "processes": processes,
            "gpus": [
                torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())
            ],
            "variables": _variables(os.environ),
        },
    }


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that libraries of numbers read; nothing else is anybody's business."""
    return {
        name: value for name, value in sorted(environment.items()) if name.startswith(_VARIABLES)
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def _unrepeatable(path: Path, message: str) -> UserError:
    hint = f"name the folder of a run of `ctcdsl train`, which has a {RECORD}"
    return UserError(Diagnostic(code="CTC623", message=message, path=str(path), hints=(hint,)))
