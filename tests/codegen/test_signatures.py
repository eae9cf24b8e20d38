"""Classes of `def`s: their parameters are the author's, whatever the calls are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ctcdsl.checking import Network, check_source, infer_shapes
from ctcdsl.codegen import class_name, generate
from ctcdsl.codegen.blocks import Blocks
from ctcdsl.codegen.classes import class_lines
from ctcdsl.codegen.layers import Layers
from ctcdsl.ir import Block, replace
from ctcdsl.metrics import network_cost
from ctcdsl.spaces.search import Search
from ctcdsl.syntax.nodes import Call, Def, Line, Number
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source
from tests.conftest import NETWORKS, check, one
from tests.support.spaces import space_of

WITH_DEFS = [path for path in NETWORKS if "\ndef " in path.read_text(encoding="utf-8")]


def def_classes(network: Network) -> dict[str, str]:
    """The classes of blocks that came from `def`s, as text."""
    blocks = Blocks(network.nodes, Layers(network), class_name(network.name))
    style = network.architecture.style
    return {
        code.name: "\n".join(class_lines(code, style))
        for code in blocks.classes
        if code.block_class.first.source is not None
    }


def altered(text: str) -> Iterator[tuple[str, Network]]:
    """The networks of texts in which one argument of the first call of a `def` is another."""
    tree = parse(Source("<stdin>", text))[0]
    defs = {s.name.text for s in tree.statements if isinstance(s, Def)}
    calls = [
        item.primary
        for line in tree.statements
        if isinstance(line, Line)
        for item in line.items
        if isinstance(item.primary, Call) and item.primary.word in defs
    ]
    for call in {call.word: call for call in reversed(calls)}.values():
        for argument in call.arguments:
            if not isinstance(argument, Number):
                continue
            value = argument.value
            for other in (value + 2, 2 * value, value + 24, 4 * value):
                _, start, end = argument.span
                report = check(f"{text[:start]}{other}{text[end:]}")
                if report.ok:
                    yield f"{call.span.text}: {value} is {other}", report.networks[0]
                    break


@pytest.mark.parametrize("path", WITH_DEFS, ids=lambda path: path.stem)
def test_another_argument_of_a_call_does_not_change_the_class(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    (network,) = check_source(Source(str(path), text)).networks
    classes = def_classes(network)
    for change, other in altered(text):
        assert def_classes(other) == classes, change


HEADERS = "net N\nstyle conv-bn-relu\ninput 3x24x24\nclasses 5\n"
CASES = {
    "fire": ("def f(s,e) = (1,s) { (1,e) | (3,e) }", "f(4,8) f(6,8)", "f(5,3) f(7,9)"),
    "concat": (
        "def inc(a,b,n) = { (1,a) | (1,b) (3,n) | 3/1 (1,a) }",
        "inc(2,3,4)",
        "inc(5,6,7) inc(1,2,3)",
    ),
    "one value": ("def se1(r) = [ (1,c) se(c/r) (1,c) ]", "(3,8) se1(4)", "(3,12) se1(2)"),
    "inverted": (
        "def ir(t,n,k=3) = [ (1,t*c) (k,dw) (1,n,linear) | id? ]",
        "ir(2,8)x2/2 ir(2,8,k=5)",
        "ir(3,6)x2/2 ir(1,9)",
    ),
    "always the identity": (
        "def b(n) = [ (3,n) (3,n) ]",
        "(3,8) b(8)x2 b(8)/2",
        "(3,8) b(6)x2 b(4)/2",
    ),
    "always projected": ("def b(n) = [ (1,n) (3,n) (1,4n) ]", "b(4)/2", "b(2) b(2)/2 b(3)/2"),
    "groups": (
        "def gr(n) = [ (1,n) (3,n,g(n/4)) se(c/4) (1,n) ]",
        "(3,8) gr(8) gr(16)/2",
        "(3,4) gr(12) gr(4) gr(4)/2",
    ),
    "rounded": (
        "let w = 0.75\ndef r(n) = { (1,round8(w*n)) | (3,round8(n*w)) }",
        "r(16)",
        "r(40) r(9)",
    ),
    "split": (
        "def u(n) = split(c/4){ id | (3,c) } (1,n)",
        "(3,8) u(8)",
        "(3,16) u(12) u(8)",
    ),
    "nested": (
        "def a(n) = { (1,n) | id }\ndef b(n,m) = [ a(n) { (1,c/2) | (3,m) a(2*m) } (1,n) ]",
        "(3,8) b(4,3) b(4,5)",
        "(3,6) b(2,7) b(8,1)",
    ),
    "as many layers as one says": (
        "def d(n,k) = { id | (3,n)x(k) }",
        "d(4,2) d(4,3)",
        "d(6,2) d(8,3)",
    ),
    "as many equal blocks as one says": (
        "def a(m) = [ (1,m) (3,c) ]\ndef d(n,k) = split{ id | a(n)x(k) (1,c) } (1,n)",
        "(3,8) d(4,1) d(4,3)",
        "(3,6) d(6,2) d(8,1)",
    ),
    "as many equal layers as one says": (
        "def d(n,k) = { id | (3,c)x(k) 3/1 }",
        "(3,8) d(3,2)",
        "(3,6) d(5,1) d(3,4)",
    ),
    "equal layers before others": (
        "def d(n,k) = [ (3,c)x(k) (1,n) | (1,n) ]",
        "(3,8) d(3,2)",
        "(3,6) d(5,2) d(3,2)",
    ),
    "another padding": (
        "pad paper\ndef p(k,n) = { (k,n) | (1,n,p0) (k,n) }",
        "p(3,4) p(5,4)",
        "p(5,6) p(3,2)",
    ),
    "rates": ("def r(p,n) = { drop(p) (3,n) | (1,n) }", "r(0.5,3) r(0.5,4)", "r(0.5,8)"),
}


def built(source: str, name: str, **replaced: Any) -> tuple[Any, dict[str, Any]]:
    """A network's module, and what else is in its file, with other classes for some."""
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(source, namespace)
    namespace.update(replaced)
    torch.manual_seed(0)
    return namespace[name]().eval(), namespace


@pytest.mark.parametrize(("definition", "calls", "others"), CASES.values(), ids=CASES)
def test_a_class_is_right_for_calls_that_the_network_does_not_have(
    definition: str, calls: str, others: str
) -> None:
    header = HEADERS.replace("style conv-bn-relu\n", "") if "pad paper" in definition else HEADERS
    one_net, other_net = (
        one(f"{header}{definition}\na: {line}\nhead: gap fc\n") for line in (calls, others)
    )
    _, classes = built(generate(one_net), "N")
    expected, _ = built(generate(other_net), "N")
    names = def_classes(one_net)
    assert names and set(names) == set(def_classes(other_net))
    module, _ = built(generate(other_net), "N", **{name: classes[name] for name in names})
    used = {type(part) for part in module.modules()}
    assert used & {classes[name] for name in names}
    module.load_state_dict(expected.state_dict())
    images = torch.randn(2, 3, 24, 24)
    assert torch.equal(module(images), expected(images))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def fire(s,e) = (1,s) { (1,e) | (3,e) }\nfire(4,8)", "in_chs: int, e: int"),
        ("def seb(r) = [ (1,c) se(c/r) ]\n(3,8) seb(4)", "channels: int, r: int"),
        ("def b(n,k=3) = [ (k,n) (1,n) ]\nb(8)", "in_chs: int, n: int, k: int = 3"),
        ("let w = 0.5\ndef b(n) = [ (3,w*n) (1,n) ]\nb(8)", "in_chs: int, n: int"),
    ],
)
def test_the_signature_is_that_of_the_def(text: str, expected: str) -> None:
    (lines,) = def_classes(one(f"{HEADERS}{text}\nhead: gap fc")).values()
    assert f"def __init__(self, {expected}) -> None:" in lines


@pytest.mark.parametrize("calls", ["dark(4,2)", "dark(4,1) dark(8,1)", "dark(6,1) dark(4,3)"])
def test_the_number_of_blocks_does_not_change_their_class(calls: str) -> None:
    text = "def dark(n,d) = [ (1,n) (3,2n) ]x(d)\n(3,8) {} (3,16)/2\nhead: gap fc"
    classes = def_classes(one(HEADERS + text.format(calls)))
    assert classes == def_classes(one(HEADERS + text.format("dark(3,1)")))
    assert list(classes) == ["Dark"]


def test_a_number_of_equal_blocks_is_a_parameter() -> None:
    text = (
        "def a(m) = [ (m,c) ]\ndef csp(d,k) = split{ id | a(k)x(d) (1,c) }\n(3,8) csp(3,1) csp(1,3)"
    )
    classes = def_classes(one(f"{HEADERS}{text}\nhead: gap fc"))
    assert list(classes) == ["ABlock", "Csp"]
    text = classes["Csp"]
    assert "(self, channels: int, d: int, k: int) -> None:" in text
    assert '**{f"block{k_}": ABlock(width, k) for k_ in range(1, d + 1)},' in text


def test_the_index_of_equal_blocks_hides_no_parameter() -> None:
    text = "def a(k) = [ (k,c) ]\ndef b(k) = { id | a(k)x4 }\na: (3,8) b(3)\nhead: gap fc"
    network = one(HEADERS + text)
    module, _ = built(generate(network), "N")
    assert sum(p.numel() for p in module.parameters()) == network_cost(network).params


def test_a_number_that_also_counts_layers_is_a_constant() -> None:
    text = "def d(k) = { id | (3,c)x(k) (1,k) }\na: (3,8) d(2) d(3)\nhead: gap fc\n"
    network = one(HEADERS + text)
    assert def_classes(network) == {}
    source = generate(network)
    assert "class DBlock(" in source and "class DBlock2(" in source and "k: int" not in source


def test_a_block_that_a_pass_changed_has_its_own_numbers() -> None:
    text = f"{HEADERS}def b(n) = [ (3,n) (3,n) ]\na: (3,16)\nb: b(16) b(16)\nhead: gap fc"
    network = one(text)
    assert list(def_classes(network)) == ["BBlock"]
    stage = network.architecture.stages[1]
    block = stage.elements[0]
    assert isinstance(block, Block)
    first, second = block.branches[0].elements
    wider = (replace(first, filters=12), second)
    changed = replace(block, branches=(replace(block.branches[0], elements=wider),))
    stages = (
        network.architecture.stages[0],
        replace(stage, elements=(changed, stage.elements[1])),
    )
    (other,) = infer_shapes(replace(network.architecture, stages=stages)).networks
    classes = def_classes(other)
    assert len(classes) == 1, "the second block is as the `def` gives it"
    module, _ = built(generate(other), "N")
    assert module(torch.randn(1, 3, 24, 24)).shape == (1, 5)
    assert module.b.block1.residual.conv1.conv.out_channels == 12


def test_designs_of_a_space() -> None:
    space = space_of(
        HEADERS + "let m = 0.5 | 1\nlet block = basic | ir\ndef basic(n) = [ (3,n) (3,n) ]\n"
        "def ir(n) = [ (1,2c) (<3|5>,dw) (1,n,linear) | id? ]\n"
        "def other(n) = { (3,round8(m*n)) | (1,n) }\na: (3,8) block(8) other(16)\nhead: gap fc\n"
    )
    sources = [generate(design.network) for design in Search(space).designs()]
    assert len(sources) == 6
    for source in sources:
        module, _ = built(source, "N")
        assert module(torch.randn(1, 3, 24, 24)).shape == (1, 5)
        assert "round8(0.5 * n)" in source or "round8(n)" in source
