"""Networks with random weights, carried through passes and measured."""

from __future__ import annotations

from ctcdsl.checking import Network, infer_shapes
from ctcdsl.ir import Shape
from ctcdsl.passes.weights import verify_outputs
from tests.conftest import NETWORKS, load, one
from tests.support.rewriting import step

EXACT = 1e-10


def small(rows: str, *, style: str = "conv-relu", pad: str = "paper", side: int = 32) -> str:
    """A spec of a small network with a classifier of five classes."""
    head = "" if "head:" in rows else "\nhead: gap fc"
    return f"net N\ninput 3x{side}x{side}\nclasses 5\nstyle {style}\npad {pad}\n{rows}{head}\n"


def modern(name: str, side: int) -> Network:
    """A built-in network at a small input."""
    architecture = load(next(path for path in NETWORKS if path.stem == name)).architecture
    (network,) = infer_shapes(architecture, input=Shape(3, side, side)).networks
    return network


def differences(architecture: str | Network, *passes: str) -> list[float]:
    """How far outputs move in each step, relative to the largest, on random weights."""
    network = one(architecture) if isinstance(architecture, str) else architecture
    found: list[float] = []
    for applied in passes:
        done = step(network, applied)
        measured = verify_outputs(done).difference
        assert measured is not None
        found.append(measured)
        network = done.after
    return found
