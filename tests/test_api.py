"""The library as `import ctcdsl` offers it."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

import ctcdsl
from ctcdsl import api, checking, deployment, designs, experiments
from ctcdsl.ir import Shape
from ctcdsl.loading import built_in_specs
from ctcdsl.syntax.parser import Parser
from ctcdsl.text import Source
from tests.conftest import ROOT

ROW = "(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6"


def test_importing_it_loads_nothing() -> None:
    names = "{'torch', 'lark', 'ctcdsl.api', 'ctcdsl.designs', 'ctcdsl.experiments'}"
    code = f"import sys, ctcdsl; sys.exit(not {names}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_is_there_and_listed() -> None:
    assert set(ctcdsl.__all__) <= set(dir(ctcdsl))
    for module in (api, designs, experiments, deployment):
        assert set(module.__all__) <= set(ctcdsl.__all__)
        for name in module.__all__:
            assert getattr(ctcdsl, name) is getattr(module, name)
    for name in ctcdsl.__all__:
        assert getattr(ctcdsl, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'costs'"):
        ctcdsl.costs  # noqa: B018  # the attribute is what is tested


def test_the_page_on_python_has_every_function() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    functions = [name for name in ctcdsl.__all__ if name.islower()]
    assert [name for name in functions if not re.search(rf"(ctcdsl\.|`){name}\(", page)] == []


def test_types_are_for_those_who_import_it() -> None:
    assert (Path(ctcdsl.__file__).parent / "py.typed").exists()


def test_the_examples_of_the_docstrings_hold() -> None:
    names = {name: getattr(ctcdsl, name) for name in ctcdsl.__all__} | {"Source": Source}
    for module in (ctcdsl, api, designs):
        result = doctest.testmod(module, optionflags=doctest.ELLIPSIS, extraglobs=names)
        assert result.attempted and not result.failed, module


def test_a_text_a_file_and_a_name_give_the_same_network(tmp_path: Path) -> None:
    file = tmp_path / "E.ctc"
    file.write_text(f"net E\n{ROW}\n", encoding="utf-8")
    found = ctcdsl.load(file)
    assert found == ctcdsl.load(str(file)) == ctcdsl.loads(f"net E\n{ROW}")
    assert found.macs == ctcdsl.load("E").macs == 846_271_168
    assert ctcdsl.loads(str(found)) == found and hash(ctcdsl.loads(str(found))) == hash(found)


def test_the_text_of_every_built_in_network_loads_as_an_equal_network() -> None:
    for spec in built_in_specs():
        for net in ctcdsl.load_all(spec.name):
            again = ctcdsl.loads(str(net))
            assert again == net and hash(again) == hash(net) and str(again) == str(net), net.name


def test_a_network_says_what_it_is() -> None:
    net = ctcdsl.load("resnet50")
    assert (net.name, net.input, net.classes) == ("ResNet50", Shape(3, 224, 224), 1000)
    assert list(net.stages) == ["conv1", "conv2_x", "conv3_x", "conv4_x", "conv5_x", "head"]
    assert net.params == 25_557_032
    assert repr(net) == "<Network ResNet50: 3x224x224 -> 1000x1x1, 4,087,136,256 MACs>"
    assert "conv5_x" in net._repr_html_()


@pytest.mark.parametrize("given", [(3, 96, 96), "3x96x96", 96, Shape(3, 96, 96)])
def test_another_input(given: tuple[int, int, int] | str | int) -> None:
    assert ctcdsl.load("A", input=given).input == Shape(3, 96, 96)


@pytest.mark.parametrize("given", ["3x96", "x", 0, (3, 96, 0), (3.0, 96, 96), (True, 96, 96)])
def test_what_is_not_an_input(given: tuple[int, int, int] | str | int) -> None:
    with pytest.raises(ValueError, match="is not an input"):
        ctcdsl.load("A", input=given)


def test_parameters_have_values() -> None:
    assert ctcdsl.loads("let w = 8\n(3,w) gap fc", params={"w": 16}).layers[0].output.channels == 16
    with pytest.raises(ctcdsl.SpecError, match="no `let v`"):
        ctcdsl.loads("let w = 8\n(3,w) gap fc", params={"v": 16})


def test_errors_show_the_place() -> None:
    with pytest.raises(ctcdsl.SpecError) as caught:
        ctcdsl.loads("(7,64)/2 gpa fc")
    assert isinstance(caught.value, ValueError)
    assert "unknown layer `gpa`" in str(caught.value) and "^^^" in str(caught.value)
    assert [d.code for d in caught.value.diagnostics] == ["CTC101"]


def test_checking_raises_nothing(tmp_path: Path) -> None:
    assert ctcdsl.check(ROW).ok
    assert [d.code for d in ctcdsl.check("(3,").diagnostics] == ["CTC003"]
    assert [d.code for d in ctcdsl.check(tmp_path / "none.ctc").diagnostics] == ["CTC005"]


def test_one_of_several_networks() -> None:
    assert ctcdsl.load("table2", name="J'") == ctcdsl.load_all("table2")[-1]
    with pytest.raises(ctcdsl.SpecError, match="4 networks"):
        ctcdsl.load("table2")


def test_the_cost_of_a_batch() -> None:
    one, many = ctcdsl.cost("E"), ctcdsl.cost("E", batch=8)
    assert many.macs == 8 * one.macs and many.params == one.params
    assert many.relative_to(one) == 1


def test_a_rewrite_has_its_text_and_steps() -> None:
    found = ctcdsl.rewrite("A", "depth-for-size:stage=3,to=2", frozen=["first-layer"])
    assert "(2,256)x6" in found.text and "# He & Sun" in found.text
    assert ctcdsl.loads(found.text) == found.network and len(found.steps) == 1
    with pytest.raises(ctcdsl.SpecError, match="no pass `depth`"):
        ctcdsl.rewrite("A", "depth")
    with pytest.raises(ctcdsl.SpecError, match="outside of"):
        ctcdsl.rewrite("A", "depth-for-size:stage=3,to=2", within=(0.5, 0.6))
    with pytest.raises(ValueError, match="at least one pass"):
        ctcdsl.rewrite("A")


def test_one_rewrite_parses_twice_and_checks_twice(
    monkeypatch: pytest.MonkeyPatch, ctcdsl: Any
) -> None:
    """The author's text and the new one; the network before and the one that the pass made."""
    calls: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    count(Parser, "parse")
    count(checking, "infer_network")
    designs.rewrite("A", "depth-for-size:stage=3,to=2", name="B")
    assert calls == {"parse": 2, "infer_network": 2}
    calls.clear()
    assert ctcdsl("rewrite", "A", "--pass", "depth-for-size:stage=3,to=2", "--name", "B").code == 0
    assert calls == {"parse": 2, "infer_network": 2}


def test_rewrites_follow_rewrites(tmp_path: Path) -> None:
    """Each in the author's form, with the name and the values of `let`s that are given."""
    file = tmp_path / "N.ctc"
    file.write_text("let w = 64\nnet N # first\npad paper\n(7,w)/2 3/3 (2,128)x4 2/2 (2,256)x6\n")
    first = designs.rewrite(api.load(file, params={"w": 32}), "repeat-last:times=1", name="M")
    second = designs.rewrite(first.network, "repeat-last:times=1,stage=2", name="L")
    assert first.network.name == "M" and second.network == api.loads(second.text)
    assert second.text == (
        "let w = 32\nnet L  # first\npad paper\n(7,w)/2 3/3 (2,128)x5 2/2 (2,256)x7\n"
    )
    with pytest.raises(ValueError, match="'let' is not a name"):
        designs.rewrite("A", "add-pool", name="let")


def test_weights_follow_a_rewrite() -> None:
    net = ctcdsl.loads("net N input 3x16x16 classes 5\nstyle conv-bn-relu\n(3,8) (3,8) gap fc")
    module = ctcdsl.build(net).eval()
    found = ctcdsl.rewrite(net, "fold-bn", weights=module.state_dict())
    assert found.weights is not None
    folded = ctcdsl.build(found.network, weights=found.weights).eval()
    images = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(folded(images), module(images))


def test_generated_source_is_that_of_the_command() -> None:
    assert "class E(nn.Module):" in ctcdsl.generate("E")
    with pytest.raises(ValueError, match="unknown target 'jax'"):
        ctcdsl.generate("E", "jax")


def test_results_are_short_and_readable() -> None:
    net = ctcdsl.load("A")
    cost = ctcdsl.cost(net, batch=2)
    assert repr(cost).startswith("<Cost of A: 1,709,909,376 MACs for 2 images, ")
    rewrite = ctcdsl.rewrite(net, "depth-for-size:stage=3,to=2")
    assert repr(rewrite) == f"<Rewrite of A by depth-for-size: {rewrite.network!r}>"
    assert repr(ctcdsl.check(ROW)).startswith("<Report: ok, <Network ")
    report = ctcdsl.check("(7,64)/2 gpa fc")
    assert repr(report) == "<Report: 1 error>"
    assert str(report) == str(report.diagnostics[0]) and "^^^" in str(report)
    with pytest.raises(TypeError, match="the other network, not Network"):
        cost.relative_to(net)  # type: ignore[arg-type]


def test_without_torch_help_lists_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert {"load", "Recipe"} <= set(dir(ctcdsl))
    assert not {"train", "Callback"} & set(dir(ctcdsl))


@pytest.mark.parametrize("name", ["train", "evaluate", "compare", "export", "Callback", "Run"])
def test_what_needs_torch_says_so(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("ctcdsl.text.packages.find_spec", lambda name: None)
    monkeypatch.delitem(vars(ctcdsl), name, raising=False)
    with pytest.raises(ctcdsl.UserError, match=f"ctcdsl.{name} needs the package torch"):
        getattr(ctcdsl, name)


def test_wrong_arguments_are_plain_errors() -> None:
    net = ctcdsl.load("A")
    size = "depth-for-size:stage=3,to=2"
    wrong: list[tuple[Any, type[Exception], str]] = [
        (lambda: ctcdsl.load(3), TypeError, "a spec, not int"),  # type: ignore[arg-type]
        (lambda: ctcdsl.cost([net]), TypeError, "a spec, not list"),  # type: ignore[arg-type]
        (lambda: ctcdsl.loads(Path("a.ctc")), TypeError, "`load` takes"),  # type: ignore[arg-type]
        (lambda: ctcdsl.loads("a.ctc"), ctcdsl.SpecError, "the name of a file"),
        (lambda: ctcdsl.load("(7,64)/2 gap fc"), ctcdsl.SpecError, "loads` takes it"),
        (lambda: ctcdsl.load("(7,64) gap fc"), ctcdsl.SpecError, "loads` takes it"),
        (lambda: ctcdsl.load("A", params={"k": "3/"}), ValueError, "k is '3/'"),
        (lambda: ctcdsl.load("A", params={"k": float("nan")}), ValueError, "k is nan"),
        (lambda: ctcdsl.load("A", params=[1]), TypeError, "give a dict"),  # type: ignore[arg-type]
        (lambda: ctcdsl.cost(net, batch=0), ctcdsl.UserError, "batch is 0"),
        (lambda: ctcdsl.cost(net, precision="fp16"), ctcdsl.UserError, "precision is 'fp16'"),
        (lambda: ctcdsl.rewrite(net, 3), TypeError, "3 is not a pass"),  # type: ignore[arg-type]
        (lambda: ctcdsl.rewrite(net, size, within=(-7, 3)), ValueError, "shares of the MACs"),
        (lambda: ctcdsl.rewrite(net, size, frozen="head"), ValueError, "give a list of"),
        (lambda: ctcdsl.rewrite(net, size, multiple=0), ctcdsl.UserError, "multiple is 0"),
        (lambda: ctcdsl.build(net, weights=3), TypeError, "not int"),  # type: ignore[arg-type]
        (lambda: ctcdsl.report([net], metrics="macs"), TypeError, r"a list, \['macs'\]"),
        (lambda: ctcdsl.search("A", rank="macs"), TypeError, r"a list, \['macs'\]"),
        (lambda: ctcdsl.search("A", max_depth=0), ctcdsl.UserError, "max_depth is 0"),
        (lambda: ctcdsl.search("A", budget="<=5M"), ctcdsl.SpecError, "TOML file with lines"),
        (lambda: ctcdsl.bench(net, tasks="forward"), TypeError, "give a list"),  # type: ignore[arg-type]
        (lambda: ctcdsl.export(net, classes="cat"), TypeError, "give a list"),
    ]
    for call, kind, message in wrong:
        with pytest.raises(kind, match=message):
            call()


def test_a_path_is_taken_wherever_a_network_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.ctc"
    file.write_text(ROW, encoding="utf-8")
    assert ctcdsl.cost(file).macs == 846_271_168
    assert "class Mine" in ctcdsl.generate(file)
    assert ctcdsl.check("mine.ctc").diagnostics[0].code == "CTC005"


def test_integers_of_numpy_are_integers() -> None:
    import numpy

    integer: Any = numpy.int64
    size = integer(96)
    net = ctcdsl.load("A", input=(integer(3), size, size))
    assert net == ctcdsl.load("A", input=96) and type(net.macs) is int
    assert type(ctcdsl.cost(net, batch=integer(2)).macs) is int
    scaled = ctcdsl.loads("let w = 8\n(3,w) gap fc", params={"w": integer(16)})
    assert type(scaled.macs) is int and scaled.layers[0].output.channels == 16


def test_what_is_doubtful_is_a_warning_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(ctcdsl.SpecWarning, match="224 channels of 224x3"):
        api.loads("input 224x224x3 style conv-bn-relu\n(3,8,p1) gap fc")
    (tmp_path / "A.ctc").write_text("(3,8) gap fc")
    monkeypatch.chdir(tmp_path)
    with pytest.warns(ctcdsl.SpecWarning, match="CTC951") as caught:
        api.load("A")
    assert [warning.filename for warning in caught] == [__file__]
