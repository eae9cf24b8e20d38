"""The command line as its users and other tools see it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from ctcdsl import __version__
from ctcdsl.cli.main import COMMANDS, run

ROW = "(7,64)/2 3/3 (2,128)×4 (2,256)×6\n"


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def ctcdsl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
        if stdin is not None:
            data = stdin.encode() if isinstance(stdin, str) else stdin
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = run(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Result(code, out, err)

    return call


def test_help_and_version(ctcdsl: Any) -> None:
    assert f"ctcdsl, version {__version__}" in ctcdsl("--version").out
    text = ctcdsl("--help").out
    for command in COMMANDS:
        assert command in text
        assert "Usage: ctcdsl" in ctcdsl(command, "--help").out


def test_wrong_usage_exits_with_2(ctcdsl: Any) -> None:
    for arguments in (["nonsense"], ["cost", "--format", "xml"], ["cost", "--input", "3x"]):
        result = ctcdsl(*arguments)
        assert result.code == 2
        assert "Error:" in result.err
    assert "Did you mean 'cost'?" in ctcdsl("costs").err


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("specs/missing.ctc", "no such file"),
        ("specs", "is a directory"),
        ("README", "specs end in .ctc"),
    ],
)
def test_specs_that_cannot_be_read(ctcdsl: Any, file: str, expected: str) -> None:
    for command in ("check", "cost", "compile", "fmt"):
        result = ctcdsl(command, file)
        assert result.code == 1
        assert "error[CTC005]" in result.err and expected in result.err and file in result.err


def test_a_spec_without_permission(ctcdsl: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(path: str) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("ctcdsl.text.files._read", refuse)
    result = ctcdsl("check", "specs/A.ctc")
    assert result.code == 1 and "permission denied" in result.err


def test_one_bad_file_does_not_hide_the_others(ctcdsl: Any) -> None:
    result = ctcdsl("check", "tests/errors/unknown_layer.ctc", "specs/missing.ctc", "specs/A.ctc")
    assert result.code == 1
    assert "CTC101" in result.err and "CTC005" in result.err
    assert "A is fine" in result.out


# ----------------------------------------------------------------------- cost


def test_cost_of_all_models(ctcdsl: Any) -> None:
    result = ctcdsl("cost", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("specs/*.ctc")))
    assert result.code == 0
    assert result.out.count("854,954,688") == 2 * 3
    assert "A MAC is two FLOPs" in result.out and "Eqn. 1" in result.out
    assert result.err.count("CTC901") == 1


def test_a_bare_row_from_standard_input(ctcdsl: Any) -> None:
    for arguments in (["cost", "-"], ["cost"]):
        result = ctcdsl(*arguments, stdin=ROW)
        assert result.code == 0
        assert "109 · 35 36 35 36 35 36 35 36 35 36" in result.out
        assert result.err.count("takes the paper's") == 1


def test_cost_as_json_keeps_its_contract(ctcdsl: Any) -> None:
    result = ctcdsl(
        "cost", "specs/A.ctc", "specs/J_prime.ctc", "--relative-to", "A", "--format", "json"
    )
    report = json.loads(result.out)
    first, second = report["networks"]
    assert (first["name"], second["name"]) == ("A", "J'")
    assert second["file"] == "specs/J_prime.ctc"
    assert second["depth"] == 11 and second["macs"] == 836_604_608
    assert second["macs_fc"] == 73_302_016 and second["params"] == 79_190_248
    assert round(second["relative"], 4) == 0.9785
    assert second["maps"] == [109, 36, 37, 36, 35, 17, 18, 17, 18, 5, 6]
    layers = second["layers"]
    assert sum(layer["macs"] for layer in layers) == second["macs"]
    assert sum(layer["params"] for layer in layers) == second["params"]
    assert layers[0] == {
        "name": "stage1.conv",
        "kind": "conv",
        "spec": "(7,64)/2",
        "in": [3, 224, 224],
        "out": [64, 109, 109],
        "macs": 111_776_448,
        "macs_fc": 0,
        "params": 9_472,
        "receptive_field": [7, 7],
    }
    kinds = [layer["kind"] for layer in layers[-6:]]
    assert kinds == ["spp", "fc", "dropout", "fc", "dropout", "fc"]


def test_cost_as_csv_is_numbers(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "specs/A.ctc", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(out))
    assert int(row["MACs"]) == 854_954_688
    assert row["conv maps"] == "109 · 36 · 18 18 18"


def test_cost_as_markdown_is_a_table(ctcdsl: Any) -> None:
    lines = ctcdsl("cost", "specs/A.ctc", "--format", "markdown").out.splitlines()
    assert lines[0].startswith("| network") and set(lines[1]) <= set("|-:")
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")


def test_layers_with_receptive_field_and_share(ctcdsl: Any) -> None:
    out = ctcdsl("cost", "specs/J_prime.ctc", "--layers").out
    line = next(line for line in out.splitlines() if line.startswith("stage4.conv2"))
    assert line.split()[:3] == ["stage4.conv2", "(2,256,p1)", "256x6x6"]
    assert line.split()[3:] == ["84,934,656", "10.2%", "2,359,552", "151"]
    sums = [line.split() for line in out.splitlines() if line.startswith(("convo", "fully", "all"))]
    assert sums == [
        ["convolutions", "836,604,608", "100.0%", "5,879,040"],
        ["fully", "connected", "73,302,016", "73,311,208"],
        ["all", "layers", "79,190,248"],
    ]


def test_relative_to_an_unknown_network(ctcdsl: Any) -> None:
    result = ctcdsl("cost", "specs/A.ctc", "--relative-to", "Z")
    assert result.code == 1 and "CTC111" in result.err and "given are A" in result.err


def test_another_input_drops_maps_with_a_note(ctcdsl: Any) -> None:
    result = ctcdsl("cost", "specs/A.ctc", "--input", "80")
    assert result.code == 0 and "37 · 12 · 6 6 6" in result.out and "CTC903" in result.err


# ----------------------------------------------------------------- check, fmt


def test_check_as_json(ctcdsl: Any) -> None:
    result = ctcdsl("check", "tests/errors/unknown_layer.ctc", "specs/A.ctc", "--format", "json")
    assert result.code == 1
    report = json.loads(result.out)
    assert report["networks"] == [
        {"name": "A", "file": "specs/A.ctc", "maps": [[n, n] for n in (109, 36, 18, 18, 18)]}
    ]
    error = report["diagnostics"][0]
    assert (error["code"], error["severity"]) == ("CTC101", "error")
    label = error["labels"][0]
    assert (label["line"], label["column"], label["end_column"]) == (1, 22, 25)


def test_check_as_sarif(ctcdsl: Any) -> None:
    result = ctcdsl(
        "check", "tests/errors/classifier_twice.ctc", "specs/none.ctc", "--format", "sarif"
    )
    assert result.code == 1
    log = json.loads(result.out)
    (run_,) = log["runs"]
    assert log["version"] == "2.1.0" and run_["columnKind"] == "unicodeCodePoints"
    rules = [rule["id"] for rule in run_["tool"]["driver"]["rules"]]
    head, missing = run_["results"]
    assert [head["ruleId"], missing["ruleId"]] == ["CTC301", "CTC005"]
    assert rules[head["ruleIndex"]] == "CTC301" and head["level"] == "error"
    assert "hint: write `fc(n)`" in head["message"]["text"]
    place = head["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "tests/errors/classifier_twice.ctc"
    assert place["region"] == {"startLine": 1, "startColumn": 17, "endLine": 1, "endColumn": 19}
    assert head["relatedLocations"][0]["message"]["text"].startswith("`fc` alone")
    file = missing["locations"][0]["physicalLocation"]["artifactLocation"]
    assert file == {"uri": "specs/none.ctc"}


def test_check_as_github_annotations(ctcdsl: Any) -> None:
    result = ctcdsl(
        "check", "tests/errors/unknown_layer.ctc", "specs/E_prime.ctc", "--format", "github"
    )
    assert result.code == 1
    error, *notes = result.out.splitlines()
    assert error == (
        "::error file=tests/errors/unknown_layer.ctc,line=1,col=22,endLine=1,endColumn=25,"
        "title=CTC101::unknown layer `gpa`%0Ahint: did you mean `gap`?"
    )
    assert len(notes) == 2 and all(note.startswith("::notice file=specs/") for note in notes)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_every_format_has_the_same_exit_codes(ctcdsl: Any, form: str) -> None:
    for path in (ROOT / "tests" / "errors").glob("*.ctc"):
        result = ctcdsl("check", str(path.relative_to(ROOT)), "--format", form)
        assert result.code == 1 and "CTC" in result.out + result.err
    assert ctcdsl("check", "specs/A.ctc", "--format", form).code == 0


def test_fmt_writes_checks_and_shows(ctcdsl: Any, tmp_path: Path) -> None:
    spec = tmp_path / "a.ctc"
    spec.write_text("( 7,64 )/2   3/3 # note", encoding="utf-8")
    before = spec.read_bytes()
    assert ctcdsl("fmt", "--check", str(spec)).code == 1
    assert "+(7,64)/2 3/3  # note" in ctcdsl("fmt", "--diff", str(spec)).out
    assert spec.read_bytes() == before
    assert ctcdsl("fmt", str(spec)).code == 0
    assert spec.read_text(encoding="utf-8") == "(7,64)/2 3/3  # note\n"
    assert ctcdsl("fmt", "--check", str(spec)).code == 0
    assert ctcdsl("fmt", "-", stdin="(3,8) * 2").out == "(3,8)x2\n"
    assert ctcdsl("fmt", "--unicode", "-", stdin="(3,8)*2").out == "(3,8)×2\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.ctc"]


def test_fmt_leaves_a_wrong_spec_alone(ctcdsl: Any, tmp_path: Path) -> None:
    spec = tmp_path / "a.ctc"
    spec.write_text("(7,64", encoding="utf-8")
    result = ctcdsl("fmt", str(spec))
    assert result.code == 1 and "CTC003" in result.err
    assert spec.read_text(encoding="utf-8") == "(7,64"


# -------------------------------------------------------------------- compile


def test_compile_to_a_file_and_to_standard_output(ctcdsl: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    assert ctcdsl("compile", "specs/J_prime.ctc", "-o", str(path)).code == 0
    out = ctcdsl("compile", "specs/J_prime.ctc").out
    assert path.read_text(encoding="utf-8") == out
    assert "class JPrime(nn.Module):" in out


def test_compile_one_network_of_a_table(ctcdsl: Any) -> None:
    result = ctcdsl("compile", "specs/table1.ctc")
    assert result.code == 1 and "CTC111" in result.err and "--net" in result.err
    assert "class J(nn.Module)" in ctcdsl("compile", "specs/table1.ctc", "--net", "J").out
    assert "did you mean" in ctcdsl("compile", "specs/table2.ctc", "--net", "J").err


def test_output_that_cannot_be_written(
    ctcdsl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ctcdsl("compile", "specs/A.ctc", "-o", str(tmp_path / "no" / "model.py"))
    assert result.code == 1 and "CTC608" in result.err and "make its folder first" in result.err
    result = ctcdsl("compile", "specs/A.ctc", "-o", str(tmp_path))
    assert result.code == 1 and "CTC608" in result.err

    target = tmp_path / "model.py"
    target.write_text("before", encoding="utf-8")

    def refuse(temporary: str, final: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        result = ctcdsl("compile", "specs/A.ctc", "-o", str(target))
    assert result.code == 1 and "permission denied" in result.err
    assert "a folder that you may write to" in result.err
    assert target.read_text(encoding="utf-8") == "before"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = ctcdsl("compile", "specs/A.ctc", "-o", str(target))
    assert result.code == 1 and "free some space" in result.err
    assert target.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]


# -------------------------------------------------------------------- process


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    program = "import sys; from ctcdsl.cli.main import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, **options
    )


def test_light_commands_load_nothing_heavy() -> None:
    program = (
        "import sys; from ctcdsl.cli.main import run; run(sys.argv[1:]); "
        "print(sorted({'torch', 'numpy', 'jinja2', 'networkx', 'rich', 'PIL', 'matplotlib'}"
        " & sys.modules.keys()), file=sys.stderr)"
    )
    for arguments, loaded in (
        (["cost", "specs/A.ctc"], "[]"),
        (["check", "specs/A.ctc"], "[]"),
        (["fmt", "--check", "specs/A.ctc"], "[]"),
        (["compile", "specs/A.ctc"], "['jinja2']"),
    ):
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True
        )
        assert result.stderr.splitlines()[-1] == loaded, arguments


def test_a_closed_pipe_is_no_error() -> None:
    program = "import sys; from ctcdsl.cli.main import main; main(sys.argv[1:])"
    command = f"{sys.executable} -c '{program}' cost specs/*.ctc --layers | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert result.stdout.startswith("A  (input") and "Traceback" not in result.stderr


def test_a_home_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    for home in (blocked, tmp_path / "new"):
        result = process("check", "specs/A.ctc", env={**os.environ, "XDG_CACHE_HOME": str(home)})
        assert result.returncode == 0 and "A is fine" in result.stdout


def test_a_damaged_parser_cache_is_rebuilt(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    assert process("check", "specs/A.ctc", env=environment).returncode == 0
    (cache,) = (tmp_path / "ctcdsl").iterdir()
    cache.write_bytes(cache.read_bytes()[:100])
    result = process("check", "specs/A.ctc", env=environment)
    assert result.returncode == 0 and "A is fine" in result.stdout


def test_a_bug_is_reported_as_a_bug(ctcdsl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("an invariant broke")

    monkeypatch.setattr("ctcdsl.cli.check.check_files", broken)
    result = ctcdsl("check", "specs/A.ctc")
    assert result.code == 70 and "a bug of ctcdsl" in result.err
    report = Path(result.err.split("details are in ")[1].split(";")[0])
    assert "an invariant broke" in report.read_text(encoding="utf-8")
    report.unlink()
