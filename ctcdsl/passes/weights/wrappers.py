"""Names that wrappers put around a module: DataParallel, torch.compile, a trainer's own class."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

_ANYWHERE = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
_IN_FRONT = ("module.", "model.", "net.", "network.", "backbone.", "ema.", "state_dict.")
_COUNTERS = ("n_averaged",)  # of torch.optim.swa_utils.AveragedModel


def unwrapped(
    names: Collection[str], state: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors without what wrappers put into their names, and what that was.

    A prefix is removed where no tensor has a name of the network, so that a stage named
    `model` keeps its own.

    Args:
        names: Those of the network's tensors.
        state: Tensors by name.
    """
    unwrapped_state = dict(state)
    removed: list[str] = []
    while unwrapped_state and not any(name in names for name in unwrapped_state):
        inner = {key: tensor for key, tensor in unwrapped_state.items() if key not in _COUNTERS}
        anywhere = [part for part in _ANYWHERE if any(part in key for key in inner)]
        front = [part for part in _IN_FRONT if all(key.startswith(part) for key in inner)]
        if not inner or not (anywhere or front):
            break
        part = (anywhere or front)[0]
        shorter = {
            key.replace(part, "") if anywhere else key.removeprefix(part): tensor
            for key, tensor in inner.items()
        }
        if len(shorter) < len(inner):
            break  # two names would become one
        unwrapped_state = shorter
        removed.append(part)
    return unwrapped_state, tuple(removed)
