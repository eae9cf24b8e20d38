"""The page of the worst errors: what is on it, and that nothing from the data becomes code."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

from ctcdsl.evaluation.error_page import misclassified, worst, write_page
from ctcdsl.evaluation.scores import Scores
from tests.support.tiny import Blots, refused, said

NAMES = ('<script>alert("x")</script>', "salt & pepper", "c")


@dataclass(frozen=True)
class Named(Blots):
    def name(self, index: int) -> str:
        return f"<img src=x>/{index}.jpg"


def scores() -> Scores:
    """Six images of three classes; three are wrong, number 4 most, number 1 least."""
    likely = [[0.9, 0.1, 0.0], [0.4, 0.35, 0.25], [0.8, 0.1, 0.1]] * 2
    likely[4] = [0.95, 0.05, 0.0]
    likely[5] = [0.6, 0.3, 0.1]
    top = [[0, 1, 2], [2, 0, 1], [2, 0, 1], [0, 1, 2], [0, 2, 1], [1, 2, 0]]
    labels = [0, 1, 2, 0, 1, 2]
    label_probabilities = [0.9, 0.25, 0.8, 0.9, 0.0, 0.3]
    return Scores.of(
        views="dense",
        name="A & B",
        classes=NAMES,
        indices=torch.arange(6),
        labels=torch.tensor(labels),
        top=torch.tensor(top),
        probabilities=torch.tensor(likely),
        label_probabilities=torch.tensor(label_probabilities),
    )


class Page(HTMLParser):
    """Text, tags and attributes of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f"{data}\n"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(path: Path, found: Scores | None = None, most: int = 60, **others: object) -> Page:
    images = Named(NAMES, each=2, **others)  # type: ignore[arg-type]
    write_page(
        path,
        scores=found or scores(),
        images=images,
        facts=[("checkpoint", "runs/<A>")],
        limit=most,
    )
    return Page(path)


def test_the_most_confident_errors_come_first() -> None:
    assert worst(scores(), 99) == [4, 5, 1]
    assert worst(scores(), 2) == [4, 5]
    first, second, third = misclassified(scores(), Named(NAMES, each=2), 3)
    assert (first.label, first.predicted) == (NAMES[1], NAMES[0])
    assert first.likely == pytest.approx(0.95)
    assert [guess.name for guess in second.guesses] == [NAMES[1], NAMES[2], NAMES[0]]
    assert [guess.right for guess in second.guesses] == [False, True, False]
    assert third.of_label == pytest.approx(0.25)


def test_the_right_class_is_shown_even_where_it_is_not_among_the_likeliest() -> None:
    found = scores()
    short = Scores.of(
        views=10,
        classes=NAMES,
        indices=found.indices,
        labels=found.labels,
        top=found.top[:, :2],
        probabilities=found.probabilities[:, :2],
        label_probabilities=found.label_probabilities,
    )
    first = misclassified(short, Named(NAMES, each=2), 1)[0]
    assert [guess.right for guess in first.guesses] == [False, False, True]
    assert first.guesses[2].probability == 0.0


def test_what_is_on_the_page(tmp_path: Path) -> None:
    found = page(tmp_path / "page.html")
    assert "A & B: errors by dense views" in found.text
    assert "3 of 6 test images are wrong: top-1 error 50.0 %" in found.text
    assert len(found.all("figure")) == len(found.all("img")) == 3
    assert found.all("html") == [{"lang": "en"}]
    assert NAMES[0] in found.text and "salt & pepper" in found.text
    assert "95.0 %" in found.text and "runs/<A>" in found.text
    assert "<img src=x>/4.jpg" in found.text, "as text, not as a tag"
    for attributes in found.all("img"):
        kind, data = (attributes["src"] or "").split(";base64,")
        assert kind == "data:image/png"
        with Image.open(BytesIO(b64decode(data))) as picture:
            assert picture.size == (20, 16)
    cells = re.sub(r"\s+", " ", found.text)
    assert "class taken for images" in cells
    assert f"{NAMES[1]} 2 2 100.0 %" in cells


def test_the_page_stands_alone_and_runs_nothing(tmp_path: Path) -> None:
    found = page(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert found.all("script") == found.all("link") == found.all("iframe") == []
    assert "http:" not in text and "https:" not in text and "url(" not in text
    policy = next(m["content"] for m in found.all("meta") if "http-equiv" in m)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "prefers-color-scheme: dark" in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_photographs_are_made_small(tmp_path: Path) -> None:
    found = page(tmp_path / "page.html", size=(1000, 300))
    for attributes in found.all("img"):
        kind, data = (attributes["src"] or "").split(";base64,")
        assert kind == "data:image/jpeg"
        with Image.open(BytesIO(b64decode(data))) as picture:
            assert picture.size == (320, 96)


def test_without_errors(tmp_path: Path) -> None:
    found = scores()
    right = Scores.of(
        views=1,
        classes=NAMES,
        indices=found.indices,
        labels=found.top[:, 0],
        top=found.top,
        probabilities=found.probabilities,
        label_probabilities=found.probabilities[:, 0],
    )
    shown = page(tmp_path / "page.html", right)
    assert "There are none." in shown.text and "0 of 6 test images are wrong" in shown.text
    assert shown.all("figure") == []


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with refused("CTC608") as found:
        page(tmp_path / "nowhere" / "page.html")
    assert "page.html" in said(found[0])
