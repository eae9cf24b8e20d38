"""The registered exporters: built-in and third-party ones, by one entry point group."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path

from ctcdsl.exporters.base import Exporter
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import error
from ctcdsl.text.packages import require_packages
from ctcdsl.text.plugins import entry_points_by_name, package_of

GROUP = "ctcdsl.exporters"
_PARTS = (
    *("name", "summary", "suffix", "packages", "extra", "quantises", "precisions"),
    *("write", "open"),
)


@cache
def registered() -> dict[str, EntryPoint]:
    """The entry point of each target, by name. Raises `UserError` CTC502 for two of one name."""
    return entry_points_by_name(GROUP, "exporter")


def find_exporter(name: str) -> Exporter:
    """The exporter of a target, whose packages are installed.

    Raises:
        UserError: CTC761 there is no such target; CTC503 it cannot be loaded; CTC615 a package
            is missing.
    """
    known = registered()
    if name not in known:
        hint = did_you_mean(name, known, f"it is {', '.join(known)}")
        raise error("CTC761", f"there is no target `{name}` to export for", hint=hint)
    exporter = _load(known[name])
    _require(exporter)
    return exporter


def exporter_of(path: Path) -> Exporter:
    """The exporter that opens a file, by its suffix.

    Raises:
        UserError: CTC765 no exporter has this suffix; CTC503 and CTC615 as `find_exporter`.
    """
    suffixes = []
    for point in registered().values():
        exporter = _load(point)
        if path.suffix == exporter.suffix:
            _require(exporter)
            return exporter
        suffixes.append(exporter.suffix)
    raise error(
        "CTC765",
        "this is neither the folder of a run nor an exported file",
        path=path,
        hint=f"files of `ctcdsl export` end in {', '.join(dict.fromkeys(suffixes))}",
    )


def _load(point: EntryPoint) -> Exporter:
    subject = f"the exporter `{point.name}` of {package_of(point)}"
    try:
        exporter = point.load()()
    except Exception as cause:  # whatever a third-party module raises
        raise error(
            "CTC503",
            f"{subject} cannot be loaded: {type(cause).__name__}: {cause}",
            hint="install the package again, or uninstall it",
        ) from cause
    missing = [part for part in _PARTS if not hasattr(exporter, part)]
    wrong = f"lacks {', '.join(missing)}" if missing else ""
    if not missing and exporter.name != point.name:
        wrong = f"calls itself `{exporter.name}`"
    if wrong:
        hint = "`ctcdsl.exporters.base.Exporter` says what an exporter is"
        raise error("CTC503", f"{subject} {wrong}", hint=hint)
    loaded: Exporter = exporter
    return loaded


def _require(exporter: Exporter) -> None:
    require_packages(f"the target {exporter.name}", *exporter.packages, extra=exporter.extra)
