"""`recompute`: what it chooses, what it prints, and when nothing fits."""

from __future__ import annotations

import json
from typing import Any

import pytest

import ctcdsl as library
from ctcdsl.passes.rewrites.recompute import Recompute

SPEC = """style conv-bn-relu
input 3x64x64
classes 5
# kept
a:    (3,32)x2
b:    (3,32)x3
head: gap fc
"""


def test_the_step_fits_and_the_network_stays(ctcdsl: Any) -> None:
    net = library.loads(SPEC)
    before = library.memory(net, batch=8).training
    limit = int(0.7 * (before.peak + before.kernels))
    result = library.rewrite(net, f"recompute:memory={limit}B,batch=8")
    training = library.memory(result.network, batch=8).training
    assert training.peak + training.kernels <= limit
    assert result.network.architecture.recompute and "\n# kept\na:    (3,32)x2\n" in result.text
    assert library.loads(result.text) == result.network
    (step,) = result.steps
    assert step.figures["peak"] == training.peak + training.kernels
    assert 0 < step.figures["extra_forward"] < 1
    undone = library.rewrite(result.network, "recompute:memory=1TB,batch=8")
    assert undone.network.architecture.recompute == () and undone.text == SPEC
    assert "nothing needs to be recomputed" in undone.steps[0].notes[0]


def test_json_and_all_choices(ctcdsl: Any) -> None:
    arguments = ("rewrite", "-", "--pass", "recompute:batch=8", "--all")
    table = ctcdsl(*arguments, stdin=SPEC).out
    assert table.splitlines()[2].endswith("nothing")
    choices = json.loads(ctcdsl(*arguments, "--format", "json", stdin=SPEC).out)["choices"]
    assert [c["peak"] for c in choices] == sorted((c["peak"] for c in choices), reverse=True)
    assert choices[0]["recompute"] == [] and choices[-1]["extra_macs"] > 0
    chosen = f"recompute:memory={choices[-1]['peak']}B,batch=8"
    result = ctcdsl("rewrite", "-", "--pass", chosen, "--format", "json", stdin=SPEC)
    (step,) = json.loads(result.out)["steps"]
    assert step["figures"]["peak"] <= choices[-1]["peak"]
    assert step["figures"]["extra_macs"] <= choices[-1]["extra_macs"]
    wrong = ctcdsl("rewrite", "-", "--pass", "fold-bn", "--all", stdin=SPEC)
    assert wrong.code == 2 and "--all shows the choices of one pass" in wrong.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("", "CTC402", "`recompute` needs `memory`"),
        (":memory=7", "CTC702", "`7` has no unit"),
        (":memory=1GB,precision=int8", "CTC402", "`precision` of `recompute` is `int8`"),
        (":memory=1GB,batch=0", "CTC402", "`batch` must be at least 1"),
        (":memory=100kB", "CTC421", "weights, gradients and the optimizer's state alone take"),
        (":memory=10MB,batch=8", "CTC421", "at least"),
    ],
)
def test_what_cannot_be(options: str, code: str, message: str) -> None:
    with pytest.raises(library.UserError) as failure:
        library.rewrite(library.loads(SPEC), f"recompute{options}")
    assert failure.value.diagnostics[0].code == code
    assert message in str(failure.value)


def test_another_pass_drops_parts_whose_layers_it_changed() -> None:
    net = library.loads(SPEC.replace("# kept", "recompute a b.conv2..conv3"))
    (step,) = library.rewrite(net, "repeat-last:stage=2,times=1").steps
    assert len(step.after.architecture.recompute) == 1
    assert "1 part of `recompute` dropped: the layers changed" in step.notes


def test_choices_are_of_less_and_less_memory() -> None:
    choices = Recompute(batch=8).choices(library.load("resnet50"))
    assert len(choices) > 10 and choices[0].extra == 0
    half = next(
        c for c in choices if c.memory.training.saved <= 0.5 * choices[0].memory.training.saved
    )
    assert half.share < 0.35
