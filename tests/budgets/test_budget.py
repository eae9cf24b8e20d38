"""Budgets: files, dicts and options; which networks keep to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ctcdsl
from ctcdsl.budgets import Budget
from ctcdsl.budgets.bounds import BOUNDED
from ctcdsl.budgets.keys import CONDITIONS
from ctcdsl.metrics.catalog import METRICS
from ctcdsl.text import UserError
from tests.support.latency import linear_table

MACS_OF_A = 854_954_688


def test_networks_in_bounds_stand_for_their_own_value_of_the_metric() -> None:
    budget = Budget.of({"macs": "<=1.0*A", "params": "<=A", "traffic": "0.5..1.0*A"})
    assert [bound.high for bound in budget.bounds] == [
        *(MACS_OF_A, ctcdsl.cost("A").params, ctcdsl.cost("A").traffic),
    ]
    assert budget.allows(ctcdsl.load("A"))
    assert not budget.allows(ctcdsl.load("J'"))  # more parameters
    assert budget.allows(ctcdsl.load("B")) is (ctcdsl.cost("B").traffic <= ctcdsl.cost("A").traffic)


def test_limits_are_exact() -> None:
    assert Budget.of({"macs": f"<={MACS_OF_A}"}).allows(ctcdsl.load("A"))
    assert not Budget.of({"macs": f"<={MACS_OF_A - 1}"}).allows(ctcdsl.load("A"))
    assert not Budget.of({"macs": f">={MACS_OF_A + 1}"}).allows(ctcdsl.load("A"))
    assert Budget.of({"macs": "==A"}).allows(ctcdsl.load("A"))


def test_conditions_hold_for_the_network_and_for_those_in_bounds() -> None:
    for batch, precision in ((1, "float32"), (8, "float32"), (8, "bf16")):
        budget = Budget.of({"activation-bytes": "<=A", "batch": batch, "precision": precision})
        assert budget.allows(ctcdsl.load("A"))
        cost = ctcdsl.cost("A", batch=batch, precision=precision)
        assert budget.bounds[0].high == cost.activation_bytes
    eight = Budget.of({"macs": "<=1G", "batch": 8})
    assert not eight.allows(ctcdsl.load("A"))


def test_memory_is_that_of_the_library() -> None:
    net = ctcdsl.load("mobilenet_v2")
    memory = ctcdsl.memory(net, batch=8, precision="bf16")
    budget = Budget.of(
        {
            "memory": f"=={memory.inference.peak}",
            "training-memory": f"<={memory.training.peak - 1}",
            "batch": 8,
            "precision": "bf16",
        }
    )
    inference, training = budget.judge(net)
    assert inference.ok and not training.ok
    assert training.failure.message.startswith("training memory of `MobileNetV2`: ")
    assert training.failure.labels[0].text.startswith(f"{memory.training.layer} has the most: ")
    assert training.failure.hints[0].endswith(
        "--metrics training-memory --batch 8` shows every layer"
    )


@pytest.mark.parametrize("name", ["A", "mobilenet_v2", "resnet18"])
@pytest.mark.parametrize("batch", [1, 8])
def test_the_largest_of_the_layers_is_the_peak(name: str, batch: int) -> None:
    """Also where the loss or the optimizer's step holds the most."""
    memory = ctcdsl.memory(name, batch=batch)
    cost = ctcdsl.cost(name, batch=batch)
    assert cost.value(BOUNDED["memory"]) == memory.inference.peak
    assert cost.value(BOUNDED["training-memory"]) == memory.training.peak


def test_latency_is_predicted_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "device.json"
    table.write_text(json.dumps(linear_table().as_json()))
    net = ctcdsl.load("resnet18")
    seconds = ctcdsl.cost(net, latency=table).latency
    budget = Budget.of({"latency": f"<={2000 * seconds}ms", "table": str(table)})
    assert budget.allows(net)
    (failure,) = Budget.of({"latency": "<=1us", "table": str(table)}).exceeded(net)
    assert failure.message.startswith(f"latency of `ResNet18`: {1000 * seconds:.2f} ms; ")
    assert failure.hints[0].endswith(f"--layers --latency {table}` shows every layer")
    assert Budget.of({"latency": "<=1.0*resnet18", "table": str(table)}).allows(net)


def test_a_table_brings_its_batch(tmp_path: Path) -> None:
    table = tmp_path / "device.json"
    table.write_text(json.dumps(linear_table(batch=8).as_json()))
    budget = Budget.of({"latency": "<=1s", "table": str(table)})
    assert budget.conditions["batch"] == 8
    with pytest.raises(UserError, match="of 8 images at a time, not of 4"):
        Budget.of({"latency": "<=A", "table": str(table), "batch": 4})


def test_a_latency_without_a_table(ctcdsl: Any) -> None:
    with pytest.raises(UserError, match="CTC732") as caught:
        Budget.of({"latency": "<=5ms"})
    assert caught.value.diagnostics[0].labels[0].span.text == "<=5ms"
    with pytest.raises(UserError, match="table is not the path of a device's table"):
        Budget.of({"latency": "<=5ms", "table": 3})
    result = ctcdsl("check", "A", "--max-latency", "5ms")
    assert result.code == 1 and " --> --max-latency:1:1" in result.err


def test_keys_are_those_of_metrics() -> None:
    assert set(BOUNDED) == {"depth", *(m.name for m in METRICS)} - {"receptive-field", "roof"}
    assert not set(BOUNDED) & set(CONDITIONS)
    assert Budget.of({"training_macs": "<=3*A"}).bounds[0].metric is BOUNDED["training-macs"]


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_text('# ours\nmacs = "<=1.0*A"  # as the paper\n"params" = \'<=80M\'\n')
    budget = Budget.read(file)
    assert repr(budget) == '<Budget: macs = "<=1.0*A", params = "<=80M">'
    assert budget.bounds[1].place.text == "<=80M"


FILES = {
    "misspelt": ("CTC713", 'mac = "<=3M"\n', "mac", "did you mean `macs`?"),
    "unknown": ("CTC713", 'width = "<=3M"\n', "width", None),
    "flops": (
        "CTC713",
        'flops = "<=3M"\n',
        "flops",
        "`macs` bounds MACs, each of which is two FLOPs",
    ),
    "table": ("CTC713", '[nets]\nmacs = "<=3M"\n', "nets", None),
    "number": ("CTC714", "params = 60_000_000\n", "params", 'write `params = "<=60000000"`'),
    "truth": ("CTC714", "params = true\n", "params", 'write `params = "<=60M"`'),
    "unclosed": ("CTC712", 'macs = "<=3M\n', "\n", 'a budget has lines such as `macs = "<=60M"`'),
    "no value": ("CTC712", "macs =\n", "\n", 'a budget has lines such as `macs = "<=60M"`'),
    "network": ("CTC005", 'macs = "<=0.9*AA"\n', "AA", "did you mean `A`?"),
    "table of networks": ("CTC714", 'macs = "<=table1"\n', "table1", None),
    "hyphen": (
        "CTC714",
        'macs = "<=VGG-16"\n',
        "VGG",
        "a name with hyphens stands in backquotes: `` `VGG-16` ``",
    ),
    "batch": ("CTC713", 'batch = 0\nmacs = "<=3M"\n', "batch", "write `batch = 8`"),
    "precision": (
        "CTC713",
        'macs = "<=3M"\nprecision = "fp16"\n',
        "precision",
        'write `precision = "bf16"`',
    ),
    "reversed": ("CTC715", 'macs = "2G..1G"\n', "2G..1G", "write the smaller end first"),
    "negative": ("CTC715", 'macs = "<=3-5"\n', "<=3-5", None),
    "escaped": ("CTC005", 'macs = "<=\\u0041\\u0041"\n', "macs", "did you mean `A`?"),
    "later line": ("CTC714", 'params = "<=60M"\n\n  macs = "<=1.0 A"\n', "A", None),
}


@pytest.mark.parametrize("name", FILES)
def test_mistakes_have_their_place_in_the_file(name: str, tmp_path: Path) -> None:
    code, text, marked, hint = FILES[name]
    file = tmp_path / "budget.toml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        Budget.read(file)
    (diagnostic,) = caught.value.diagnostics
    (label,) = diagnostic.labels
    assert diagnostic.code == code
    assert label.span.source.name == str(file)
    assert label.span.text == marked
    if hint is not None:
        assert diagnostic.hints == (hint,)


def test_mistakes_without_a_place(tmp_path: Path) -> None:
    for content, message in (
        (b"", "the budget bounds nothing"),
        (b"batch = 8\n", "the budget bounds nothing"),
        (b'macs = "\xff"\n', "the budget is not UTF-8"),
    ):
        file = tmp_path / "budget.toml"
        file.write_bytes(content)
        with pytest.raises(UserError, match=message):
            Budget.read(file)
    with pytest.raises(UserError, match="cannot read the budget: no such file"):
        Budget.read(tmp_path / "nothing.toml")


def test_a_spec_with_errors_in_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.ctc").write_text("(3,8\n")
    with pytest.raises(UserError, match=r"the spec bad\.ctc has errors"):
        Budget.of({"macs": "<=2*bad.ctc"})


def test_bounds_of_file_and_option_that_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_text('depth = ">=2"\nmacs = ">=2G"\n')
    with pytest.raises(UserError) as caught:
        Budget.read(file).with_limits({"macs": "1G"})
    assert str(caught.value) == (
        "error[CTC715]: macs cannot be at least 2,000,000,000 and at most 1,000,000,000\n"
        " --> --max-macs:1:1\n  |\n1 | 1G\n  | ^^\n"
        f'  = note: the other bound is `macs = ">=2G"` in {file}:2'
    )


def test_every_bound_that_fails_is_an_error_at_the_layer_that_weighs_most() -> None:
    budget = Budget.of({"macs": "<=0.9*A", "params": "<=60M", "depth": ">=8", "traffic": "<=10MB"})
    macs, params, depth, traffic = budget.exceeded(ctcdsl.load("A"))
    assert macs.message == (
        "MACs of `A`: 854,954,688; 85,495,468 (11.1 %) over the budget of 769,459,219"
    )
    assert macs.labels[0].span.text == "(5, 128)"
    assert macs.labels[0].text == "stage2.conv has the most: 265,420,800, 31.0 %"
    assert macs.notes == ('the budget is `macs = "<=0.9*A"` in <budget>:1',)
    assert macs.hints == ("`ctcdsl cost A --layers` shows every layer",)
    # The paper's head has no text: the network's line stands for it.
    assert params.labels[0].text == "head.fc1 of the paper's head has the most: 52,432,896, 69.9 %"
    assert depth.message == "depth of `A`: 5; 3 (37.5 %) short of the budget of at least 8"
    assert depth.labels[0].text == ""
    assert traffic.message == (
        "traffic of `A`: 320,705,856 bytes; 32.1 times the budget of 10,000,000 bytes"
    )
    assert traffic.hints == ("`ctcdsl cost A --layers --metrics traffic` shows every layer",)


def test_a_layer_of_a_def_points_at_its_call() -> None:
    net = ctcdsl.loads("pad same\ndef wide(n) = (3,n) (3,n)\n(3,8) wide(64)\nhead: gap fc")
    (failure,) = Budget.of({"macs": "<=1k"}).exceeded(net)
    assert [label.span.text for label in failure.labels] == ["(3,n)", "wide(64)"]


def test_checking_with_a_budget(tmp_path: Path) -> None:
    text = "(3,64)/2 gap fc"
    assert ctcdsl.check(text, budget={"params": "<=1M"}).ok
    file = tmp_path / "budget.toml"
    file.write_text('params = "<=60k"\n')
    for budget in (file, str(file), {"params": "<=60k"}, Budget.read(file)):
        report = ctcdsl.check(text, budget=budget)
        assert [d.code for d in report.errors] == ["CTC711"] and report.networks
    assert ctcdsl.check("(3,64", budget={"params": "<=60k"}).errors[0].code != "CTC711"
    with pytest.raises(UserError, match="a budget has no key `param`"):
        ctcdsl.check(text, budget={"param": "<=60k"})
    with pytest.raises(TypeError, match="the path of a TOML file or a dict, not float"):
        ctcdsl.check(text, budget=3.5)  # type: ignore[arg-type]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write small.ctc and budget.toml in a folder, which becomes the current one."""
    monkeypatch.chdir(tmp_path)
    Path("small.ctc").write_text("let w = 8\nclasses 10 pad same\n(3,w) (5,w)\nhead: gap fc\n")

    def write(text: str) -> None:
        Path("budget.toml").write_text(text)

    return write


def test_the_command_exits_with_1(ctcdsl: Any, spec: Callable[[str], None]) -> None:
    spec('params = "<=2k"\nmacs = "<=90M"\n')
    result = ctcdsl("check", "small.ctc", "--budget", "budget.toml")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error[CTC711]: MACs of `small`: 91,119,616; 1,119,616 (1.2 %) over the budget of"
        " 90,000,000\n"
        " --> small.ctc:3:7\n"
        "  |\n"
        "3 | (3,w) (5,w)\n"
        "  |       ^^^^^ stage1.conv2 has the most: 80,281,600, 88.1 %\n"
        '  = note: the budget is `macs = "<=90M"` in budget.toml:2\n'
        "  = hint: `ctcdsl cost small.ctc --layers` shows every layer\n"
        "1 error\n"
    )
    spec('params = "<=4k"\nmacs = "<=100M"\n')
    result = ctcdsl("check", "small.ctc", "--budget", "budget.toml")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("; params 48.0 %, macs 91.1 % of the budget\n")


def test_options_bound_too(ctcdsl: Any, spec: Callable[[str], None]) -> None:
    assert ctcdsl("check", "small.ctc", "--max-macs", "100M", "--max-params", "0.1*A").code == 0
    result = ctcdsl("check", "small.ctc", "--max-macs", "100M", "--max-params", "1k")
    assert result.code == 1 and "the budget is `--max-params 1k`" in result.err
    spec('macs = "<=100M"\n')
    result = ctcdsl("check", "small.ctc", "--budget", "budget.toml", "--max-macs", "1M")
    assert result.code == 1 and result.err.count("CTC711") == 1
    empty = ctcdsl("check", "small.ctc", "--max-macs", "")
    assert empty.code == 1 and "error[CTC714]: --max-macs is empty" in empty.err


def test_options_say_how_networks_are_run(
    ctcdsl: Any, spec: Callable[[str], None], tmp_path: Path
) -> None:
    arguments = ("check", "small.ctc", "--max-memory", "4MB", "--max-training-memory", "30MB")
    assert ctcdsl(*arguments).code == 0
    assert ctcdsl(*arguments, "--batch", "8").err.count("CTC711") == 2
    spec('memory = "<=4MB"\nbatch = 8\n')
    assert ctcdsl("check", "small.ctc", "--budget", "budget.toml").code == 1
    assert ctcdsl("check", "small.ctc", "--budget", "budget.toml", "--batch", "1").code == 0
    table = tmp_path / "device.json"
    table.write_text(json.dumps(linear_table(processor="Other").as_json()))
    result = ctcdsl("check", "small.ctc", "--max-latency", "1s", "--latency", table)
    assert result.code == 0 and "note[CTC934]" in result.err
    alone = ctcdsl("check", "small.ctc", "--batch", "8")
    assert alone.code == 2 and "are for budgets: --budget or --max-macs" in alone.err


def test_a_run_for_each_value(ctcdsl: Any, spec: Callable[[str], None]) -> None:
    result = ctcdsl("check", "small.ctc", "--max-macs", "100M", "-D", "w=4,16")
    assert result.code == 1
    assert "note: with w=16" in result.err and "w=4 ok" in result.out
    assert "w=16 ok" not in result.out


def test_formats_have_the_errors_of_budgets(ctcdsl: Any, spec: Callable[[str], None]) -> None:
    arguments = ("check", "small.ctc", "--max-macs", "90M", "--max-params", "1M", "--format")
    data = json.loads(ctcdsl(*arguments, "json").out)
    assert [d["code"] for d in data["diagnostics"]] == ["CTC711"]
    assert data["networks"][0]["budget"][0] == {
        "metric": "macs",
        "bound": "--max-macs 90M",
        "value": 91_119_616,
        "least": None,
        "most": 90_000_000.0,
        "ok": False,
    }
    sarif = json.loads(ctcdsl(*arguments, "sarif").out)
    (result,) = sarif["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("CTC711", "error")
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"]) == (3, 7)
    line = ctcdsl(*arguments, "github").out
    assert line.startswith(
        "::error file=small.ctc,line=3,col=7,endLine=3,endColumn=12,title=CTC711::"
    )
    assert "(stage1.conv2 has the most: 80,281,600, 88.1 %25)" in line


def test_a_spec_with_errors_keeps_no_other_from_its_budget(
    ctcdsl: Any, spec: Callable[[str], None]
) -> None:
    Path("bad.ctc").write_text("(3,8\n")
    result = ctcdsl("check", "bad.ctc", "small.ctc", "--max-macs", "1M")
    assert result.code == 1 and "bad.ctc:1" in result.err and "CTC711" in result.err
