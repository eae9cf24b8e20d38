"""Libraries that speak while they work, kept quiet: what matters comes as an error."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(logger: str | None) -> Iterator[None]:
    """Without warnings of Python, and with errors alone of a `logger`; None is the root."""
    spoken = logging.getLogger(logger)
    level = spoken.level
    spoken.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        spoken.setLevel(level)
