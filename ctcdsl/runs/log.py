"""The log of a run, a row an epoch: ``log.csv`` for people and ``log.jsonl`` for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ctcdsl.storage.atomic import write_atomic
from ctcdsl.text import UserError, error, reason

JSONL, CSV = "log.jsonl", "log.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One epoch, trained and tested. Losses are mean cross entropies in nats, errors shares."""

    epoch: int
    steps: int
    """Steps since the beginning."""
    images: int
    """Training images shown since the beginning."""
    learning_rate: float
    train_loss: float
    """Over the epoch's batches as they were trained on: augmented, with dropout."""
    train_top1_error: float
    """The same."""
    test_loss: float
    test_top1_error: float
    """Centre view."""
    test_top5_error: float
    """Centre view; top-k of k classes where there are fewer than five."""
    images_per_second: float
    """Training only."""
    data_wait: float
    """Share of the training time spent waiting for images."""
    seconds: float
    """Training and test."""


def write(run: Path, rows: Sequence[Row]) -> None:
    """Write both files of `run`, each atomically. Raises `UserError` CTC608."""
    lines = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    write_atomic(run / JSONL, lines.encode())
    text = io.StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(row) for row in rows)
    write_atomic(run / CSV, text.getvalue().encode())


def read(run: Path) -> tuple[Row, ...]:
    """The rows of `run`, none where it has no log. Raises `UserError` CTC610 for a damaged one."""
    path = run / JSONL
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as cause:
        message, hint = f"cannot read the log: {reason(cause)}", "make it readable"
        raise error("CTC610", message, path=path, hint=hint) from None
    except UnicodeDecodeError:
        raise _damaged(path, "the log is not text") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(Row(**json.loads(line)))
        except (ValueError, TypeError):
            raise _damaged(path, f"line {number} of the log is damaged") from None
    return tuple(rows)


def _damaged(path: Path, message: str) -> UserError:
    hint = "restore the file, or move the run's folder elsewhere and train again"
    return error("CTC610", message, path=path, hint=hint)
