"""Where `grammar/` and `specs/` are: in the installed package, else in the checkout.

A wheel carries both inside the package; an editable install leaves them beside it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(*parts: str) -> Path:
    """The path of a file or folder such as ``resource("grammar", "ctc.lark")``."""
    inside = _PACKAGE.joinpath(*parts)
    return inside if inside.exists() else _PACKAGE.parent.joinpath(*parts)
