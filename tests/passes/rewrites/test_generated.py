"""Passes over generated networks: what comes out checks, costs what it may, and reads again."""

from __future__ import annotations

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Architecture, replace
from ctcdsl.ir.printer import unparse
from ctcdsl.metrics import network_cost
from ctcdsl.passes import Guarantee, Pass, Step, run_pass
from ctcdsl.passes.base import TOLERANCE
from ctcdsl.passes.rewrites.add_pool import AddPool, RemovePool
from ctcdsl.passes.rewrites.budget import Repair, Transfer
from ctcdsl.passes.rewrites.controls import NetworkInNetwork, RepeatLast
from ctcdsl.passes.rewrites.delay_subsample import DelaySubsample, UndelaySubsample
from ctcdsl.passes.rewrites.depth_for_size import DepthForSize, SizeForDepth
from ctcdsl.passes.rewrites.scale import Scale
from ctcdsl.passes.rewrites.width import DepthForWidth, WidthForSize
from ctcdsl.passes.update_source import update_source
from ctcdsl.syntax.format import format_file
from ctcdsl.syntax.parser import parse
from ctcdsl.text import Source, UserError
from tests.conftest import check, one

# ------------------------------------------------------------------- networks

WIDTHS = st.sampled_from([8, 16, 24, 32, 64, 96])
POOLS = st.sampled_from(["2/2", "3/2", "3/3", "max(3,p1)/2", "avg(2)/2", "2/1", "3/2 lrn", "lrn"])
ODD = st.sampled_from(
    [
        "[ (3,16) ]",
        "{ (1,8) | (3,8) }",
        "pair(16)",
        "(3,dw)",
        "(3,16,g2)",
        "(3,16,d2,p2)",
        "(1x3,16,p0x1)",
        "(3,16,linear)",
        "(3,16,p1)",
        "(3,w)x2",
        "drop(0.1)",
        "se(4)",
        "(3,8)/2",
    ]
)


@st.composite
def stages(draw: st.DrawFn) -> str:
    """A row of plain convolutions, behind a pool or not; now and then with something else."""
    width, size = draw(WIDTHS), draw(st.sampled_from([2, 3, 3, 5, 7, 1]))
    depth = draw(st.integers(1, 6))
    times = f"x{depth}" if depth > 1 else ""
    parts = [draw(POOLS)] if draw(st.booleans()) else []
    parts.append(f"({size},{width})/2{times}" if not draw(st.integers(0, 9)) else
                 f"({size},{width}){times}")  # fmt: skip
    if draw(st.booleans()):
        parts.append(f"({draw(st.sampled_from([size, size, 3]))},{draw(WIDTHS)})")
    if not draw(st.integers(0, 5)):
        parts.insert(draw(st.integers(0, len(parts))), draw(ODD))
    return " ".join(parts)


@st.composite
def specs(draw: st.DrawFn) -> str:
    """A spec that may well be wrong: `networks` takes those that are right."""
    comments = st.sampled_from(["", "", "  # a comment", "  # another: (3,8)×2"])
    rows = draw(st.lists(stages(), min_size=1, max_size=4))
    if draw(st.booleans()):  # beside one that does most of the work, others may change more
        rows[0] = draw(st.sampled_from(["(7,64)/2 (3,128)x3", "(5,96) 2/2 (5,128)x2"]))
    head = draw(
        st.sampled_from(["", "head: none", "head: gap fc", "gap drop(0.5) fc", "top: gmp fc(8) fc"])
    )
    lines = ["# made up", "let w = 16", "def pair(n) = (3,n) (3,n)"]
    lines += [f"net N{draw(comments)}", f"input 3x{draw(st.sampled_from([64, 96, 224]))}x96"]
    lines.append(f"style {draw(st.sampled_from(['conv-relu', 'conv-bn-relu', 'bn-relu-conv']))}")
    lines.append(f"pad {draw(st.sampled_from(['same', 'paper', 'valid']))}")
    shape = draw(st.sampled_from(["one line", "lines", "named"]))
    if shape == "one line":
        lines.append(" ".join(rows) + draw(comments))
    for k, row in enumerate(rows if shape != "one line" else [], start=1):
        label = f"part{k}: " if shape == "named" else ""
        if not draw(st.integers(0, 5)):
            lines.append("# between")
        lines.append(f"{label}{row}{draw(comments)}")
    return "\n".join([*lines, head]) + "\n"


@st.composite
def networks(draw: st.DrawFn) -> tuple[Source, Network]:
    source = Source("<stdin>", draw(specs()))
    report = check(source.text)
    assume(report.ok)
    return source, report.networks[0]


@st.composite
def rewrites(draw: st.DrawFn) -> Pass:
    """A pass with options that may well not fit."""
    stage = draw(st.sampled_from(["2", "1", "3", "4", "part2"]))
    size = draw(st.sampled_from([2, 3, 5, 4, 1, 6, 7]))
    multiple = draw(st.sampled_from([1, 4, 8, 32]))
    maybe = draw(st.sampled_from([None, stage]))
    made: list[Pass] = [
        DepthForSize(stage=stage, to=size),
        SizeForDepth(stage=stage, to=size),
        DepthForWidth(stage=stage, depth=draw(st.integers(1, 12)), multiple=multiple),
        WidthForSize(stage=stage, to=size, multiple=multiple),
        AddPool(layers=draw(st.integers(1, 4)), pool=draw(st.integers(1, 3)), multiple=multiple),
        RemovePool(multiple=multiple),
        DelaySubsample(stage=maybe),
        UndelaySubsample(stage=maybe),
        RepeatLast(times=draw(st.integers(0, 4)), stage=maybe),
        NetworkInNetwork(stage=maybe),
        Transfer(source=stage, target=draw(st.sampled_from(["1", "2", "3"])), multiple=multiple),
        Repair(stage=stage, macs=draw(st.sampled_from([None, 10**6, 10**8])), multiple=multiple),
        Scale(macs=draw(st.sampled_from(["40%", "70%", "130%"])), stage=maybe, multiple=multiple),
        Scale(params=draw(st.sampled_from(["60%", "90%"])), multiple=multiple),
    ]
    return draw(st.sampled_from(made))


def attempt(network: Network, applied: Pass) -> Step | None:
    """What a pass makes; None where it refuses, with a code of its own and at a place."""
    try:
        return run_pass(network, applied)
    except UserError as error:
        (diagnostic,) = error.diagnostics
        assert "CTC401" < diagnostic.code < "CTC414"
        assert diagnostic.labels or diagnostic.code == "CTC402"
        for label in diagnostic.labels:
            assert label.span.source.text and label.span.text
        return None


def unnamed_head(architecture: Architecture) -> Architecture:
    return replace(architecture, head=replace(architecture.head, implied=False))


# ----------------------------------------------------------------- properties


@settings(max_examples=400)
@given(made=networks(), applied=rewrites())
def test_any_pass_on_any_network(made: tuple[Source, Network], applied: Pass) -> None:
    source, before = made
    step = attempt(before, applied)
    event(f"{applied.name} {'applies' if step else 'refuses'}")
    if step is None:
        return
    # what comes out checks, and is what was checked
    report = infer_shapes(step.after.architecture)
    assert report.ok and report.networks[0] == step.after
    # it costs what it guarantees
    if applied.preserves is Guarantee.COMPLEXITY:
        change = network_cost(step.after).macs / network_cost(before).macs - 1
        assert TOLERANCE[0] <= change <= TOLERANCE[1]
    # its text is canonical, says exactly this network, and keeps comments and definitions
    printed = update_source(before.architecture, step.after.architecture)
    text = printed.origin.source.text
    read = one(text).architecture
    assert read == printed
    assert unnamed_head(read) == unnamed_head(step.after.architecture)
    tree, _ = parse(Source("", text))
    assert format_file(tree) == text
    for line in source.text.splitlines():
        assert line.partition("#")[2].strip() in text
    assert "let w = 16" in text or isinstance(applied, Scale)


@settings(max_examples=150)
@given(made=networks(), chain=st.lists(rewrites(), min_size=2, max_size=4))
def test_any_chain_on_any_network(made: tuple[Source, Network], chain: list[Pass]) -> None:
    """The text of each step read again, as a pipe does, leads where the chain leads."""
    _, start = made
    network = piped = start
    for applied in chain:
        step = attempt(network, applied)
        if step is None:
            continue
        printed = update_source(piped.architecture, step.after.architecture)
        network, piped = step.after, one(printed.origin.source.text)
    assert unparse(unnamed_head(network.architecture)) == unparse(unnamed_head(piped.architecture))


# ------------------------------------------------------------------- ways back

SIZES = st.sampled_from([(2, 3), (3, 5), (2, 5), (2, 4), (3, 7), (4, 7)])


@st.composite
def rows(draw: st.DrawFn, size: int, copies: int) -> tuple[Network, str]:
    """A network with a stage of filters of one size, `copies` of each width, and that stage.

    Another stage does most of the work, so that what becomes of this one is within bounds.
    """
    widths = draw(st.lists(WIDTHS, min_size=1, max_size=3))
    row = " ".join(f"({size},{width})x{copies}" for width in widths)
    style = draw(st.sampled_from(["conv-relu", "conv-bn-relu"]))
    pad = draw(st.sampled_from(["same", "paper"]))
    pool = draw(st.sampled_from(["2/2", "3/2", "max(3,p1)/2", "avg(2)/2"]))
    text = f"input 3x160x160\nstyle {style}\npad {pad}\n(5,96) (3,128)x3 {pool} {row}\nhead: none"
    report = check(text)
    assume(report.ok)
    return report.networks[0], "2"


def there_and_back(before: Network, there: Pass, back: Pass) -> bool:
    """Whether a pass and its inverse both apply, and then change nothing."""
    try:
        middle = run_pass(before, there).after
        after = run_pass(middle, back).after
    except UserError as error:
        assert error.diagnostics[0].code in ("CTC404", "CTC405", "CTC406", "CTC410", "CTC411")
        return False
    assert after == before and after.nodes == before.nodes
    return True


@settings(max_examples=100)
@given(sizes=SIZES, data=st.data())
def test_depth_for_size_and_back(sizes: tuple[int, int], data: st.DataObject) -> None:
    small, large = sizes
    before, stage = data.draw(rows(large, 1))
    there, back = DepthForSize(stage=stage, to=small), SizeForDepth(stage=stage, to=large)
    event(f"applies: {there_and_back(before, there, back)}")


@settings(max_examples=100)
@given(sizes=SIZES, data=st.data())
def test_size_for_depth_and_back(sizes: tuple[int, int], data: st.DataObject) -> None:
    small, large = sizes
    before, stage = data.draw(rows(small, (large - 1) // (small - 1)))
    there, back = SizeForDepth(stage=stage, to=large), DepthForSize(stage=stage, to=small)
    event(f"applies: {there_and_back(before, there, back)}")


@settings(max_examples=150)
@given(made=networks())
def test_delay_and_back(made: tuple[Source, Network]) -> None:
    _, before = made
    assume(attempt_quietly(before, UndelaySubsample()) is None)  # nothing was delayed before
    event(f"applies: {there_and_back(before, DelaySubsample(), UndelaySubsample())}")


@settings(max_examples=150)
@given(width=WIDTHS, last=WIDTHS, depth=st.integers(2, 6), layers=st.integers(2, 4),
       pool=st.integers(2, 3), size=st.sampled_from([2, 3]), named=st.booleans())  # fmt: skip
def test_add_pool_and_back(
    width: int, last: int, depth: int, layers: int, pool: int, size: int, named: bool
) -> None:
    row = f"(7,64)/2 3/3 (3,64) 2/2 ({size},{width})x{depth}+({size},{last})"
    row = row.replace("(3,64) 2/2", "\nwide: (3,64)\ndeep: 2/2") if named else row
    before = one(f"input 3x224x224\npad paper\n{row}\nhead: none")
    there = AddPool(layers=layers, pool=pool, multiple=8)
    step = attempt(before, there)
    assume(step is not None and ", from" not in step.notes[0])
    event(f"applies: {there_and_back(before, there, RemovePool(multiple=8))}")


@settings(max_examples=150)
@given(channels=WIDTHS, width=WIDTHS, last=WIDTHS, old=st.integers(2, 8), new=st.integers(2, 8),
       size=st.sampled_from([2, 3, 5]))  # fmt: skip
def test_depth_for_width_and_back(
    channels: int, width: int, last: int, old: int, new: int, size: int
) -> None:
    row = f"(7,{channels})/2 3/3 ({size},{width})x{old - 1}+({size},{last})"
    before = one(f"input 3x224x224\npad paper\n{row}\nhead: none")
    there = DepthForWidth(stage="2", depth=new, multiple=8)
    step = attempt(before, there)
    assume(step is not None and ", from" not in step.notes[0])
    event(
        f"applies: {there_and_back(before, there, DepthForWidth(stage='2', depth=old, multiple=8))}"
    )


def attempt_quietly(network: Network, applied: Pass) -> Step | None:
    try:
        return run_pass(network, applied)
    except UserError:
        return None
