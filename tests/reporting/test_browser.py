"""The page in a browser: it sorts, and fits on a phone. Without Chromium nothing is tested."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import ctcdsl

CHROMIUM: str = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
PROBE = """<script>
const [table, ...others] = document.querySelectorAll("table");
const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent).join(" ");
const click = (column) => table.tHead.rows[0].cells[column].querySelector("button").click();
const said = [names()];
for (const column of [2, 2, 8, 8, 0]) { click(column); said.push(names()); }
const root = document.documentElement;
const wide = [...document.querySelectorAll(".narrow svg, .layers")].filter(
  (part) => part.getBoundingClientRect().width > part.parentNode.clientWidth + 1).length;
said.push(`${innerWidth} ${root.scrollWidth} ${others.length} ${wide}`);
document.title = said.join("|");
</script>"""


def show(html: str, folder: Path) -> str:
    """The page as it is after its scripts, on a screen of 390 pixels."""
    (folder / "page.html").write_text(html, encoding="utf-8")
    process = subprocess.run(
        [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={folder / 'profile'}", "--window-size=390,844", "--dump-dom"),
            (folder / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    return str(process.stdout)


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    runs = tmp_path_factory.mktemp("results") / "runs.csv"
    runs.write_text("network,top-1 %\nA,37.4\nE,33.8\nJ',32.2\n", encoding="utf-8")
    with pytest.warns(ctcdsl.SpecWarning, match="CTC962"):
        return ctcdsl.report(["A", "J'", "B", "E"], results=runs).html


def test_its_own_script_is_allowed_and_no_other(html: str, tmp_path: Path) -> None:
    shown = show(html.replace("</body>", f"{PROBE}</body>"), tmp_path)
    assert shown.count("<button") == 9
    assert "<title>A, J', B, E</title>" in shown


def test_it_sorts_and_fits_on_a_phone(html: str, tmp_path: Path) -> None:
    open_policy = re.sub(r"<meta http-equiv[^>]*>", "", html)
    shown = show(open_policy.replace("</body>", f"{PROBE}</body>"), tmp_path)
    title = re.search(r"<title>(.*?)</title>", shown)
    assert title is not None
    *orders, sizes = title[1].split("|")
    assert orders == [
        "A J' B E",
        "B J' E A",  # MACs upwards
        "A E J' B",
        "J' E A B",  # errors upwards, what has none last
        "A E J' B",
        "A B E J'",  # names
    ]
    width, scrolled, tables, wide = map(int, sizes.split())
    assert scrolled <= width and tables == 4 and wide == 0
