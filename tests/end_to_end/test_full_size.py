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


@pytest.mark.full_size
@pytest.mark.parametrize("spec", SPECS)
def test_a_training_step(spec: str) -> None:
    # Half precision has kernels of its own; both for the network that the float32 ones ended.
    for precision in ("float32", "bf16") if "repvgg" in spec else ("float32",):
        command = [sys.executable, "-m", "tests.support.full_size_step", spec, precision]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, (done.returncode, done.stderr)
        assert 0 < float(done.stdout) < 1000
