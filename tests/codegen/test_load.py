"""Generated modules as Python modules."""

from __future__ import annotations

import sys

import pytest
from torch import nn

import ctcdsl
from ctcdsl.codegen.load import make_importable


class Parts(nn.Module):
    """A module with one part of another."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part


@pytest.mark.parametrize("kind", ["ResNet18", "Chain", "ConvNormAct", "Residual"])
def test_each_class_brings_the_names_of_its_own_module(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ConvNormAct` inherits its `forward`, the globals of which are those of `nn.Sequential`."""
    module = ctcdsl.build("resnet18")
    name = type(module).__module__
    monkeypatch.delitem(sys.modules, name, raising=False)
    part = next(part for part in module.modules() if type(part).__name__ == kind)
    part._modules.clear()
    make_importable(Parts(part))
    found = vars(sys.modules[name])
    assert found["__name__"] == name
    assert {"ResNet18", "Chain", "ConvNormAct", "Residual", "nn"} <= set(found)
    monkeypatch.delitem(sys.modules, name)
