"""A pass that breaks its guarantee, leaves a wrong network or fails is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Architecture, Conv, PadRule, Shape, Stage, replace
from ctcdsl.passes import Frozen, Guarantee, Interval, Pass, PassResult, run_pass, run_passes
from ctcdsl.passes.rewrites.controls import RepeatLast
from ctcdsl.text import Diagnostic, UserError
from tests.support.rewriting import paper

A = paper("(7,64)/2 3/3 (5,128) 2/2 (3,256)x3")


class Double:
    """What a third party's passes have in common here."""

    summary: ClassVar[str] = "a test double"
    section: ClassVar[str] = "none"
    preserves: ClassVar[Guarantee] = Guarantee.COMPLEXITY


def widened(architecture: Architecture, times: int) -> Architecture:
    """A network with more filters in each layer of its last stage."""
    nodes = tuple(
        replace(node, filters=times * node.filters) if isinstance(node, Conv) else node
        for node in architecture.stages[-1].elements
    )
    last = replace(architecture.stages[-1], elements=nodes)
    return replace(architecture, stages=(*architecture.stages[:-1], last))


@dataclass(frozen=True, kw_only=True)
class Doubles(Double):
    name: ClassVar[str] = "doubles"
    times: int = 2

    def run(self, network: Network) -> PassResult:
        return PassResult(widened(network.architecture, self.times))


@dataclass(frozen=True, kw_only=True)
class Computes(Doubles):
    name: ClassVar[str] = "computes-the-same"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    def run(self, network: Network) -> PassResult:
        return PassResult(replace(network.architecture, classes=7))


@dataclass(frozen=True, kw_only=True)
class Breaks(Double):
    name: ClassVar[str] = "breaks"

    def run(self, network: Network) -> PassResult:
        architecture = network.architecture
        (first, *others) = architecture.stages[-1].elements
        assert isinstance(others[0], Conv)
        large = replace(others[0], kernel=(99, 99), padding=(0, 0))
        last = replace(architecture.stages[-1], elements=(first, large))
        return PassResult(replace(architecture, stages=(*architecture.stages[:-1], last)))


@dataclass(frozen=True, kw_only=True)
class Fails(Double):
    name: ClassVar[str] = "fails"
    how: str

    def run(self, network: Network) -> PassResult:
        if self.how == "raises":
            raise ZeroDivisionError("of all things")
        if self.how == "returns":
            return network.architecture  # type: ignore[return-value]
        stages = (*network.architecture.stages, Stage(name=None, elements=()))
        return PassResult(replace(network.architecture, stages=stages))


def failure(*passes: Pass, frozen: tuple[Frozen, ...] = ()) -> Diagnostic:
    with pytest.raises(UserError) as caught:
        run_passes(A, passes, frozen=frozen)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


def test_a_broken_guarantee_of_complexity() -> None:
    found = failure(RepeatLast(times=1), Doubles(), RepeatLast(times=1))
    assert found.code == "CTC410"
    assert found.message.startswith("`doubles` guarantees the complexity, and would change")
    assert "×2." in found.message and found.labels[0].span.text.startswith("(7,64)/2")


def test_a_broken_guarantee_of_outputs() -> None:
    found = failure(Computes())
    assert found.code == "CTC410" and "`computes-the-same` guarantees the outputs" in str(
        found.message
    )
    assert "7x1x1 instead of 1000x1x1" in found.message


def test_a_guarantee_that_holds() -> None:
    (step,) = run_passes(A, [Doubles(times=1)])
    assert step.after.architecture == A.architecture


def test_a_wrong_network() -> None:
    found = failure(Breaks())
    assert found.code == "CTC411" and found.message.startswith("`breaks` produced an invalid")
    assert "99x99" in found.message and found.notes == ("CTC201 of the network that the pass made",)
    assert found.labels[0].span.text == "(3,256)"  # the layer that it was made from


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "ZeroDivisionError: of all things"),
        ("returns", "TypeError: run() returned Architecture, not PassResult"),
        ("empties", "IndexError"),
    ],
)
def test_a_third_party_s_pass_that_fails(how: str, said: str) -> None:
    found = failure(Fails(how=how))
    assert found.code == "CTC504"
    assert found.message.startswith(f"the pass `fails` of {__name__} fails: {said}")
    assert any(f"{__file__}:" in note for note in found.notes) is (how == "raises")


def test_a_pass_of_ours_that_fails_is_a_bug_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: RepeatLast, network: Network) -> PassResult:
        raise KeyError("oh")

    monkeypatch.setattr(RepeatLast, "run", run)
    with pytest.raises(KeyError) as caught:
        run_pass(A, RepeatLast(times=1))
    assert caught.value.__notes__ == ["in the pass `repeat-last`"]


@dataclass(frozen=True, kw_only=True)
class Grows(Double):
    name: ClassVar[str] = "grows"
    preserves: ClassVar[Guarantee] = Guarantee.NOTHING

    def run(self, network: Network) -> PassResult:
        shape = network.input._replace(height=256, width=256)
        return PassResult(replace(network.architecture, input=shape))


def test_what_is_frozen_names_the_pass() -> None:
    found = failure(RepeatLast(times=1), Grows(), frozen=(Frozen.HEAD, Frozen.INPUT))
    assert found.code == "CTC412"
    assert found.message == "`grows` changes the input, which is frozen"
    assert len(run_passes(A, [RepeatLast(times=1)], frozen=tuple(Frozen))) == 1


@pytest.mark.parametrize(
    "changed",
    [
        replace(A.architecture, classes=7),
        replace(A.architecture, pad=PadRule.SAME),
        replace(A.architecture, maps=((35, 35), (18, 18))),
        replace(A.architecture, maps=((36, 36), (18, 18))),
        replace(A.architecture, input=Shape(3, 200, 224)),
        replace(A.architecture, input=Shape(4, 224, 224)),
        replace(A.architecture, stages=A.architecture.stages[:2]),
        replace(A.architecture, stages=A.architecture.stages[1:]),
        replace(A.architecture, stages=A.architecture.stages[::-1]),
        replace(A.architecture, stages=A.architecture.stages * 2),
        replace(A.architecture, head=replace(A.architecture.head, layers=())),
    ],
)
def test_what_two_networks_share_is_checked_as_ever(changed: Architecture) -> None:
    shared, fresh = infer_shapes(changed, previous=A), infer_shapes(changed)
    assert shared == fresh
    assert [net.nodes for net in shared.networks] == [net.nodes for net in fresh.networks]


def test_intervals() -> None:
    interval = Interval(-0.07, 0.03)
    assert 0.0 in interval and 0.03 in interval and -0.0701 not in interval
    assert str(interval) == "-7%,+3%"
