"""A microcontroller's memory of spaces in parts, against the whole-network compiler."""

from __future__ import annotations

import random

import pytest

from ctcdsl.budgets import Budget
from ctcdsl.metrics.catalog import MACS
from ctcdsl.metrics.mcu import mcu_memory
from ctcdsl.metrics.memory_metrics import MCU_MEMORY
from ctcdsl.spaces.objectives import Rails
from ctcdsl.spaces.search import Search
from ctcdsl.text import UserError
from tests.spaces import test_brackets, test_calls
from tests.support.spaces import assert_as_compiled, space_of

METRICS = (MACS, MCU_MEMORY)

SPACES = {
    "a small map in a large buffer": "(3,16) (3,dw)/2 (1,<40|64|80|96>) (3,dw)/2 (3,<4|90>)",
    "and enters a bracket": "(3,16) (3,dw)/2 [ (1,<40|80>) (3,<4|8>) (1,16) ] (1,<4|90>)",
    "and leaves one": "(3,8) [ (1,<8|16>) (3,dw)/2 | (1,c)/2 (1,<8|16>) ] (1,<8|90>)",
    "the input is one of the outputs": "(3,8) { id | (1,<4|8>) (3,<4|8>) | id } [ id | (3,<c|8>) ]",
    "the input is the only output": "(3,8) [ (3,<8|16>)x(<0..1>) ] [ id | (3,<8|16>)? ] (3,<4|8>)",
    "an activation not in place": "(3,8) [ [ id | (1,<4|8>) (3,8)/2? ] (1,<7|8>) (1,8) | id ]",
    "which branch stays": "(3,8) [ (3,<4|8>) (1,<4|8>) | id? ]x2 [ (1,<4|8>)/2 (1,<2|8>) | id? ]",
    "squeeze and excite": "(3,8) [ (1,<8|16>) (3,dw)/2 se(4) (1,<8|16>,linear) ] (3,<4|8>)",
    "activations at the begin": "(3,8) [ relu (3,<4|8>) (3,8) | id ] [ (1,8) | relu ] (3,<4|8>)",
}


@pytest.mark.parametrize("name", SPACES)
def test_the_memory_is_that_of_the_compiler(name: str) -> None:
    text = f"style conv-bn-relu\ninput 3x17x17\n{SPACES[name]}\nhead: none"
    assert_as_compiled(space_of(text), METRICS)


@pytest.mark.parametrize(
    "text",
    [*test_brackets.SPACES.values(), *test_calls.SPACES.values()],
    ids=[*test_brackets.SPACES, *test_calls.SPACES],
)
def test_the_memory_of_other_spaces_is_that_of_the_compiler(text: str) -> None:
    assert_as_compiled(space_of(text), METRICS)


LAYERS = (
    *("(1,8)", "(3,<4|8>)", "(1,<8|16>)", "(3,<8|12>)x(<0|1>)"),
    *("(3,dw)", "(3,dw)/2", "(3,dw,linear)", "3/1", "2/2", "bn", "se(4)", "id"),
)


def chain(generator: random.Random, depth: int) -> str:
    """Some layers and brackets."""
    parts: list[str] = []
    for _ in range(generator.choice((1, 2, 2, 3))):
        inner = depth and not generator.randrange(3)
        parts.append(bracket(generator, depth - 1) if inner else generator.choice(LAYERS))
    return " ".join(parts)


def bracket(generator: random.Random, depth: int) -> str:
    """A bracket."""
    opening, closing = generator.choice(("[]", "[]", "{}", ("mul[", "]")))
    count = generator.choice((1, 2, 2, 3)) if opening == "[" else 2
    branches = [f"{chain(generator, depth)} (1,8)" for _ in range(count)]
    if opening == "[" and count > 1:
        branches[-1] = generator.choice((branches[-1], "id?", "id", "(1,8)?"))
    if opening != "mul[" and not generator.randrange(4):
        branches[0] = "id"
    return f"{opening} {' | '.join(branches)} {closing}"


@pytest.mark.parametrize("seed", range(16))
def test_the_memory_of_random_spaces_is_that_of_the_compiler(seed: int) -> None:
    generator = random.Random(seed)
    while True:
        style = generator.choice(("conv-bn-relu", "conv-bn-relu6", "bn-relu-conv"))
        layers = f"{chain(generator, 2)} {bracket(generator, 2)} (1,<4|64>)"
        text = f"style {style}\npad same\ninput 3x16x16\n(3,8) {layers}\nhead: none"
        if text.count("<") > 7:  # the compiler takes all of them
            continue
        try:
            space = space_of(text)
            total = space.graph(()).networks
        except UserError:  # no network of it checks
            continue
        if 3 < total < 100:
            assert_as_compiled(space, METRICS)
            return


def test_a_billion_networks_within_the_memory_of_a_microcontroller() -> None:
    layers = " ".join(["(3,<16..128 by 16>)"] * 5)
    space = space_of(
        f"style conv-bn-relu\ninput 3x16x16\n(3,8) [ {layers} (1,8) | {layers} (1,8) | id? ]"
    )
    rails = Rails(min_width=1, max_depth=None, chains=True)
    search = Search(space, Budget().with_bounds({"mcu-memory": "<=24KiB"}), rails=rails)
    assert search.total == 8**10
    assert 0 < search.count < search.total
    for design in search.front:  # each is compiled
        assert mcu_memory(design.network).peak <= 24 * 1024
