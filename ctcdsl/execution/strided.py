"""Strided 1x1 convolutions that see few channels: trained on a CPU without harm to its memory.

oneDNN's kernel for the gradient of such a convolution's weights copies the pixels that the stride
leaves to a work space first. In channels-last memory it books the space for as many channels as
there are and writes in blocks of 8 (AVX2) or 16 (AVX-512), so with fewer it writes past the end:
the process dies by a signal, or goes on with memory that is not what it was (oneDNN issue 6035).
On maps of up to 32x32 outputs one block holds all and nothing happens, but that depends on how the
kernel divides its work, so the size of the map is not asked for here.

Here the layer copies these pixels itself, to contiguous memory, and convolves without a stride:
the same sums. That is safe in any memory format, which contiguous channels-first inputs are not:
torch.compile chooses the format of convolutions on a CPU by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ctcdsl.execution.transfer import move_module
from ctcdsl.text.diagnostic import Diagnostic, Severity
from ctcdsl.text.plural import plural

_BLOCK = 16
"""Channels that the kernel takes at once, at most."""


class _PixelsFirst(nn.Conv2d):
    """A strided 1x1 convolution that takes its pixels first, where a backward pass may follow."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve `input` (N, C, H, W)."""
        if not torch.is_grad_enabled():
            return super().forward(input)
        down, across = self.stride
        pixels = input[:, :, ::down, ::across].contiguous(memory_format=torch.channels_last)
        return functional.conv2d(pixels, self.weight, self.bias)


def prepare_for_training(model: nn.Module, device: torch.device) -> tuple[str, ...]:
    """Bring `model` to `device`, in channels-last memory, so that it can be trained there.

    On a CPU the convolutions that the kernel would be wrong for are changed; their weights, and
    what they compute, stay. Returns the names of these submodules.
    """
    move_module(model, device)
    if device.type != "cpu":
        return ()
    names = []
    for name, layer in model.named_modules():
        if type(layer) is nn.Conv2d and _is_exposed(layer):
            layer.__class__ = _PixelsFirst
        if isinstance(layer, _PixelsFirst):
            names.append(name)
    return tuple(names)


def strided_note(names: tuple[str, ...]) -> Diagnostic:
    """CTC913, which says what was changed of the submodules `names`."""
    trained, gradient = (
        ("train", "their gradient") if len(names) > 1 else ("trains", "its gradient")
    )
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return Diagnostic(
        code="CTC913",
        message=f"{plural(len(names), 'strided 1x1 convolution')} of fewer than {_BLOCK} channels"
        f" {trained} on pixels that are copied to contiguous memory first",
        notes=(
            f"{', '.join(names[:3])}{more}: in channels-last memory the CPU kernel of {gradient}"
            " writes past its work space",
        ),
        severity=Severity.NOTE,
    )


def _is_exposed(layer: nn.Conv2d) -> bool:
    return (
        layer.kernel_size == (1, 1)
        and layer.stride != (1, 1)
        and layer.padding == (0, 0)
        and layer.groups == 1
        and layer.in_channels < _BLOCK
    )
