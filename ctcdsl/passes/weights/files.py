"""Files of weights: safetensors, which hold numbers and run no code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ctcdsl.passes.weights.naming import Weights
from ctcdsl.text import Diagnostic, UserError


def read_tensors(path: str) -> dict[str, Tensor]:
    """The tensors of a file by name; CTC409 where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return load(file.read())
    except OSError as error:
        message = f"cannot read the weights: {(error.strerror or str(error)).lower()}"
        raise _unreadable(path, message) from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise _unreadable(path, "this is no safetensors file, or it is damaged") from error


def as_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """A file of tensors, equal for equal tensors."""
    own = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    return bytes(save(own, metadata={"format": "pt"}))


def precision(tensors: Mapping[str, Tensor]) -> torch.dtype:
    """The type of most numbers of a file: what carried weights are rounded to."""
    counts: Counter[torch.dtype] = Counter()
    for tensor in tensors.values():
        if tensor.is_floating_point():
            counts[tensor.dtype] += tensor.numel()
    return counts.most_common(1)[0][0] if counts else torch.float32


def rounded(weights: Weights, precision: torch.dtype) -> Weights:
    """Weights in another precision; what counts stays."""
    return {
        layer: {
            role: tensor.to(precision) if tensor.is_floating_point() else tensor
            for role, tensor in tensors.items()
        }
        for layer, tensors in weights.items()
    }


def _unreadable(path: str, message: str) -> UserError:
    hint = "give a .safetensors file, or the folder of a run of `ctcdsl train`"
    return UserError(Diagnostic(code="CTC409", message=message, path=path, hints=(hint,)))
