"""The page: complete, escaped, the same each time, and nothing of it from a network."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

import ctcdsl
from ctcdsl.metrics.catalog import find_metrics
from ctcdsl.metrics.memory import format_bytes, network_memory
from ctcdsl.metrics.metric import time_text
from ctcdsl.reporting.build import OPEN_LAYERS, build_page
from ctcdsl.reporting.render import asset, digest
from ctcdsl.text import UserError
from tests.support.latency import linear_table

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Document(HTMLParser):
    """Tags with their attributes, and the text of table cells; fails where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "runs.csv"
    path.write_text("network,top-1 %,top-1 ±\nA,37.4,0.2\nJ',32.2,\n", encoding="utf-8")
    return path


def test_the_table_has_the_costs_and_the_errors(runs: Path) -> None:
    networks = [ctcdsl.load(name) for name in ("A", "B", "J'")]
    page = build_page(networks, results=runs)
    document = Document(page.html)
    titles, a, b, j = document.rows[:4]
    assert titles == [
        *("network", "depth", "MACs", "relative", "fc MACs", "parameters"),
        *("activation bytes", "training memory", "top-1 %"),
    ]
    assert a[:6] == ["A", "5", "854,954,688", "1.0000", "73,302,016", "75,000,936"]
    assert a[6:] == [
        "5,318,816",
        format_bytes(network_memory(networks[0], 8).training.peak),
        "37.4 ± 0.2",
    ]
    assert b[0] == "B" and b[-1] == "" and j[-1] == "32.2"
    values = [attributes.get("data-value") for attributes in document.all("td")][:8]
    assert values[1] == "854954688" and values[-1] == "37.4"
    assert [warning.code for warning in page.warnings] == ["CTC962"]


def test_every_layer_has_its_bars_on_one_scale() -> None:
    networks = [ctcdsl.load(name) for name in ("A", "resnet20")]
    document = Document(build_page(networks).html)
    names = [row[0] for row in document.rows]
    assert len(names) == 2 + 1 + sum(len(net.layers) + 1 for net in networks)
    styles = [cell["style"] or "" for cell in document.all("td") if cell.get("class") == "bar"]
    shares = [float(style.removeprefix("--share: ")) for style in styles]
    assert len(shares) == 4 * sum(len(net.layers) for net in networks)
    for column in range(4):
        assert max(shares[column::4]) == 1 and min(shares[column::4]) >= 0
    conv = next(row for row in document.rows if "stage2.conv" in row[0])
    exact = [cell["title"] for cell in document.all("td") if cell.get("class") == "bar"]
    assert conv[1] == "265 M" and "265,420,800" in exact


def test_nothing_comes_from_a_network(runs: Path) -> None:
    html = build_page([ctcdsl.load(name) for name in ("A", "J'")], results=runs).html
    document = Document(html)
    assert set(re.findall(r"https?://[^\s'\"<]+", html)) == {"http://www.w3.org/2000/svg"}
    assert not {"link", "img", "iframe", "object"} & {tag for tag, _ in document.tags}
    assert all("src" not in attributes for _, attributes in document.tags)
    policy = next(a["content"] for a in document.all("meta") if "http-equiv" in a) or ""
    assert policy.startswith("default-src 'none'") and digest(asset("sort.js")) in policy
    assert html.count("<script>") == 1 and f"<script>{asset('sort.js')}</script>" in html
    assert "url(" not in html and "@import" not in html


def test_links_lead_to_what_is_there_once() -> None:
    net = ctcdsl.load("A")
    document = Document(build_page([net, net]).html)
    ids = Counter(attributes["id"] for _, attributes in document.tags if "id" in attributes)
    assert [f"#{name}" for name in ids] == [link["href"] for link in document.all("a")]
    assert set(ids.values()) == {1} and len(ids) == 2


def test_the_same_text_each_time(runs: Path) -> None:
    pages = [build_page([ctcdsl.load("A"), ctcdsl.load("J'")], results=runs) for _ in range(2)]
    assert pages[0].html == pages[1].html
    assert not re.search(r"\b20\d\d-\d\d", pages[0].html)


def test_names_in_specs_are_data() -> None:
    name = "<img src=x onerror=alert(1)>"
    network = ctcdsl.load("A")
    architecture = ctcdsl.ir.replace(network.architecture, name=name)
    html = build_page([ctcdsl.Network(architecture, network.nodes)]).html
    assert "<img" not in html and "&lt;img src=x onerror=alert(1)&gt;" in html
    Document(html)


def test_a_device_gives_times_and_a_roofline() -> None:
    networks = [ctcdsl.load(name) for name in ("A", "B")]
    plain = build_page(networks)
    page = build_page(networks, latencies=linear_table())
    titles, a, _ = Document(page.html).rows[:3]
    assert a[titles.index("latency")] == time_text(ctcdsl.cost("A", latency=linear_table()).latency)
    assert linear_table().summary in page.html
    assert "Roofline" in page.html and "Roofline" not in plain.html
    assert page.html.count("<svg") == plain.html.count("<svg") + 2


def test_metrics_are_those_that_are_asked_for() -> None:
    page = build_page([ctcdsl.load("A")], metrics=find_metrics(["params", "receptive-field"]))
    document = Document(page.html)
    assert document.rows[0][1:] == ["depth", "parameters", "receptive field", "training memory"]
    assert document.rows[2] == ["layer", "parameters"]  # what does not add up has no bars
    assert "Relative" not in page.html


def test_long_tables_are_folded() -> None:
    deep = ctcdsl.load("resnet50")
    assert len(deep.layers) > OPEN_LAYERS > len(ctcdsl.load("A").layers)
    details = Document(build_page([deep, ctcdsl.load("A")]).html).all("details")
    assert ["open" in attributes for attributes in details] == [False, True]


def test_a_network_that_is_too_large_to_draw_has_its_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ctcdsl.drawing.network.MAX_BOXES", 10)
    html = build_page([ctcdsl.load("A")]).html
    assert "`A` has 11 layers to draw" in html and html.count("<svg") == 2  # of memory
    assert len(Document(html).rows) == 2 + 1 + 13


def test_a_notebook_shows_the_same_fragment() -> None:
    network = ctcdsl.load("A")
    html = network._repr_html_()
    assert html == build_page([network]).body and html in build_page([network]).html
    assert html.startswith('<div class="ctcdsl-report">') and "<script" not in html
    rules = re.sub(r"@media[^{]*", "", asset("report.css"))
    selectors = re.findall(r"^\s*([^@{}\s][^{}]*?)\s*\{", rules, flags=re.MULTILINE)
    assert selectors and all("ctcdsl-report" in each for each in selectors)  # nothing else changes


def test_the_library_reports(tmp_path: Path, runs: Path) -> None:
    page = ctcdsl.report(["A", ctcdsl.load("J'")], results=runs, metrics=["params"])
    assert repr(page) == f"<Page A, J': {len(page.html):,} characters>"
    page.write(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page.html
    assert page._repr_html_() == page.body
    assert ctcdsl.report(["A"] * 5).title == "5 networks"
    with pytest.warns(ctcdsl.SpecWarning, match="CTC961"):
        ctcdsl.report(["A"], results=runs)
    with pytest.raises(UserError, match="CTC608"):
        page.write(tmp_path / "none" / "report.html")
    with pytest.raises(UserError, match=r"CTC605.*there is no network to report"):
        ctcdsl.report([])
    with pytest.raises(TypeError, match="takes a list of networks"):
        ctcdsl.report("A")
    with pytest.raises(UserError, match="CTC701"):
        ctcdsl.report(["A"], metrics=["flop"])
