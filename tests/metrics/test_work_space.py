"""Work space: what libraries take beside tensors is within what is predicted, on any CPU.

oneDNN has other kernels for CPUs without AVX-512. They are chosen when torch is loaded, so each
kind of CPU has a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ctcdsl.metrics.memory import network_memory
from ctcdsl.ops.tensor import bytes_of
from tests.conftest import one
from tests.support.allocations import Step

SPECS = {
    "filters larger than their map": "input 64x2x2\n(3,512)x3",
    "filters in groups, larger than their map": "input 64x3x3\n(5,256,g4)x3",
    "filters larger in height": "input 64x2x9\n(3,256)x3",
    "maps as large as filters": "input 64x3x3\n(3,512)x3",
    "gaps": "input 32x12x12\n(3,256,d2)x2 (3,256,d3)x2",
    "gaps and strides": "input 64x14x14\n(3,64) (3,32,d2)/2 (3,128,d2)",
    "depthwise": "input 16x8x8\n(1,128) (5,dw)/2 (1,256) (7,dw)",
    "points with strides": "input 16x14x14\n(1,16)/2 (1,64)/2 (1,16)",
    "few channels": "input 3x28x28\n(3,8)/2 (3,24) (3,8)/2",
    "transposed": "input 3x16x16\n(3,256)/2 (2,24,up2) (3,48) (2,8,up2)",
    "transposed in groups": "input 64x7x7\n(2,64,up2,g4) (2,32,up2)",
}
KINDS = {"any": {}, "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}


@pytest.fixture(scope="module", params=KINDS)
def measured(request: pytest.FixtureRequest) -> dict[str, list[int]]:
    """Of each spec the most that a training step and a forward pass took, and may take."""
    command = [sys.executable, "-m", "tests.metrics.test_work_space"]
    environment = os.environ | KINDS[request.param]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[int]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", SPECS)
def test_kernels_take_no_more_than_is_predicted(name: str, measured: dict[str, list[int]]) -> None:
    training, most_in_training, inference, most_in_inference = measured[name]
    assert training <= most_in_training
    assert inference <= most_in_inference


def _measure(text: str) -> list[int]:
    memory = network_memory(one(f"classes 10\npad same\n{text}\nhead: gap fc\n"), 2)
    step = Step(memory.network, 2)
    found: list[int] = []
    for part, alive, base in (
        (memory.training, step.training(), memory._step.base),
        (memory.inference, step.inference(), memory._forward.base),
    ):
        found += [max(alive.all), part.peak + part.kernels - bytes_of(base, 2) + 64]
    return found


if __name__ == "__main__":
    print(json.dumps({name: _measure(text) for name, text in SPECS.items()}))
