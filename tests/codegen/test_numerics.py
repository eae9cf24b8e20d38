"""Generated modules against modules written by hand: outputs and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ctcdsl.codegen.load import build_module
from tests.conftest import one


class Hand(nn.Module):
    """What a person would write: modules in order, and a function of them."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.m = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


def conv(channels: int, filters: int, kernel: int, stride: int = 1, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(
        channels, filters, kernel, stride, padding=kernel // 2, **{"bias": False, **more}
    )


class Projection(Hand):
    """style conv-bn-relu: [ (1,4) (3,4) (1,8) ]/2"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(
            *(conv(4, 4, 1), bn(4), conv(4, 4, 3, 2), bn(4), conv(4, 8, 1), bn(8)),
            *(conv(4, 8, 1, 2), bn(8)),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e, f, g, h = self.m
        y = f(e(d(c(b(a(x)).relu())).relu()))
        out: Tensor = (y + h(g(x))).relu()
        return out


class Inception(Hand):
    """style conv-relu: { (1,2) | (1,3) (3,4) | 3/1 (1,5) | id }"""

    def __init__(self) -> None:
        more = {"bias": True}
        super().__init__(
            conv(4, 2, 1, **more),
            conv(4, 3, 1, **more),
            conv(3, 4, 3, **more),
            conv(4, 5, 1, **more),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = self.m
        pooled = nn.functional.max_pool2d(x, 3, 1, 1)
        return torch.cat([a(x).relu(), c(b(x).relu()).relu(), d(pooled).relu(), x], 1)


class PreActivation(Hand):
    """style bn-relu-conv: [ (3,6) (3,6) ]/2 [ (3,6) (3,6) ]"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(
            *(bn(4), conv(4, 6, 3, 2), bn(6), conv(6, 6, 3), conv(4, 6, 1, 2)),
            *(bn(6), conv(6, 6, 3), bn(6), conv(6, 6, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e, f, g, h, i = self.m
        y = d(c(b(a(x).relu())).relu()) + e(x)
        out: Tensor = i(h(g(f(y).relu())).relu()) + y
        return out


class MobileGate(Hand):
    """style conv-bn-silu: [ (1,8) (3,dw) se(2) (1,4,linear) | id? ]"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(
            *(conv(4, 8, 1), bn(8), conv(8, 8, 3, groups=8), bn(8)),
            *(conv(8, 2, 1, bias=True), conv(2, 8, 1, bias=True), conv(8, 4, 1), bn(4)),
        )

    def forward(self, x: Tensor) -> Tensor:
        silu = nn.functional.silu
        a, b, c, d, e, f, g, h = self.m
        y = silu(d(c(silu(b(a(x))))))
        gate = torch.sigmoid(f(silu(e(y.mean((2, 3), keepdim=True)))))
        out: Tensor = h(g(y * gate)) + x
        return out


class Reparametrised(Hand):
    """style conv-bn-relu: [ (3,4) | (1,4) | bn? ]"""

    def __init__(self) -> None:
        bn = nn.BatchNorm2d
        super().__init__(conv(4, 4, 3), bn(4), conv(4, 4, 1), bn(4), bn(4))

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e = self.m
        out: Tensor = (b(a(x)) + d(c(x)) + e(x)).relu()
        return out


class Next(Hand):
    """style conv: [ (3,dw) ln (1,4c,gelu) (1,c) scale ]"""

    def __init__(self) -> None:
        more = {"bias": True}
        super().__init__(
            conv(4, 4, 3, groups=4, **more),
            nn.LayerNorm(4, eps=1e-6),
            conv(4, 16, 1, **more),
            conv(16, 4, 1, **more),
            nn.ParameterList([torch.zeros(4, 1, 1)]),
        )

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d, e = self.m
        y = b(a(x).movedim(1, -1)).movedim(-1, 1)
        out: Tensor = x + d(nn.functional.gelu(c(y))) * next(e.parameters())
        return out


class Within(Hand):
    """style conv: lrn(3,0.5,0.75,2,within) lrn(3,0.5,0.75,2) (1,4)"""

    def __init__(self) -> None:
        super().__init__(conv(4, 4, 1, bias=True))

    def forward(self, x: Tensor) -> Tensor:
        around = nn.functional.pad(x * x, (1, 1, 1, 1))
        total = sum(
            around[:, :, i : i + x.shape[2], j : j + x.shape[3]] for i in range(3) for j in range(3)
        )
        y = x / (2 + 0.5 * total / 9) ** 0.75
        near = nn.functional.pad(y * y, (0, 0, 0, 0, 1, 1))
        total = sum(near[:, i : i + 4] for i in range(3))
        out: Tensor = self.m[0](y / (2 + 0.5 * total / 3) ** 0.75)
        return out


class Shared(Hand):
    """style conv: relu [ relu (3,4) | id ] { sigmoid | relu | id } relu leaky"""

    def __init__(self) -> None:
        super().__init__(conv(4, 4, 3, bias=True))

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        y = self.m[0](x.relu()) + x
        z = torch.cat([y.sigmoid(), y.relu(), y], 1)
        return nn.functional.leaky_relu(z.relu(), 0.01)


@pytest.mark.parametrize(
    "hand", [Projection, Inception, PreActivation, MobileGate, Reparametrised, Next, Within, Shared]
)
def test_numbers_are_those_of_a_module_by_hand(hand: type[Hand]) -> None:
    torch.manual_seed(0)
    style, row = (hand.__doc__ or "").split(": ", 1)
    module = build_module(one(f"{style}\ninput 4x9x11\n{row}\nhead: none"))
    other = hand()
    pairs = list(zip(module.parameters(), other.parameters(), strict=True))
    with torch.no_grad():
        for a, b in pairs:
            nn.init.normal_(a)
            b.copy_(a)
    images = torch.randn(2, 4, 9, 11, requires_grad=True)
    again = images.detach().clone().requires_grad_()
    for mode in (True, False):  # training first: it moves the running statistics of norms
        outputs, expected = module.train(mode)(images), other.train(mode)(again)
        torch.testing.assert_close(outputs, expected)
    outputs.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(images.grad, again.grad)
    for a, b in pairs:
        torch.testing.assert_close(a.grad, b.grad)
