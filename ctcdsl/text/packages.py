"""Packages that only some commands need: an error says how to install them."""

from __future__ import annotations

from importlib.util import find_spec

from ctcdsl.text.diagnostic import error


def require_packages(
    purpose: str, *packages: str, extra: str = "train", code: str = "CTC615"
) -> None:
    """Fail where a package is not installed.

    Args:
        purpose: What needs them, as the message's subject: "training".
        packages: Their import names.
        extra: The extra of ctcdsl that installs them.
        code: The diagnostic's.

    Raises:
        UserError: It names the first package that is missing.
    """
    for package in packages:
        if find_spec(package) is None:
            raise error(
                code,
                f"{purpose} needs the package {package}, which is not installed",
                hint=f"pip install 'ctcdsl[{extra}]'",
            )
