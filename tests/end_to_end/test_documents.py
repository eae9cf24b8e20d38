"""Documents are true: commands are run; outputs, figures, pictures and links are compared."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest

from ctcdsl.cli.main import cli
from ctcdsl.loading import built_in_specs
from tests.conftest import ROOT, SPECS

RUN = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [
    *RUN,
    *sorted(ROOT.glob("[C-S]*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
    ROOT / "grammar" / "README.md",
    *sorted((ROOT / "ctcdsl").rglob("*.md")),
]
SPEC = re.compile(r"```ctc\n(.*?)```\n```text\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
TRAINS = re.compile(r"^\$ ctcdsl (train|compare|sweep)\b", re.MULTILINE)
"""Blocks that take a minute or more: `make documented` runs them, `make test` leaves them out."""
PYTHON = re.compile(r"```python\n(>>> .*?)```", re.DOTALL)
SHELL = re.compile(r"```(?:sh|bash)\n(.*?)```", re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(ctcdsl [a-z][^`]*)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
ANYTHING = "…"
PICTURES = {
    "model.svg": ["draw", "J'", "--width", "820", "-o"],
    "resnet50.svg": ["draw", "resnet50", "-o"],
    "family.svg": ["rewrite", *map(str, SPECS), "--graph"],
}


def examples(block: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the output that it shows."""
    before, *parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    assert before == ""
    return list(zip(parts[::2], parts[1::2], strict=True))


def run(command: str, folder: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout


def pattern(expected: str) -> re.Pattern[str]:
    """What an output must look like: `…` stands for anything, on a line of its own for lines."""
    parts = []
    for line in expected.splitlines(keepends=True):
        if line.strip() == ANYTHING:
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append("[^\n]*?".join(map(re.escape, line.split(ANYTHING))))
    return re.compile("".join(parts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place like the checkout, in which commands may write."""
    for name in ("specs", "tests", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def blocks(pattern: re.Pattern[str]) -> list[object]:
    """Every match in the documents that are run, with the document and a number."""
    return [
        pytest.param(path, match, id=f"{path.stem}-{index}", marks=documented(str(match)))
        for path in RUN
        for index, match in enumerate(pattern.findall(path.read_text(encoding="utf-8")))
    ]


def documented(block: str) -> tuple[pytest.MarkDecorator, ...]:
    """The mark of a block that trains."""
    return (pytest.mark.documented,) if TRAINS.search(block) else ()


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(("path", "block"), blocks(CONSOLE))
def test_commands_print_what_is_shown(
    path: Path, block: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    update = request.config.getoption("--update-golden") and ANYTHING not in block
    shown = ""
    for command, expected in examples(block):
        # A full training takes minutes: one epoch shows that the command works as written.
        printed = run(command + " --epochs 1" * ("ctcdsl train" in command), folder)
        shown += f"$ {command}\n{printed}"
        if not update:
            assert pattern(expected).fullmatch(printed), f"{command}\n{printed}"
    if update:
        rewrite(path, block, shown)


@pytest.mark.parametrize(("path", "example"), blocks(SPEC))
def test_specs_are_checked_as_shown(
    path: Path, example: tuple[str, str], ctcdsl: Any, request: pytest.FixtureRequest
) -> None:
    spec, expected = example
    result = ctcdsl("check", "-", stdin=spec)
    printed = result.out + result.err
    if request.config.getoption("--update-golden"):
        rewrite(path, f"{spec}```\n```text\n{expected}```", f"{spec}```\n```text\n{printed}```")
    else:
        assert printed == expected


def python_examples(path: Path) -> list[str]:
    """The examples of a document in one text; of one that trains also those before that."""
    found = PYTHON.findall(path.read_text(encoding="utf-8"))
    first = next((n for n, block in enumerate(found) if "ctcdsl.train(" in block), len(found))
    texts = ["\n".join(found[:first])]
    return texts if first == len(found) else [*texts, "\n".join(found)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(path, text, id=path.stem, marks=(pytest.mark.documented,) * number)
        for path in RUN
        for number, text in enumerate(python_examples(path))
        if text
    ],
)
def test_python_examples_hold(
    path: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a training writes there
    examples = doctest.DocTestParser().get_doctest(text, {}, path.name, None, 0)
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples)
    assert result.attempted == text.count(">>> ") and not result.failed, path


def commands(text: str) -> list[str]:
    """The `ctcdsl` commands of shell blocks and of prose, which are shown and not run."""
    lines = "\n".join(SHELL.findall(text)).replace("\\\n", " ").splitlines()
    pieces = [piece for line in lines for piece in re.split(r"[|&;]|(?:^|\s)#", line)[:4]]
    return [f"ctcdsl {piece.split('ctcdsl ', 1)[1]}" for piece in pieces if "ctcdsl " in piece] + [
        " ".join(code.split()) for code in INLINE.findall(FENCED.sub("", text))
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_commands_that_are_named_exist(path: Path) -> None:
    for text in commands(path.read_text(encoding="utf-8")):
        _, *words = shlex.split(text)
        command: click.Command = cli
        while isinstance(command, click.Group) and words:
            subcommand = command.get_command(click.Context(command), words.pop(0))
            assert subcommand, text
            command = subcommand
        with suppress(click.BadOptionUsage):  # prose may leave the value of an option open
            command.make_parser(click.Context(command)).parse_args(words)


def test_targets_scripts_and_extras_that_are_named_exist() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z-]+)(?:  |`|$)", text, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"python (benchmarks/\w+\.py)", text):
        assert (ROOT / script).is_file(), script
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"pip install '?(?:ctcdsl|\.)\[(\w+)\]", text):
        assert f"\n{extra} = [\n" in project, extra


@pytest.mark.parametrize("script", ["paper", "scores_page"])
def test_the_tables_of_the_papers_numbers_are_computed(script: str) -> None:
    command = [sys.executable, f"docs/{script}.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), "make paper, then read the difference"


def test_the_number_of_networks_is_that_of_the_specs() -> None:
    others = sum(spec.group != "paper" for spec in built_in_specs())
    assert f"14 models, and {others} others" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_names_of_the_glossary_exist() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    names = re.findall(r"\| `([\w.]+)` \|$", text, flags=re.MULTILINE)
    assert len(names) == len(re.findall(r"^\| ", text, flags=re.MULTILINE)) - text.count("\n## ")
    for name in names:
        module, _, attribute = f"ctcdsl.{name}".rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_as_drawn(name: str, ctcdsl: Any, golden: Any, tmp_path: Path) -> None:
    assert ctcdsl(*PICTURES[name], tmp_path / name).code == 0
    golden(ROOT / "docs" / name, (tmp_path / name).read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The headings that a link may name, in small letters and with dashes for spaces."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(FENCED.sub("", path.read_text(encoding="utf-8"))):
        file, _, anchor = link.partition("#")
        if not file.startswith("https://"):
            target = path.parent / file if file else path
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link
