"""How soon `ctcdsl lsp` answers on the largest specs, at its best of some tries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.lsp_client import Client, session

LARGEST = sorted((ROOT / "specs").rglob("*.ctc"), key=lambda path: path.stat().st_size)[-3:]
SECONDS = 0.05
TRIES = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with session(tmp_path_factory.mktemp("session")) as client:
        yield client


@pytest.mark.parametrize("path", LARGEST, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "method",
    ["hover", "completion", "references", "semanticTokens/full", "foldingRange", "inlayHint"],
)
def test_an_answer_comes_while_one_types(server: Client, path: Path, method: str) -> None:
    text = path.read_text(encoding="utf-8")
    server.open("a.ctc", text)
    lines = text.split("\n")
    line = max(range(len(lines)), key=lambda k: len(lines[k].partition("#")[0]))
    of_a_place = {"position": {"line": line, "character": len(lines[line]) // 2}}
    end = {"line": len(lines), "character": 0}
    more: dict[str, dict[str, Any]] = {
        "references": {"context": {"includeDeclaration": True}},
        "inlayHint": {"range": {"start": {"line": 0, "character": 0}, "end": end}},
    }
    needed = []
    for _ in range(TRIES):
        begin = perf_counter()
        server.about(method, "a.ctc", **of_a_place, **more.get(method, {}))
        needed.append(perf_counter() - begin)
    assert min(needed) < SECONDS
