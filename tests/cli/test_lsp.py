"""`ctcdsl lsp` before any session."""

from __future__ import annotations

import importlib.util
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.conftest import ROOT

EDITORS = ROOT / "docs" / "editors.md"


def test_without_its_packages(ctcdsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "ctcdsl.text.packages.find_spec", lambda name: None if name == "pygls" else find_spec(name)
    )
    result = ctcdsl("lsp")
    assert result.code == 1 and result.out == ""
    assert "CTC501" in result.err and "pip install 'ctcdsl[lsp]'" in result.err


def test_help(ctcdsl: Any) -> None:
    result = ctcdsl("lsp", "--help")
    assert result.code == 0 and "language server" in result.out
    rows = re.findall(r"^\| ([a-z ,]+?)(?: on [^|]*)? \|", EDITORS.read_text("utf-8"), re.MULTILINE)
    said = " ".join(result.out.split()).lower()
    features = {feature for row in rows for feature in re.split(", (?:find )?|go to ", row)}
    assert len(features) > 12 and all(f.rstrip("s")[:8] in said for f in features - {"", "feature"})


def test_ctrl_c_ends_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ctcdsl", "lsp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"Content-Length: 58\r\n\r\n")
    request = b'{"jsonrpc":"2.0","id":1,"method":"shutdown","params":null}'
    process.stdin.write(request)
    process.stdin.flush()
    process.stdout.readline()  # it answers: so it waits for the next message
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors.decode().endswith("interrupted\n") and b"Traceback" not in errors
