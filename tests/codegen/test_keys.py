"""Names of tensors stay when other layers come, go or change."""

from __future__ import annotations

import pytest

from ctcdsl.passes.weights.tensors import state_names
from tests.conftest import one

RESNET18 = """net ResNet18
style conv-bn-relu
input 3x64x64
conv1:   (7,64)/2
conv2_x: 3/2 [ (3,64)x2 ]x2
conv3_x: [ (3,128)x2 ]x2/2
conv4_x: [ (3,256)x2 ]x2/2
conv5_x: [ (3,512)x2 ]x2/2
head:    gap fc
"""


def keys(text: str) -> dict[str, tuple[int, ...]]:
    return {key: spec.shape for key, spec in state_names(one(text)).items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # without parameters
        ("conv1:   (7,64)/2", "conv1:   (7,64)/2 3/1"),
        ("conv2_x: 3/2 [", "conv2_x: ["),
        ("conv2_x: 3/2 [ (3,64)x2 ]x2", "conv2_x: 3/2 [ (3,64)x2 ] drop(0.1) [ (3,64)x2 ]"),
        ("[ (3,128)x2 ]x2/2", "[ (3,128) drop(0.1) (3,128) ]x2/2"),
        ("[ (3,512)x2 ]x2/2", "relu [ (3,512)x2 ]x2/2 relu"),
        ("gap fc", "gap drop(0.2) fc"),
        ("gap fc", "avg(2)/1 gap fc"),
        # appended
        ("conv1:   (7,64)/2", "conv1:   (7,64)/2 (3,64)"),
        ("[ (3,256)x2 ]x2/2", "[ (3,256)x2 ]x4/2"),
        ("[ (3,512)x2 ]x2/2", "[ (3,512)x2 ]x2/2 (1,512)"),
        ("gap fc", "gap fc(512) fc"),
        # another activation
        ("conv-bn-relu", "conv-bn-gelu"),
        ("conv-bn-relu", "conv-bn-prelu"),
        ("(7,64)/2", "(7,64,silu)/2"),
        ("(7,64)/2", "(7,64,linear)/2"),
        ("[ (3,128)x2 ]x2/2", "[ (3,128,elu) (3,128) ]x2/2"),
        # names and comments
        ("conv3_x: [", "conv3_x: [  # here the map halves\n["),
        ("conv2_x: 3/2 [ (3,64)x2 ]x2", "def basic = [ (3,64)x2 ]\nconv2_x: 3/2 basic x2"),
        ("net ResNet18", "net Another"),
    ],
)
def test_no_tensor_of_another_layer_is_renamed(old: str, new: str) -> None:
    before = keys(RESNET18)
    assert len(before) == 122
    text = RESNET18.replace(old, new)
    assert text != RESNET18
    if "def " in new:
        text = text.replace("def basic = [ (3,64)x2 ]\n", "").replace(
            "conv1:", "def basic = [ (3,64)x2 ]\nconv1:"
        )
    after = keys(text.replace("# here the map halves\n[", ""))
    assert {key: shape for key, shape in before.items() if after.get(key) != shape} == {}


def test_a_chain_without_blocks_and_norms() -> None:
    text = "net V\ninput 3x32x32\na: (3,8)x2 2/2\nb: (3,16)x2 2/2\nhead: fc(8) fc\n"
    before = keys(text)
    for old, new in (
        ("2/2\nb", "avg(2)/2 relu\nb"),
        ("(3,8)x2", "(3,8,linear) (3,8,gelu)"),
        ("(3,16)x2", "(3,16)x2 (3,16)"),
        ("fc(8) fc", "drop(0.1) fc(8,tanh) drop(0.5) fc"),
    ):
        assert before.items() <= keys(text.replace(old, new)).items(), new
