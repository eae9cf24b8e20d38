"""The maps that `ctcdsl lsp` shows in the text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.lsp.document import Document
from ctcdsl.lsp.inlay_hints import HintPlaces, inlay_hints
from tests.conftest import ROOT
from tests.support.lsp_client import GOOGLENET, Client, applied, session

SPECS = sorted((ROOT / "specs").rglob("*.ctc"))

SHOWN = """\
net Small   pad same
def inc(a, r3,n3, p) = { (1,a) | (1,r3) (3,n3) | 3/1 (1,p) }
stem: (7,64)/2 <64x112x112> 3/2 <64x56x56>
i3:   inc(64,96,128,32) <224x56x56> inc(128,128,192,64) <384x56x56> 3/2 <384x28x28>
head: gap <384x1x1> fc <1000x1x1>
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


def ask(client: Client, name: str, first: int = 0, last: int = 1000) -> Any:
    ends = {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
    return client.about("inlayHint", name, range=ends)


def shown(text: str, hints: list[Any]) -> str:
    """The text with its hints as they look."""
    edits = [
        {"range": {"start": h["position"], "end": h["position"]}, "newText": f" <{h['label']}>"}
        for h in hints
    ]
    return applied(text, edits)


def test_each_layer_has_its_map(server: Client) -> None:
    assert server.open("g.ctc", GOOGLENET) == []
    hints = ask(server, "g.ctc")
    assert shown(GOOGLENET, hints) == SHOWN
    assert hints[0]["tooltip"] == "channels x height x width after `(7,64)/2`"
    assert [h["label"] for h in ask(server, "g.ctc", 2, 3)] == ["64x112x112", "64x56x56"]
    assert ask(server, "never_opened.ctc") is None


@pytest.mark.parametrize(
    ("text", "with_hints"),
    [
        (
            "pad same\n[ (3,8)x2 (3,8) | (1,8) ]x2/2 gap fc\n",
            "pad same\n[ (3,8)x2 <8x112x112> (3,8) <8x112x112> | (1,8) <8x112x112> ]x2/2"
            " <8x112x112> gap <8x1x1> fc <1000x1x1>\n",
        ),
        (
            "style conv-bn-relu\ndef f(n) = (1,8) (3,n)\nf(8) f(8) f(16)x2/2 gap fc\n",
            "style conv-bn-relu\ndef f(n) = (1,8) (3,n)\nf(8) <8x224x224> f(8) <8x224x224>"
            " f(16)x2/2 <16x112x112> gap <16x1x1> fc <1000x1x1>\n",
        ),
        (
            "style conv-bn-relu\ndef f(n) = (1,8) (3,n)\nf(16) f(16) gap fc\n",
            "style conv-bn-relu\ndef f(n) = (1,8) <8x224x224> (3,n) <16x224x224>\n"
            "f(16) <16x224x224> f(16) <16x224x224> gap <16x1x1> fc <1000x1x1>\n",
        ),
    ],
)
def test_blocks_repeats_and_definitions(server: Client, text: str, with_hints: str) -> None:
    server.open("b.ctc", text)
    assert shown(text, ask(server, "b.ctc")) == with_hints


def test_a_text_with_errors_keeps_the_hints_that_hold(server: Client) -> None:
    text = "(7,64)/2 3/2\n(3,128) gap fc\n"
    server.open("e.ctc", text)
    before = ask(server, "e.ctc")
    broken = text.replace("(3,128)", "(3,128")
    server.change("e.ctc", broken)
    after = ask(server, "e.ctc")
    server.diagnostics("e.ctc")
    assert shown(broken, after).startswith("(7,64)/2 <64x109x109> 3/2 <64x54x54>\n(3,128 gap")
    assert [h["label"] for h in after] == [h["label"] for h in before if "128x54" not in h["label"]]
    server.open("never_valid.ctc", "(3,128")
    assert ask(server, "never_valid.ctc") == []


def test_settings(tmp_path: Path) -> None:
    client = Client(tmp_path)
    try:
        client.start(
            options={"inlayHints": "off"}, workspace={"inlayHint": {"refreshSupport": True}}
        )
        client.open("g.ctc", GOOGLENET)
        assert ask(client, "g.ctc") == []
        settings = {"ctcdsl": {"inlayHints": "lines"}}
        client.notify("workspace/didChangeConfiguration", {"settings": settings})
        refresh = client.asked("workspace/inlayHint/refresh")
        client.send({"id": refresh, "result": None})
        labels = [hint["label"] for hint in ask(client, "g.ctc")]
        assert labels == ["64x56x56", "384x28x28", "1000x1x1"]
        wrong: Any
        for wrong in ({"ctcdsl": {"inlayHints": "all"}}, {"ctcdsl": None}, None, [], {}):
            client.notify("workspace/didChangeConfiguration", {"settings": wrong})
        assert len(ask(client, "g.ctc")) == 3
        assert client.stop() == 0
    finally:
        client.close()


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_last_map_of_a_network_is_its_output(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document = Document(path.name, text)
    hints = inlay_hints(document, HintPlaces.LAYERS, 0, len(text))
    assert len({hint.offset for hint in hints}) == len(hints)
    outputs = {
        str(network.output)
        for network in document.report.networks
        if not network.architecture.head.implied
    }
    assert outputs <= {hint.text for hint in hints}
    assert {hint.offset for hint in inlay_hints(document, HintPlaces.LINES, 0, len(text))} <= {
        hint.offset for hint in hints
    }
