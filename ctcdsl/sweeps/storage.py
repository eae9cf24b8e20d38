"""Where the state of a sweep is: a study of Optuna in SQLite, in a journal, or in a database."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from ctcdsl.text import UserError, error

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage

DATABASE = "sweep.db"
"""In the folder of the sweep, unless another storage is named."""
JOURNAL = ".journal"
"""What the names of journal files end with."""
_PLAN = "plan"


def default_storage(folder: Path) -> str:
    """A database of SQLite in the folder of a sweep."""
    return f"sqlite:///{(folder / DATABASE).absolute()}"


def open_study(storage: str, name: str, plan: dict[str, Any]) -> Study:
    """The study of a sweep, made where it is missing; any number of processes may do so at once.

    Args:
        storage: The URL of a database, or the path of a journal file, which ends in `.journal`.
        name: Of the study: several sweeps may share a database.
        plan: What is to be trained, and how: the same for all processes.

    Raises:
        UserError: CTC681 the storage cannot be used; CTC682 it has a sweep by another plan.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = _path(storage)
    if path is not None and not path.parent.is_dir():
        raise _unusable(storage, f"there is no folder {path.parent}")
    lock = nullcontext() if path is None else FileLock(f"{path}.opening")  # `.lock` is Optuna's
    try:
        with warnings.catch_warnings(), lock:  # tables are made once
            warnings.simplefilter("ignore")
            study = optuna.create_study(
                storage=_opened(storage), study_name=name, direction="minimize", load_if_exists=True
            )
            there = study.user_attrs.get(_PLAN)
            if there is None:
                study.set_user_attr(_PLAN, _plain(plan))
                there = study.user_attrs[_PLAN]
    except UserError:
        raise
    except Exception as cause:  # whatever the drivers of databases raise
        raise _unusable(storage, f"{type(cause).__name__}: {_first_line(cause)}") from None
    _require_same(there, _plain(plan), storage)
    return study


@contextmanager
def reachable(storage: str) -> Iterator[None]:
    """Within this, a database that fails or goes away is a user's error.

    Raises:
        UserError: CTC681.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as failure:
        cause = failure.__cause__ or failure  # Optuna's own message guesses at the reason
        raise error(
            "CTC681",
            f"the storage fails: {_first_line(cause)}",
            path=_shown(storage),
            hint="what was trained is saved; once the storage is back, the same command continues",
        ) from None


def _path(storage: str) -> Path | None:
    """The file of a storage that is one."""
    if storage.endswith(JOURNAL) and "://" not in storage:
        return Path(storage)
    if storage.startswith("sqlite:///"):
        return Path(storage.removeprefix("sqlite:///"))
    return None


def _opened(storage: str) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if _path(storage) is not None and "://" not in storage:
        return JournalStorage(JournalFileBackend(storage))
    if "://" not in storage:
        raise _unusable(storage, "it is neither the URL of a database nor a journal file")
    options: dict[str, Any] = {"pool_pre_ping": True}  # a server may have started again meanwhile
    if storage.startswith("sqlite"):
        options = {"connect_args": {"timeout": 60}}
    try:
        return RDBStorage(storage, engine_kwargs=options)
    except ImportError as cause:
        raise _unusable(storage, f"its driver is not installed: {_first_line(cause)}") from None


def _plain(plan: dict[str, Any]) -> Any:
    return json.loads(json.dumps(plan))


def _require_same(there: dict[str, Any], plan: dict[str, Any], storage: str) -> None:
    """CTC682 where the plans differ, with what does."""
    if there == plan:
        return
    notes: list[str] = []
    for key in {**there, **plan}:
        old, new = there.get(key), plan.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
            notes += [
                f"{key} {name}: {old.get(name)} there, {new.get(name)} here" for name in names
            ]
        else:
            notes.append(f"{key}: {old} there, {new} here")
    raise error(
        "CTC682",
        "the storage has another sweep of this name",
        path=_shown(storage),
        notes=notes[:8],
        hint="sweep as before, or take another folder with --run",
    )


def _shown(storage: str) -> str:
    """A storage without a password."""
    scheme, separator, rest = storage.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else storage


def _first_line(cause: BaseException) -> str:
    return (str(cause).splitlines() or [""])[0]


def _unusable(storage: str, why: str) -> UserError:
    return error(
        "CTC681",
        f"the storage cannot be used: {why}",
        path=_shown(storage),
        hint="sqlite:///FILE, postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, or FILE.journal",
    )
