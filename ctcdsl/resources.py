"""Where `grammar/` and `specs/` are: in the installed package, else in the checkout.

A wheel carries both inside the package; an editable install leaves them beside it.
"""

from __future__ import annotations

import os.path

_PACKAGE = os.path.dirname(__file__)


def resource(*parts: str) -> str:
    """The path of a file or folder such as ``resource("grammar", "ctc.lark")``."""
    inside = os.path.join(_PACKAGE, *parts)
    return inside if os.path.exists(inside) else os.path.join(os.path.dirname(_PACKAGE), *parts)
