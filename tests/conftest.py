from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

from ctcdsl.checking import Network, Report, check_source
from ctcdsl.cli.main import run
from ctcdsl.resources import resource
from ctcdsl.text import Source
from ctcdsl.text.files import read_source

# Deadlines measure the machine; in CI the same examples are tried each time.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")

ROOT = Path(__file__).parent.parent
SPECS = sorted(p for p in Path(resource("specs")).glob("*.ctc") if not p.stem.startswith("table"))
"""The paper's models, one a file."""
TABLES = sorted(Path(resource("specs")).glob("table*.ctc"))
"""The paper's tables: they hold the networks of `SPECS` again."""
SPACES = sorted(Path(resource("specs", "spaces")).glob("*.ctc"))
"""Each stands for many networks."""
NETWORKS = [*SPECS, *sorted(set(Path(resource("specs")).glob("*/*.ctc")) - {*SPACES})]
"""Every network of specs/ that has a file of its own."""
_LATER = """
    convnext_tiny densenet121 efficientnet_b0 googlenet_bn inception_v3 mnasnet0_5 mobilenet_v2
    mobilenet_v3_small regnet_y_400mf repvgg_a0 resnet18 resnet50 resnext50_32x4d squeezenet1_0
    resnet20 shufflenet_v2_x0_5 vgg16_bn
"""
SAMPLE = [
    path
    for path in NETWORKS
    if path.stem in _LATER.split() or path.parent.name in ("specs", "peers")
]
"""What slow tests take: the paper's models, their peers, and a network of each later family."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the expected outputs, then read them"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a recorded one, or record it."""

    def compare(path: Path, actual: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(actual, encoding="utf-8")
        assert actual == path.read_text(encoding="utf-8"), f"{path}: see --update-golden"

    return compare


@pytest.fixture(autouse=True)
def in_checkout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run from the root of the checkout, so that messages show the paths users see."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NO_COLOR", "1")
    yield


class Result(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def ctcdsl(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        if stdin is not None:
            data = stdin.encode() if isinstance(stdin, str) else stdin
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = run([str(each) for each in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return Result(code, out, err)

    return call


def check(text: str) -> Report:
    """Check a text as `ctcdsl check -` would."""
    return check_source(Source("<stdin>", text))


def one(text: str) -> Network:
    """The only network of a text without errors."""
    report = check(text)
    assert report.ok, report.diagnostics
    (network,) = report.networks
    return network


def load(path: Path) -> Network:
    """The network of a spec file."""
    (network,) = check_source(read_source(str(path))).networks
    return network
