"""Files of weights: safetensors, and those of torch.save, read as numbers alone."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ctcdsl.passes.weights.tensors import Weights
from ctcdsl.text import UserError, error, reason

_STATES = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "ema")
_KINDS = "give a .safetensors file, a .pt file of a state_dict, or the folder of a run"


def read_tensors(path: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of one that `torch.save` wrote, by name.

    Of a checkpoint that holds more, its state_dict. No code of a file is run.

    Raises:
        UserError: CTC409 where the file cannot be read, or not without running its code.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as cause:
        raise _unreadable(path, f"cannot read the weights: {reason(cause)}") from cause
    # safetensors begin with a length of eight bytes, and then a JSON object.
    if content[8:9] != b"{" and (content[:2] == b"PK" or content[:1] == b"\x80"):
        return _state_of(path, _unpickled(path, content))
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError) as cause:
        message = "this is neither a safetensors file nor one of torch.save, or it is damaged"
        raise _unreadable(path, message) from cause


def _unpickled(path: str, content: bytes) -> object:
    """What `torch.save` wrote, if that is numbers and containers alone."""
    from pickle import UnpicklingError

    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except UnpicklingError as cause:
        named = re.search(r"GLOBAL (\S+)", str(cause)) or re.search(r"global (\S+)", str(cause))
        global_name = f" (`{named[1]}`)" if named is not None else ""
        message = (
            f"the file holds more than numbers, and reading it would run its code{global_name}"
        )
        hint = "save the numbers alone: `torch.save(model.state_dict(), FILE)`"
        raise _unreadable(path, message, hint) from cause
    except Exception as cause:  # whatever torch raises for a damaged or another kind of file
        if content[:2] == b"PK" and b"/code/" in content:
            message = "this is a TorchScript archive, which holds code"
            hint = "save the numbers alone: `torch.save(model.state_dict(), FILE)`"
            raise _unreadable(path, message, hint) from cause
        raise _unreadable(path, "this is not a file of torch.save, or it is damaged") from cause


def _state_of(path: str, loaded: object) -> dict[str, Tensor]:
    """The tensors by name in what was loaded: itself, or the state_dict of a checkpoint."""
    candidates = [loaded]
    if isinstance(loaded, Mapping):
        candidates += [loaded[key] for key in _STATES if key in loaded]
        candidates += [value for value in loaded.values() if isinstance(value, Mapping)]
    for candidate in candidates:
        if isinstance(candidate, Mapping) and _is_state(candidate):
            return dict(candidate)
    keys = [f"`{key}`" for key in loaded][:5] if isinstance(loaded, Mapping) else []
    holds = f"a dict of {', '.join(keys)}" if keys else f"a {type(loaded).__name__}"
    raise _unreadable(path, f"the file holds {holds}, and no tensors by name")


def _is_state(candidate_state: Mapping[object, object]) -> bool:
    return bool(candidate_state) and all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in candidate_state.items()
    )


def as_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """A file of tensors, equal for equal tensors."""
    copies = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    return bytes(save(copies, metadata={"format": "pt"}))


def precision(tensors: Mapping[str, Tensor]) -> torch.dtype:
    """The type of most numbers of a file: what carried weights are rounded to."""
    counts: Counter[torch.dtype] = Counter()
    for tensor in tensors.values():
        if tensor.is_floating_point():
            counts[tensor.dtype] += tensor.numel()
    return counts.most_common(1)[0][0] if counts else torch.float32


def rounded(weights: Weights, precision: torch.dtype) -> Weights:
    """Weights in another precision; integers stay."""
    return {
        layer: {
            role: tensor.to(precision) if tensor.is_floating_point() else tensor
            for role, tensor in tensors.items()
        }
        for layer, tensors in weights.items()
    }


def _unreadable(path: str, message: str, hint: str = _KINDS) -> UserError:
    return error("CTC409", message, path=path, hint=hint)
