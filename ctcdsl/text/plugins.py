"""Plug-ins by entry points: built-in ones are registered exactly as third-party ones."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from ctcdsl.text.diagnostic import error


def entry_points_by_name(group: str, kind: str) -> dict[str, EntryPoint]:
    """The entry points of a group; `kind` is what messages call one of them: "pass".

    Raises:
        UserError: CTC502 where two packages bring one of the same name.
    """
    unique: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda p: (p.name, package_of(p))):
        if point.name in unique and package_of(unique[point.name]) != package_of(point):
            plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
            raise error(
                "CTC502",
                f"two {plural} are named `{point.name}`: one of"
                f" {package_of(unique[point.name])}, one of {package_of(point)}",
                hint="uninstall one of the packages",
            )
        unique[point.name] = point
    return unique


def package_of(point: EntryPoint) -> str:
    """The package that brings an entry point."""
    return point.dist.name if point.dist is not None else point.module.partition(".")[0]
