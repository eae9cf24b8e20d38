"""What `ctcdsl lsp` tells of the place under the cursor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.support.lsp_client import GOOGLENET, Client, at, session


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


def test_hover_on_layers_of_the_paper(server: Client) -> None:
    text = (ROOT / "specs" / "E.ctc").read_text(encoding="utf-8")
    server.open("E.ctc", text)
    row = text.splitlines().index("(7, 64)/2 3/3 (2, 128)×4 2/2 (2, 256)×6")
    assert server.hover("E.ctc", row, 2) == (
        "```text\n"
        "stage1.conv: (7,64)/2\n"
        "  map              3x224x224 → 64x109x109\n"
        "  MACs             111,776,448 (13.2% of E)\n"
        "  parameters       9,472 (0.0%)\n"
        "  receptive field  7\n"
        "```"
    )
    repeated = server.ask("hover", "E.ctc", row, 18)
    assert repeated["contents"]["value"].splitlines() == [
        "```text",
        "layer         notation    map                          MACs  share  parameters  receptive"
        " field",
        "stage2.conv1  (2,128)     64x36x36 → 128x35x35   40,140,800   4.7%      32,896           "
        "    17",
        "stage2.conv2  (2,128,p1)  128x35x35 → 128x36x36  84,934,656  10.0%      65,664           "
        "    23",
        "stage2.conv3  (2,128)     128x36x36 → 128x35x35  80,281,600   9.5%      65,664           "
        "    29",
        "stage2.conv4  (2,128,p1)  128x35x35 → 128x36x36  84,934,656  10.0%      65,664           "
        "    35",
        "4 in all: 290,291,712 MACs (34.3%), 229,888 parameters",
        "```",
    ]
    assert repeated["range"]["start"]["character"] == 14
    assert repeated["range"]["end"]["character"] == 24
    assert "64x109x109 → 64x36x36" in server.hover("E.ctc", row, 10)
    assert "846,271,168" in server.hover("E.ctc", *at(text, "net E", inside=4))
    # The paper's head is not in the row.
    assert "fc" not in server.hover("E.ctc", row, 2)


def test_hover_in_a_definition_and_at_its_calls(server: Client) -> None:
    assert server.open("g.ctc", GOOGLENET) == []
    inside = server.hover("g.ctc", *at(GOOGLENET, "(3,n3)"))
    assert "i3.inc1.branch2.conv2  (3,128,p1)  96x56x56 → 128x56x56" in inside
    assert "i3.inc2.branch2.conv2  (3,192,p1)  128x56x56 → 192x56x56" in inside
    assert "2 in all: 1,040,449,536 MACs" in inside
    call = server.hover("g.ctc", *at(GOOGLENET, "inc(128", inside=1))
    assert call.startswith("```ctc\ndef inc(a, r3,n3, p) = {")
    assert "i3.inc2: 3 branches" in call and "map              224x56x56 → 384x56x56" in call
    parameter = server.hover("g.ctc", *at(GOOGLENET, "r3)", inside=1))
    assert parameter.startswith("`r3`: a parameter of `inc`")
    stage = server.hover("g.ctc", *at(GOOGLENET, "i3:"))
    assert "3 in all" in stage and "i3.pool" in stage
    stage = server.hover("g.ctc", *at(GOOGLENET, "inc"))
    assert "2 in all" in stage


def test_calls_of_calls_are_told_apart(server: Client) -> None:
    text = (
        "net A\nstyle conv-bn-relu\ndef a(n) = (3,n) (1,n)\ndef b(n) = a(n) [ a(2n) a(n) ]\n"
        "b(8) b(16)x2 gap fc\n"
    )
    assert server.open("calls.ctc", text) == []
    assert "3 in all" in server.hover("calls.ctc", *at(text, "b(8)"))
    twice = server.hover("calls.ctc", *at(text, "b(16)"))
    assert "6 in all" in twice and "(3,8" not in twice
    assert "sum of branch and identity" in server.hover("calls.ctc", *at(text, "]"))


def test_hover_on_words_and_names(server: Client) -> None:
    text = "net A\nlet w = 24\nlet v = 4w\n(3,v,p1) (3,w,dw) gap fc\n".replace("w,dw", "dw")
    server.open("words.ctc", text)
    assert "`let` (header): a parameter, as in `let w = 96`" in server.hover("words.ctc", 1, 1)
    assert "let v = 4w\n```\n\n`v` is 96" in server.hover("words.ctc", *at(text, "v,p1"))
    assert "```ctc\nlet w = 24\n```" in server.hover("words.ctc", *at(text, "4w", inside=1))
    assert "`p1` (tag): padding 1" in server.hover("words.ctc", *at(text, "p1"))
    assert "a filter for each channel" in server.hover("words.ctc", *at(text, "dw"))
    assert server.hover("words.ctc", 1, 8) == ""


def test_hover_on_c(server: Client) -> None:
    text = (
        "net A\nstyle conv-bn-relu\ninput 3x32x32\ndef ir(t) = [ (1,t*c) (3,c) | id? ]\n"
        "(3,8) (3,2c)x3 (1,c/4) ir(c/8)x2 { (1,3c) }\nhead: gap fc(c/2) fc\n"
    )
    assert server.open("c.ctc", text) == []
    meaning = "`c` (operator): the input channels of a block or a layer, as in `(1,4c)`"
    for place, values in {
        "c)x3": "8, 16, 32",
        "c/4": "64",
        "c) (3": "16",
        "c/2)": "48",
    }.items():
        shown = server.hover("c.ctc", *at(text, place))
        assert shown.splitlines()[-1] == f"{meaning}; here {values}"
    for place in ("c/8", "c) }"):
        assert server.hover("c.ctc", *at(text, place)).splitlines()[-1] == meaning


def test_hover_beside_errors(server: Client) -> None:
    valid = "net A\nstem: (7,64)/2\nbody: (3,96)\nhead: gap fc\n"
    server.open("broken.ctc", valid)
    for wrong in (valid.replace("(7,64)/2", "(7,64"), valid.replace("(7,64)", "(7,64,wrong)")):
        server.change("broken.ctc", wrong)
        assert server.diagnostics("broken.ctc")
        shown = server.hover("broken.ctc", *at(wrong, "96"))
        assert "64x109x109 → 96x109x109" in shown
        assert shown.endswith("*as of the last version without errors*")
        assert "global average pooling" in server.hover("broken.ctc", *at(wrong, "gap"))
    # Words have their meaning even in a text opened with an error.
    server.open("wrong.ctc", "net A\n(7,64 gap fc\n")
    assert "names the network" in server.hover("wrong.ctc", 0, 1)


def test_hover_on_a_space(server: Client) -> None:
    text = "net A\nlet k = 3 | 5\nlet w = 8..32 by 8\n(k,w) gap fc\n"
    assert server.open("space.ctc", text) == []
    shown = server.hover("space.ctc", 1, 4)
    assert "a space of 8 networks: 1 layers" in shown
    assert shown.endswith(server.hover("space.ctc", 0, 4))
