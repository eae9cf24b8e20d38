"""A training step of every network of specs/ at full size, in a process of its own.

What ends a process by a signal is found here and nowhere else. It takes minutes: `make full-size`.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SPECS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "specs").rglob("*.ctc")
    if "table" not in path.stem
)
"""The networks of the tables have a file each, too."""

STEP = """
import sys
import torch
from ctcdsl.checking import check_source
from ctcdsl.codegen.load import build_module
from ctcdsl.text.files import read_source
from ctcdsl.images.batches import Batch
from ctcdsl.images.colour import Statistics
from ctcdsl.training.step import Descent
from ctcdsl.training.initialise import initialise
from ctcdsl.recipe import Recipe
from ctcdsl.execution.strided import to_train_on

(network,) = check_source(read_source(sys.argv[1])).networks
recipe, cpu = Recipe(batch=2, precision=sys.argv[2]), torch.device("cpu")
model = build_module(network).train()
initialise(model, recipe)
to_train_on(model, cpu)
size = network.input
pixels = torch.randint(256, (2, size.height, size.width, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
batch = Batch(pixels, torch.arange(2), torch.zeros(2, 3), torch.arange(2) == 0)
unit = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
statistics = Statistics((120.0,) * 3, (60.0, 20.0, 10.0), unit)
print(Descent(model, recipe, cpu).step(batch, statistics).learned().loss)
assert all(each.grad.isfinite().all() for each in model.parameters())
"""


@pytest.mark.full_size
@pytest.mark.parametrize("spec", SPECS)
def test_a_training_step(spec: str) -> None:
    # Half precision has kernels of its own; both for the network that the float32 ones ended.
    for precision in ("float32", "bf16") if "repvgg" in spec else ("float32",):
        command = [sys.executable, "-c", STEP, spec, precision]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, (done.returncode, done.stderr)
        assert 0 < float(done.stdout) < 1000
