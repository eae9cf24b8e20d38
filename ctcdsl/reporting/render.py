"""The templates of pages: everything that they show is escaped."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: object) -> str:
    """Return the HTML of a template, `page.html`, with values filled in."""
    return _environment().get_template(f"{template}.jinja").render(values)


def asset(name: str) -> str:
    """The text of a style sheet or script of the templates' folder."""
    return (files("ctcdsl.reporting") / "templates" / name).read_text(encoding="utf-8")


def digest(script: str) -> str:
    """The digest by which a page allows its own script, and no other."""
    return "sha256-" + b64encode(sha256(script.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("ctcdsl.reporting"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=True,
    )
