"""Gather the pages of the documentation site: `python docs/gather.py FOLDER`.

The pages are files of the repository. Links between them become links of the site; a link to any
other file becomes its text. The pages of the reference and of the codes' list are written here.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import ctcdsl
from ctcdsl.text import codes

ROOT = Path(__file__).parent.parent
PLAYGROUND = ROOT / "build" / "playground"
PLAYGROUND_LINK = (
    '<a href="playground/index.html" class="md-button">Open the playground</a>'
    ' <a href="playground/ctcdsl.html" download>one file of it, to keep</a>'
)
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
GROUPS = {
    "0": "Text and syntax",
    "1": "Names and numbers",
    "2": "Geometry",
    "3": "Structure",
    "4": "Rewrites",
    "5": "Plug-ins",
    "6": "Data, training and files",
    "7": "Cost, budgets and export",
    "9": "Notes and warnings",
}


def pages() -> dict[Path, Path]:
    """Each file that is shown, and its place on the site."""
    places = {
        ROOT / "README.md": Path("index.md"),
        ROOT / "grammar" / "README.md": Path("grammar.md"),
        ROOT / "benchmarks" / "README.md": Path("benchmarks.md"),
        ROOT / "benchmarks" / "training.md": Path("benchmarks-training.md"),
        ROOT / "benchmarks" / "cost.md": Path("benchmarks-cost.md"),
        ROOT / "benchmarks" / "latency.md": Path("benchmarks-latency.md"),
        ROOT / "benchmarks" / "memory.md": Path("benchmarks-memory.md"),
        ROOT / "benchmarks" / "export.md": Path("benchmarks-export.md"),
        ROOT / "benchmarks" / "search.md": Path("benchmarks-search.md"),
        ROOT / "benchmarks" / "cifar" / "compare.png": Path("compare.png"),
        ROOT / "ctcdsl" / "images" / "sample" / "LICENSES.md": Path("photographs.md"),
    }
    for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY"):
        places[ROOT / f"{name}.md"] = Path(f"{name.lower()}.md")
    for path in (ROOT / "docs").iterdir():
        if path.suffix in (".md", ".svg", ".png", ".css"):
            places[path] = Path(path.name)
    places[ROOT / "docs" / "tour.ipynb"] = Path("tour.md")
    for path in (ROOT / "ctcdsl" / "explain").glob("*.md"):
        places[path] = Path("errors", path.name)
    return places


def on_site(text: str, path: Path, places: dict[Path, Path]) -> str:
    """The text of a page with its links as they are on the site."""

    def link(match: re.Match[str]) -> str:
        target = (path.parent / match[1]).resolve()
        if match[1].startswith("https://"):
            return match[0]
        if target not in places:
            assert target.exists(), f"{path}: {match[1]}"
            return "](#)"
        up = "../" * len(places[path].parent.parts)
        return f"]({up}{places[target].as_posix()}{match[2] or ''})"

    text = LINK.sub(link, text)
    return re.sub(r"(?<!!)\[([^\]]*)\]\(#\)", r"\1", text)


def codes_page() -> str:
    """The list of all diagnostic codes."""
    lines = ["# Error codes", "", "`ctcdsl explain CODE` prints a page in the terminal."]
    for digit, group in GROUPS.items():
        lines += ["", f"## {group}", "", "| code | about |", "|---|---|"]
        lines += [
            f"| [{code}]({code}.md) | {codes.title(code).replace('|', chr(92) + '|')} |"
            for code in codes.codes()
            if code[3] == digit
        ]
    return "\n".join(lines) + "\n"


def reference() -> str:
    """The public names of the library, functions before classes."""
    lines = ["# Python reference", "", "See the [guide](python.md) for examples."]
    for title, lower in (("Functions", True), ("Classes", False)):
        lines += ["", f"## {title}"]
        lines += [f"\n::: ctcdsl.{name}" for name in ctcdsl.__all__ if name[0].islower() == lower]
    return "\n".join(lines) + "\n"


def passes() -> str:
    """The names that a pass imports."""
    return "# Reference for passes\n\nSee [writing a pass](writing-a-pass.md).\n" + "".join(
        f"\n::: {name}\n    options:\n      heading_level: 2\n      show_root_heading: true\n"
        for name in ("ctcdsl.passes", "ctcdsl.passes.stage_view", "ctcdsl.passes.widths")
    )


def from_notebook(text: str) -> str:
    """A notebook as Markdown, each output as the richest of its forms."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            forms = output.get("data", {"text/plain": output.get("text")})
            for form in ("image/svg+xml", "text/html"):
                if form in forms:
                    html = "".join(forms[form]).replace("\n\n", "\n")
                    parts.append(f"<div>{html}</div>")
                    break
            else:
                parts.append("```text\n" + "".join(forms["text/plain"]).rstrip() + "\n```")
    return "\n\n".join(parts) + "\n"


def main(folder: Path) -> None:
    """Write the pages to a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "errors").mkdir(parents=True)
    places = pages()
    for path, place in places.items():
        if place.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".ipynb":
                text = from_notebook(text)
            (folder / place).write_text(on_site(text, path, places), encoding="utf-8")
        else:
            shutil.copy(path, folder / place)
    if PLAYGROUND.exists():
        shutil.copytree(PLAYGROUND, folder / "playground")
        shutil.copy(PLAYGROUND.with_suffix(".html"), folder / "playground" / "ctcdsl.html")
        page = folder / "playground.md"
        title, rest = page.read_text(encoding="utf-8").split("\n", 1)
        page.write_text(f"{title}\n\n{PLAYGROUND_LINK}\n{rest}", encoding="utf-8")
    for name, text in (
        ("errors/index.md", codes_page()),
        ("reference.md", reference()),
        ("reference-passes.md", passes()),
    ):
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
