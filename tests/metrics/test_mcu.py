"""Microcontrollers: published figures, small networks by hand, and arenas that hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ctcdsl
from ctcdsl.metrics.mcu import ALIGNMENT, Buffer, greedy_arena, mcu_memory
from tests.conftest import one


def test_mobilenet_v2_is_what_mcunetv2_publishes() -> None:
    memory = ctcdsl.memory("mobilenet_v2").mcu
    assert memory.peak / 1024 == 1372.0
    assert (memory.layer, memory.block) == ("stage2.ir1.branch1.conv1", "stage2.ir1")
    assert memory.peak == max(memory.layers.values()) == max(memory.blocks.values())
    assert repr(memory).startswith("<McuMemory of MobileNetV2: 1,372.0 KiB in stage2.ir1")


@pytest.mark.parametrize(
    ("layers", "peak"),
    [
        ("(3,8)", (3 + 8) * 64),
        ("(3,8) (3,8)", (8 + 8) * 64),
        ("(3,8,relu) relu", (3 + 8) * 64),  # in place
        ("(3,8) (3,dw)", (3 + 8) * 64),  # the depthwise convolution is in place
        ("(3,8) 2/2", (3 + 8) * 64),
        ("(3,8) [ (3,8)x2 ]", 3 * 8 * 64),  # the shortcut waits
        ("(3,8) [ (1,4) (1,8) | id ]", 8 * 64 + (4 + 8) * 64),
        ("(3,8) { (1,4) | (1,8) }", (8 + 4 + 8) * 64 + 4 * 64),
    ],
)
def test_small_networks_by_hand(layers: str, peak: int) -> None:
    net = one(f"style conv-bn-relu\ninput 3x8x8\nclasses 2\n{layers}\nhead: none\n")
    assert mcu_memory(net).peak == peak


def test_depthwise_convolutions_need_one_channel_more() -> None:
    """But not where a shortcut still needs their input."""
    net = one("style conv-bn-relu\ninput 3x8x8\n(3,64) (5,dw)\nhead: none\n")
    memory = mcu_memory(net)
    assert memory.layers["stage1.conv2"] == 64 * 64 + 64
    net = one("style conv-bn-relu\ninput 3x8x8\n(3,64) [ (5,dw) | id ]\nhead: none\n")
    assert mcu_memory(net).peak == 2 * 64 * 64


def test_weights_are_bytes_and_folded_norms_are_biases() -> None:
    plain = one("input 3x8x8\nclasses 2\n(3,4) gap fc\n")
    normed = one("style conv-bn-relu\ninput 3x8x8\nclasses 2\n(3,4) gap fc\n")
    assert mcu_memory(plain).weights == 3 * 9 * 4 + 4 * 4 + 4 * 2 + 4 * 2
    assert mcu_memory(normed).weights == mcu_memory(plain).weights


def test_it_is_a_metric_and_a_budget() -> None:
    budget = {"mcu-memory": "<=256KB"}
    report = ctcdsl.check("style conv-bn-relu\ninput 3x96x96\n(3,32)/2 gap fc", budget=budget)
    assert report.ok
    report = ctcdsl.check("style conv-bn-relu\ninput 3x224x224\n(3,32)/2 gap fc", budget=budget)
    (failure,) = report.errors
    assert failure.code == "CTC711"
    assert "stage1.conv has the most: 551,936" in str(report)


@given(
    st.lists(
        st.builds(
            lambda size, first, length: Buffer(size, first, first + length),
            st.integers(0, 200),
            st.integers(0, 12),
            st.integers(0, 6),
        ),
        max_size=14,
    )
)
def test_an_arena_holds_what_is_in_use_and_never_more_than_all(buffers: list[Buffer]) -> None:
    def aligned(buffer: Buffer) -> int:
        return -(-buffer.size // ALIGNMENT) * ALIGNMENT

    arena = greedy_arena(buffers)
    in_use = [sum(aligned(b) for b in buffers if b.first <= at <= b.last) for at in range(20)]
    assert max(in_use) <= arena <= sum(map(aligned, buffers))


def test_the_arena_of_a_chain_is_its_peak() -> None:
    net = one("input 3x16x16\nclasses 2\n(3,16) 2/2 (3,32) 2/2 gap fc\n")
    memory = mcu_memory(net)
    assert memory.arena == memory.peak
