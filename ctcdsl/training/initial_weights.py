"""Weights that a training starts from: of a run or of a file, with a new head where needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.codegen.source_map import source_map
from ctcdsl.images.colour import Statistics
from ctcdsl.passes.weights.files import read_tensors
from ctcdsl.passes.weights.pretrained import load_weights
from ctcdsl.passes.weights.wrappers import unwrapped
from ctcdsl.recipe import Recipe
from ctcdsl.runs import checkpoint as checkpoints
from ctcdsl.text import error
from ctcdsl.text.plural import plural

_COUNTER = "num_batches_tracked"
"""Of batch norms; older files lack it, and training does not use it."""
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InitialWeights:
    """Tensors by name, and how the network that they are of saw images."""

    path: str
    tensors: Mapping[str, Tensor]
    digest: str
    """SHA-256 of names, shapes and values, hexadecimal."""
    statistics: Statistics | None = None
    """Mean and colour axes of the run; None for a file."""
    pixel_divisor: float | None = None

    @property
    def record(self) -> dict[str, str]:
        """What a run writes of it, to be repeated."""
        return {"path": os.path.abspath(self.path), "digest": self.digest}

    def fit(
        self, module: nn.Module, network: Network, recipe: Recipe
    ) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """The tensors that `module`, generated from `network`, starts with, and notes on the rest.

        Raises:
            UserError: CTC672, or CTC408 for names of another library: the tensors of the trunk
                are not those of the network.
        """
        expected = module.state_dict()
        given, _ = unwrapped(list(expected), self.tensors)
        head = _head_paths(network)
        if 2 * sum(name in expected for name in given) <= len(given):
            given = self._renamed(network, head)
        roots = {path.partition(".")[0] for path in head}
        problems: list[str] = []
        fitting: dict[str, Tensor] = {}
        new: list[str] = []
        for name, tensor in expected.items():
            found = given.get(name)
            if found is not None and found.shape == tensor.shape:
                fitting[name] = found.to(tensor.dtype)
            elif any(name.startswith(f"{path}.") for path in head):
                new.append(name)
            elif found is not None:
                problems.append(f"`{name}` is {_size(found)}, the network has {_size(tensor)}")
            elif not name.endswith(_COUNTER):
                problems.append(f"`{name}` is missing")
        problems += [
            f"the network has no `{name}`"
            for name in given
            if name not in expected and name.partition(".")[0] not in roots
        ]
        if problems:
            more = f"and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            raise error(
                "CTC672",
                f"the weights do not fit the network `{network.name}`:"
                f" {plural(len(problems), 'tensor')} outside of the head",
                path=self.path,
                notes=(*problems[:_SHOWN], more),
                hint="only the head may be another: start from weights of the same stages",
            )
        return fitting, self._notes(new, len(fitting), recipe)

    def _renamed(self, network: Network, head: tuple[str, ...]) -> dict[str, Tensor]:
        """The tensors of torchvision's or timm's names under the network's own.

        Without those of a classifier for another number of classes, which gets new ones.
        """
        module = build_module(network)
        notes = load_weights(module, network, self.tensors, self.path)
        other = any(note.code == "CTC419" for note in notes)
        return {
            name: tensor
            for name, tensor in module.state_dict().items()
            if not (other and name.startswith(f"{head[-1]}."))
        }

    def _notes(self, new: list[str], fitting: int, recipe: Recipe) -> tuple[str, ...]:
        notes = [f"starts from {self.path}: {plural(fitting, 'tensor')}"]
        if new:
            notes.append(f"the head is another, so these get new weights: {', '.join(new)}")
        if self.pixel_divisor not in (None, recipe.pixel_divisor):
            notes.append(
                f"pixels are divided by {recipe.pixel_divisor:g}, by {self.pixel_divisor:g} where"
                f" the weights come from: --pixel-divisor {self.pixel_divisor:g}"
            )
        return tuple(notes)


def read_initial(weights: str | os.PathLike[str]) -> InitialWeights:
    """Read the weights of a file, of a run's or checkpoint's folder, or of the run `runs/NAME`.

    Raises:
        UserError: CTC409 the file cannot be read; CTC610 the folder has no checkpoint; CTC626 it
            has several runs.
    """
    path = os.fspath(weights)
    named = os.path.join("runs", path)
    if not os.path.exists(path) and os.path.isdir(named):
        path = named
    if not os.path.isdir(path):
        tensors = read_tensors(path)
        return InitialWeights(path=path, tensors=tensors, digest=_digest(tensors))
    saved = checkpoints.load(Path(path))
    return InitialWeights(
        path=path,
        tensors=saved.model,
        digest=_digest(saved.model),
        statistics=saved.statistics,
        pixel_divisor=saved.recipe.pixel_divisor,
    )


def _head_paths(network: Network) -> tuple[str, ...]:
    """The submodules that compute the head's layers."""
    return tuple(
        path
        for chain in source_map(network).chains.values()
        for node, paths in chain
        if node.stage is None
        for path in paths
    )


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {_size(tensor)}\n".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
