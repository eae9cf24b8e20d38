"""Promises about outputs, held against numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ctcdsl.checking import Network
from ctcdsl.codegen.names import attribute_name
from ctcdsl.ir import Conv, replace
from ctcdsl.passes import Guarantee, PassResult, run_pass
from ctcdsl.passes.rewrites.controls import RepeatLast
from ctcdsl.passes.rewrites.deepen import Deepen
from ctcdsl.passes.rewrites.delay_subsample import DelaySubsample
from ctcdsl.passes.stage_view import with_stage
from ctcdsl.passes.weights import Weights, transfer_chain, verify_outputs
from ctcdsl.passes.weights.interior import clean
from ctcdsl.passes.weights.probe import outputs, random_images, random_weights
from ctcdsl.passes.weights.tensors import state_names
from ctcdsl.text import UserError
from tests.conftest import SAMPLE, load, one
from tests.support.carrying import modern, small

PAIR = small("(7,8)/2 (2,12)x2 (3,8)")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongOrder:
    """Insert a pair of 2x2 identities, padding 0 first: what the rule would do."""

    name: ClassVar[str] = "wrong-order"
    summary: ClassVar[str] = "deepen with the pads the other way round"
    section: ClassVar[str] = "a test"
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS

    deepen: ClassVar[Deepen] = Deepen(stage="1", layer=3)

    def run(self, network: Network) -> PassResult:
        result = self.deepen.run(network)
        stage = result.architecture.stages[0]
        nodes = list(stage.elements)
        for at, pad in ((3, 0), (4, 1)):
            conv = nodes[at]
            assert isinstance(conv, Conv)
            nodes[at] = replace(conv, padding=(pad, pad))
        return PassResult(with_stage(result.architecture, 0, replace(stage, elements=tuple(nodes))))

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        return self.deepen.transfer_weights(before, after, weights)


class WrongOrderInside(WrongOrder):
    __slots__ = ()
    preserves: ClassVar[Guarantee] = Guarantee.INTERIOR


class Shifted(WrongOrderInside):
    """Keeps nothing, though it says so: the weights go to the wrong place."""

    __slots__ = ()

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        carried = WrongOrder.transfer_weights(self, before, after, weights)
        first = carried["stage1.conv1"]
        return {**carried, "stage1.conv1": {**first, "bias": first["bias"] + 0.01}}


class LiesAboutOutputs(DelaySubsample):
    __slots__ = ()
    preserves: ClassVar[Guarantee] = Guarantee.OUTPUTS


def test_a_pair_of_two_by_two_identities_is_exact_in_one_order_only() -> None:
    right = run_pass(one(small("(7,8)/2 (2,12)x2 (3,8)\nhead: fc")), Deepen(stage="1", layer=3))
    assert verify_outputs(right).difference == 0
    wrong = run_pass(one(small("(7,8)/2 (2,12)x2 (3,8)\nhead: fc")), WrongOrder())
    with pytest.raises(UserError, match="`wrong-order` guarantees the outputs") as caught:
        verify_outputs(wrong)
    assert caught.value.diagnostics[0].code == "CTC410"


def test_the_other_order_keeps_the_interior() -> None:
    measured = verify_outputs(run_pass(one(PAIR), WrongOrderInside()))
    assert measured.interior and measured.difference is not None and measured.exact


def test_a_broken_guarantee_about_the_interior_names_the_pass() -> None:
    with pytest.raises(UserError, match="`wrong-order` guarantees the interior"):
        verify_outputs(run_pass(one(PAIR), Shifted()))


def test_a_pass_that_lies_is_found_out() -> None:
    lie = run_pass(one(small("(3,8) 2/2 (3,8)")), LiesAboutOutputs())
    with pytest.raises(UserError, match="guarantees the outputs: outputs changed"):
        verify_outputs(lie)


def test_a_pass_that_guarantees_nothing_is_measured_all_the_same() -> None:
    step = run_pass(one(small("(3,8) 2/2 (3,8)")), DelaySubsample())
    measured = verify_outputs(step)
    assert measured.difference is not None and measured.difference > 1e-3 and not measured.exact


def test_interiors_are_found_through_blocks_and_larger_inputs() -> None:
    rows = "(3,8)/2 [ (5,8) (3,8) ]x2 3/2 { (1,4) | (3,6) } lrn(3,within) (7x1,8) (3,8,d3) (3,8)"
    for side in (16, 64):
        network = one(small(rows, pad="same", side=side))
        step = run_pass(network, Deepen(stage="2", size=3))
        inside = Inside(deepen=Deepen(stage="2", size=3))
        assert verify_outputs(step._replace(applied=inside)).exact


TAILS = (
    *("up(2)", "up(3,bilinear) (3,8)", "(3,8,up2)", "(4,8,up2) (5,8)"),
    *("[ (3,16) (3,16) | zeropad ]/2", "{ id | 2/2 (3,8) up(2) } lrn(3,within)"),
)


@pytest.mark.parametrize("tail", TAILS)
def test_interiors_are_found_through_layers_that_enlarge(tail: str) -> None:
    network = one(small(f"(7,8)/2 (2,12)x2 (3,8) {tail}", side=66))
    measured = verify_outputs(run_pass(network, WrongOrderInside()))
    assert measured.interior and measured.exact


@pytest.mark.parametrize("tail", TAILS)
def test_the_interior_is_what_a_larger_image_leaves(tail: str) -> None:
    """Padding is where the larger image goes on: no other values change."""
    bare = f"pad same\ninput 3x64x64\n(7,8)/2 3/2 (3,8) {tail}\nhead: none"
    small_net, large_net = one(bare), one(bare.replace("64x64", "160x160"))
    weights = random_weights(small_net)
    images = random_images(large_net.input)
    cut = outputs(small_net, weights, images[:, :, 48:112, 48:112])
    whole = outputs(large_net, weights, images)
    at = (whole.shape[-1] - cut.shape[-1]) // 2
    whole = whole[:, :, at : at + cut.shape[-2], at : at + cut.shape[-1]]
    rows, columns = clean(small_net)
    near = (cut - whole).abs().amax((0, 1)) < 1e-9
    assert near[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1].all()
    assert 0 < rows[0] < rows[1] < cut.shape[-2] - 1
    assert not near[rows[0] - 2].all() and not near[rows[1] + 2].all()


def test_where_a_layer_sees_whole_maps_there_is_no_interior() -> None:
    step = run_pass(one(small("(3,8) se(2) (3,8)")), Inside(deepen=Deepen(stage="1")))
    with pytest.raises(UserError, match="cannot be compared"):
        verify_outputs(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Deepen, promising the interior alone."""

    name: ClassVar[str] = "inside"
    summary: ClassVar[str] = "deepen"
    section: ClassVar[str] = "a test"
    preserves: ClassVar[Guarantee] = Guarantee.INTERIOR

    deepen: Deepen

    def run(self, network: Network) -> PassResult:
        return self.deepen.run(network)

    def transfer_weights(self, before: Network, after: Network, weights: Weights) -> Weights:
        return self.deepen.transfer_weights(before, after, weights)


def test_outputs_that_are_no_numbers_cannot_be_compared() -> None:
    step = run_pass(one(small("(3,8) 2/2 (3,8)")), DelaySubsample())
    weights = random_weights(step.before)
    weights["head.fc"]["bias"] += float("nan")
    assert verify_outputs(step, weights).difference is None
    with pytest.raises(UserError, match="outputs cannot be compared"):
        verify_outputs(step._replace(applied=LiesAboutOutputs()), weights)


def test_tensors_of_which_the_shape_changes_are_refused() -> None:
    spec = small("(3,8) max(3,p0,ceil)/2 (3,8)\nhead: drop(0.1) fc", side=66)
    step = run_pass(one(spec), DelaySubsample())
    with pytest.raises(UserError, match=r"head.fc is 5x8192, and was 5x8712") as caught:
        verify_outputs(step)
    assert caught.value.diagnostics[0].code == "CTC407"


def test_a_pass_that_transfers_nothing_is_named() -> None:
    step = run_pass(one(small("(3,8)")), RepeatLast(times=1))
    with pytest.raises(UserError, match="`repeat-last` computes another function") as caught:
        transfer_chain([step], random_weights(step.before))
    assert caught.value.diagnostics[0].code == "CTC407"


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
def test_every_tensor_of_every_module_has_its_layer(path: Path) -> None:
    network = load(path)
    found = state_names(network)
    assert len({(slot.layer, slot.role) for slot in found.values()}) == len(found)
    for key, slot in found.items():
        stage = attribute_name(slot.layer.partition(".")[0])
        assert key.partition(".")[0] in (stage, "classifier")


def test_a_norm_before_its_convolution_is_found_there() -> None:
    found = {slot.role: key for key, slot in state_names(modern("densenet121", 64)).items()}
    assert found["norm.variance"].endswith(".running_var")
