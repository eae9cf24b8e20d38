"""Every diagnostic code, as its page under `explain/` has it.

0xx: text and syntax; 1xx: names and numbers; 2xx: geometry; 3xx: structure; 4xx: rewrites;
5xx: plug-ins and packages; 6xx: data, training and files; 9xx: notes and warnings.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_PAGES = files("ctcdsl").joinpath("explain")


@cache
def codes() -> tuple[str, ...]:
    """The codes in their order."""
    return tuple(sorted(page.name.removesuffix(".md") for page in _PAGES.iterdir()))


def page(code: str) -> str:
    """The page of a code, as Markdown."""
    return _PAGES.joinpath(f"{code}.md").read_text("utf-8")


def title(code: str) -> str:
    """What a code is about: `a window larger than its map`."""
    return page(code).partition("\n")[0].removeprefix(f"# {code}: ")
