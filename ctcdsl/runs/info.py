"""How and where a run was started: enough to repeat it from its folder alone."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import torch

from ctcdsl import __version__
from ctcdsl.checking import Network
from ctcdsl.codegen import generate
from ctcdsl.images import fingerprint
from ctcdsl.images.fingerprint import ImageRecord, digest
from ctcdsl.ir.printer import unparse
from ctcdsl.recipe import Recipe
from ctcdsl.text import UserError, error, reason

INFO, SPEC, ORIGINAL_SPEC, MODULE = "run.json", "spec.ctc", "original.ctc", "model.py"
"""The run info; the network in canonical form; the original spec; the generated module."""

_PACKAGES = ("torch", "numpy", "pillow", "safetensors", "simplejpeg")
_VARIABLES = ("CUBLAS_", "CUDA_", "KMP_", "MKL_", "NCCL_", "NVIDIA_TF32", "OMP_", "PYTORCH_")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesInfo:
    """Which images a run was trained and tested on."""

    training: int
    test: int
    digest: str
    """SHA-256 of names, classes and contents in their order (see `fingerprint`)."""
    tested_on: str = "test"
    """The split that the network was tested on after each epoch: val, or test without it."""

    @classmethod
    def of(cls, images: Sequence[ImageRecord]) -> Self:
        """The images of a list of both sets."""
        tested = [image.split for image in images if image.split != "train"]
        return cls(
            training=len(images) - len(tested),
            test=len(tested),
            digest=digest(images),
            tested_on=tested[0] if tested else "test",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A start of a run, or a resume: what was trained, how, and from which position."""

    parent: int | None
    """The number of the session whose checkpoint this one resumed; None for the first."""
    position: tuple[int, int]
    """Epochs done and steps of the next one, in that checkpoint."""
    recipe: dict[str, Any]
    data: str | None
    """The absolute path of the images; None for the embedded photographs."""
    images: ImagesInfo
    device: str
    started: str
    """Local time, ISO 8601."""
    command: str
    folder: str
    versions: dict[str, Any]
    environment: dict[str, Any]
    weights: dict[str, str] | None = None
    """What the run started from: the absolute `path`, and the `digest` of the tensors."""

    @property
    def threads(self) -> int:
        """How many threads computed: sums are rounded differently with another number."""
        return int(self.environment["threads"])

    def computes_as(self, other: SessionInfo) -> bool:
        """Whether `other`, resuming after this, computes as this one would have."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("recipe", "data", "images", "device", "threads")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The network of a run, and its sessions."""

    network: str
    sessions: tuple[SessionInfo, ...]

    @property
    def last(self) -> SessionInfo:
        """The last session: it has the current recipe and images of the run."""
        return self.sessions[-1]

    def to_text(self) -> str:
        """The file `INFO`; recipe and images of the last session come before the sessions."""
        last = asdict(self.last)
        values = {
            "network": self.network,
            **{name: last[name] for name in ("data", "images", "recipe", "device")},
            "sessions": [asdict(session) for session in self.sessions],
        }
        return json.dumps(values, indent=2) + "\n"

    def continued(self, session: SessionInfo) -> Self:
        """The info with one more session."""
        return replace(self, sessions=(*self.sessions, session))

    def lineage(self) -> tuple[tuple[SessionInfo, tuple[int, int] | None], ...]:
        """The sessions that the run is made of, each with the position where the next resumed.

        What a session trained after that position was lost, or is not part of the run. Sessions
        that compute the same are one. None is the end of the training.
        """
        lineage: list[tuple[SessionInfo, tuple[int, int] | None]] = []
        number: int | None = len(self.sessions) - 1
        until: tuple[int, int] | None = None
        while number is not None:
            session = self.sessions[number]
            if lineage and session.computes_as(lineage[0][0]):
                until = lineage.pop(0)[1]
            lineage.insert(0, (session, until))
            until, number = session.position, session.parent
        return tuple(lineage)


def read(run: Path) -> RunInfo:
    """The info in the folder `run`. Raises `UserError` CTC623 where it is missing or damaged."""
    path = run / INFO
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        sessions = tuple(map(_session, values["sessions"]))
        run_info = RunInfo(network=values["network"], sessions=sessions)
        for number, session in enumerate(sessions):
            Recipe.from_dict(session.recipe)
            if session.threads < 1 or not -1 < (session.parent or 0) < max(number, 1):
                raise ValueError
        if not sessions:
            raise ValueError
    except OSError as cause:
        raise info_error(path, f"cannot read the run's info: {reason(cause)}") from None
    except (ValueError, TypeError, KeyError, LookupError, AttributeError, UserError):
        raise info_error(path, "the run's info is damaged") from None
    return run_info


def tested_on(run: Path) -> str:
    """The split that the run was tested on after each epoch; ``test`` if its info is damaged."""
    try:
        return read(run).last.images.tested_on
    except UserError:
        return "test"


def files(network: Network, run_info: RunInfo, images: Sequence[ImageRecord]) -> dict[str, bytes]:
    """The files of a run beside its checkpoints: spec, module, info, list of images."""
    return {
        SPEC: unparse(network.architecture).encode(),
        MODULE: generate(network).encode(),
        INFO: run_info.to_text().encode(),
        fingerprint.FILE: fingerprint.to_bytes(images),
    }


def _session(values: dict[str, Any]) -> SessionInfo:
    images, (epoch, step) = ImagesInfo(**values.pop("images")), values.pop("position")
    return SessionInfo(images=images, position=(int(epoch), int(step)), **values)


def differences(session: SessionInfo, processes: int = 1) -> tuple[str, ...]:
    """What differs from an earlier session, and may change the last bits of its numbers.

    With several processes dropout draws other masks. Values that the info lacks do not differ.
    """
    now = _here(processes)
    return tuple(
        f"{name}: {before[name]} then, {value} now"
        for group, before, names in (
            ("versions", session.versions, _PACKAGES),
            ("environment", session.environment, ("processor", "gpus", "threads", "processes")),
        )
        for name, value in now[group].items()
        if name in names and before.get(name, value) != value
    )


def this_session(
    *,
    recipe: Recipe,
    data: str | None,
    images: ImagesInfo,
    device: str,
    parent: int | None = None,
    position: tuple[int, int] = (0, 0),
    processes: int = 1,
    weights: dict[str, str] | None = None,
) -> SessionInfo:
    """The session of this process, one of so many, with its command, versions and environment."""
    return SessionInfo(
        parent=parent,
        position=position,
        recipe=recipe.as_dict(),
        data=os.path.abspath(data) if data is not None else None,
        images=images,
        device=device,
        weights=weights,
        **_here(processes),
    )


def _here(processes: int) -> dict[str, Any]:
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
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
    """The variables that numeric libraries read; the others are private."""
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


def info_error(path: Path, message: str) -> UserError:
    """CTC623: the info at `path` does not say enough."""
    hint = f"name the folder of a run of `ctcdsl train`, which has a {INFO}"
    return error("CTC623", message, path=path, hint=hint)
