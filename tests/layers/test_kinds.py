"""What kinds of layers say of themselves, held against their operations; who asks for a kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import prod
from pathlib import Path

import pytest

import ctcdsl as package
from ctcdsl.ir import Block, Conv, Layer, SlidingWindow, replace
from ctcdsl.ir.network import Node
from ctcdsl.layers import WORDS
from ctcdsl.lowering import layer_ops
from ctcdsl.ops.activation import Activate
from ctcdsl.ops.op import POINT
from tests.conftest import one

EXAMPLES = {"depth": "[ (3,48,linear) depth(0.2) ]", "zeropad": "zeropad(64)/2"}
ROWS = (
    *("(5,64)/2", "(3,64,linear)", "(3,96,g48)", "(3,dw)", "(2,64,up2)", "(3,64,up2,linear)"),
    *("3/2", "{ 3/1 }", "up(3)", "up(2,bilinear)", "fc", "fc(9,linear)"),
    *(EXAMPLES.get(word, entry.example or word) for word, entry in WORDS.items()),
)


def nodes_of(row: str, style: str = "conv-relu") -> tuple[Node, ...]:
    """The layers of a row behind one of 48 channels, whose maps are 12x12."""
    head = "" if "fc" in row or row.startswith(("gap", "gmp", "spp")) else "head: none"
    text = f"style {style}\ninput 3x12x12\n(1,48,bare) {row}\n{head}"
    layers = [node for node in one(text).layers if not isinstance(node.layer, Block)]
    return tuple(layers[1:])


NODES = [
    node for row in ROWS for style in ("conv-relu", "bn-relu-conv") for node in nodes_of(row, style)
]


def kinds(kind: type[Layer] = Layer) -> Iterator[type[Layer]]:
    """The kinds that do not leave their rules to others."""
    for inner in kind.__subclasses__():
        yield from kinds(inner)
        if inner.__module__.startswith("ctcdsl.") and getattr(inner, "widths", None) is not None:
            yield inner


def layer(node: Node) -> Layer:
    assert not isinstance(node.layer, Block)
    return node.layer


def written(node: Node) -> str:
    return layer(node).origin.text


def test_every_kind_is_among_the_examples() -> None:
    assert {type(node.layer) for node in NODES} == set(kinds())


@pytest.mark.parametrize("node", NODES, ids=written)
def test_strides_and_growth_are_those_of_its_windows(node: Node) -> None:
    kind = layer(node)
    windows = [op.op.window() for op in layer_ops(node)]
    known = [window for window in windows if window is not None]
    if node.output[1:] == (1, 1) or len(known) < len(windows):
        return  # it looks at its whole map
    stride = kind.stride if isinstance(kind, SlidingWindow) else (1, 1)
    for side in range(2):
        growth = prod(window.growth for window in known)
        assert stride[side] * growth == kind.growth * prod(window.stride[side] for window in known)


@pytest.mark.parametrize("node", NODES, ids=written)
def test_what_is_pixelwise_sees_one_position(node: Node) -> None:
    if layer(node).pixelwise:
        assert all(op.op.window() == POINT for op in layer_ops(node))


@pytest.mark.parametrize("node", NODES, ids=written)
def test_the_last_activation_is_its_last_operation(node: Node) -> None:
    kind = layer(node)
    *before, last = layer_ops(node)
    activation = kind.last_activation
    if activation is None:
        assert not isinstance(last.op, Activate)
        return
    assert last.op == activation.op(node.output.channels)
    rest = kind.without_activation()
    ops = [] if rest is None else layer_ops(node._replace(layer=rest))
    assert [op.op for op in ops] == [op.op for op in before]


@pytest.mark.parametrize("node", NODES, ids=written)
def test_widths_are_the_numbers_that_change_channels(node: Node) -> None:
    kind = layer(node)
    channels = [op.output.shape.channels for op in layer_ops(node)]
    for name in type(kind)._compared:
        value = getattr(kind, name)
        depthwise = isinstance(kind, Conv) and 1 < kind.groups == kind.filters
        if type(value) is not int or (depthwise and name == "groups"):
            continue
        changed = replace(kind, **{name: 2 * value})
        if depthwise:  # so it stays
            changed = replace(changed, groups=2 * value)
        ops = layer_ops(node._replace(layer=changed))
        other = [op.output.shape.channels for op in ops] != channels
        assert other == (name in kind.widths), name
        assert (changed.form() == kind.form()) == other, name


# ------------------------------------------------------------- who asks for a kind


ASKED = {
    "ActivationLayer": {"codegen/structures", "ir/printer", "shapes/blocks"},
    "ConvTranspose": {
        *("codegen/pytorch", "elaborate/layers", "ir/printer", "passes/rewrites/fold_bn"),
    },
    "Dropout": {"codegen/overrides", "elaborate/networks"},
    "Identity": {
        *("drawing/chains", "elaborate/networks", "passes/rewrites/repvgg_fuse", "shapes/blocks"),
    },
    "NormLayer": {"ir/printer", "passes/rewrites/fold_bn", "passes/rewrites/repvgg_fuse"},
    "SpatialPyramid": {"passes/weights/channels"},
    "ZeroPad": {"elaborate/joins"},
}
"""The files that treat a kind apart, but for convolutions, pools and matrices: no others may."""


def asked() -> dict[str, set[str]]:
    """The files outside of `layers/` that ask whether a layer is of one kind, by kind."""
    names = {kind.__name__ for kind in kinds()}
    root = Path(package.__file__).parent
    found: dict[str, set[str]] = {}
    for path in root.rglob("*.py"):
        room = path.relative_to(root)
        if room.parts[0] == "layers":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        ours = {
            alias.name
            for statement in ast.walk(tree)
            if isinstance(statement, ast.ImportFrom)
            and (statement.module or "").startswith(("ctcdsl.ir", "ctcdsl.layers"))
            for alias in statement.names
        }
        for expression in ast.walk(tree):
            tested: ast.AST | None = None
            if isinstance(expression, ast.MatchClass):
                tested = expression.cls
            elif isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name):
                asks = expression.func.id in ("isinstance", "issubclass")
                tested = expression.args[1] if asks else None
            for part in ast.walk(tested) if tested is not None else ():
                if isinstance(part, ast.Name) and part.id in names & ours:
                    found.setdefault(part.id, set()).add(room.with_suffix("").as_posix())
    return found


def test_which_files_ask_for_which_kind() -> None:
    files = asked()
    assert {kind: files[kind] for kind in files.keys() - {"Conv", "Pool", "Linear"}} == ASKED
