"""Weights for a built module: under its own names, or those of torchvision or timm.

Both libraries register modules in the order in which they compute, but for a few that the names
tell. So their layers are compared with the network's one by one, by what tensors they have and
their shapes; a layer that differs is an error that names both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple

from torch import Tensor, nn

from ctcdsl.checking import Network
from ctcdsl.codegen.load import build_module
from ctcdsl.codegen.overrides import Overrides
from ctcdsl.passes.weights.files import as_bytes
from ctcdsl.passes.weights.tensors import format_shape, require_finite
from ctcdsl.passes.weights.wrappers import unwrapped
from ctcdsl.text import Diagnostic, Severity, UserError, error

_AUXILIARY = re.compile(r"aux|AuxLogits")
"""Classifiers at the side, in training alone: those of GoogLeNet and Inception."""
_LAST = ("mlp", "proj", "downsample", "shortcut", "identity", "rbr_identity")
"""Parts of a block that some classes register first, and that are computed last."""
_KINDS = (("conv", "bn", "norm"), ("bn", "norm", "conv"))
"""What parts with one number are called, in order: of most blocks, and of pre-activated ones."""
_ENDS = ("pre_logits", "head", "fc", "classifier")
"""What a network ends in."""
_BATCHES = "num_batches_tracked"

Shape = tuple[int, ...]


class _Layer(NamedTuple):
    """A module with tensors of its own: its name, and their shapes by the last part of theirs."""

    name: str
    shapes: dict[str, Shape]

    def tensor(self, suffix: str) -> str:
        """The name of a tensor."""
        return f"{self.name}.{suffix}" if self.name else suffix


def load_weights(
    module: nn.Module, network: Network, state: Mapping[str, Tensor], file: str = ""
) -> tuple[Diagnostic, ...]:
    """Give a built module weights, in its own precision; return notes.

    Where they have another number of classes, the module's classifier stays new.

    Args:
        module: The module of the network, with any arguments of its class.
        network: The network.
        state: Tensors as this module, torchvision or timm name them, with or without prefixes.
        file: Where they come from, for messages.

    Raises:
        UserError: CTC408 where they are another network's, CTC418 where they are not finite.
    """
    target = module.state_dict()
    inner, removed = unwrapped(target, state)
    ours = _layers(target)
    require_finite(inner, file)
    if 2 * sum(key in target for key in inner) > len(inner):
        found = inner
    else:
        found = _renamed(ours, _layers(inner), inner, _classifier(network, ours), file, network)
    notes = [
        _note("CTC417", f"`{part}` left out of the names of the weights", file) for part in removed
    ]
    classifier = _classifier(network, ours)
    if classifier is not None and _other_classes(classifier, target, found):
        names = [classifier.tensor(suffix) for suffix in classifier.shapes]
        old, new = len(found[names[0]]), len(target[names[0]])
        notes.append(
            _note(
                "CTC419",
                f"the weights are of {old} classes: `{classifier.name}` gets new weights for {new}",
                file,
            )
        )
        found = {**found, **{name: target[name] for name in names}}
    missing = {key: tensor for key, tensor in target.items() if key.endswith(_BATCHES)}
    found = {**missing, **found}
    _check(target, found, file, network)
    module.load_state_dict(found)
    return tuple(notes)


def converted(
    network: Network, state: Mapping[str, Tensor], file: str
) -> tuple[bytes, tuple[Diagnostic, ...]]:
    """A safetensors file of weights under the names of the network's module, and notes.

    Raises:
        UserError: As `load_weights`.
    """
    module = build_module(network)
    notes = load_weights(module, network, state, file)
    return as_bytes(module.state_dict()), notes


def _renamed(
    ours: Sequence[_Layer],
    theirs: Sequence[_Layer],
    state: Mapping[str, Tensor],
    classifier: _Layer | None,
    file: str,
    network: Network,
) -> dict[str, Tensor]:
    """The tensors of another library under our names; CTC408 where a layer differs."""
    main = [layer for layer in theirs if not _AUXILIARY.match(layer.name)]
    failures: list[UserError] = []
    # A safetensors file has its tensors by name, so that the order of the layers is to be found.
    by_name = list(state) == sorted(state)
    starts = [_natural(main, kinds) for kinds in _KINDS] if by_name else [main]
    for order in [_ordered(start, last) for start in starts for last in ((), _LAST)]:
        try:
            return _paired(ours, order, state, classifier, file, network)
        except UserError as failure:
            failures.append(failure)
    raise failures[0]


def _paired(
    ours: Sequence[_Layer],
    theirs: Sequence[_Layer],
    state: Mapping[str, Tensor],
    classifier: _Layer | None,
    file: str,
    network: Network,
) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for mine, other in zip(ours, theirs, strict=False):
        pairs = _pairs(mine, other, classes=mine is classifier)
        if pairs is None:
            raise _mismatch(
                network,
                file,
                f"`{other.name}` is {_text(other)}, and `{mine.name}` of the network {_text(mine)}",
            )
        for own, name in pairs:
            shape = mine.shapes[own]
            tensor = state[other.tensor(name)]
            classes = len(tensor) if mine is classifier else shape[0]
            result[mine.tensor(own)] = tensor.reshape(classes, *shape[1:])
    if len(ours) != len(theirs):
        rest = [*theirs[len(ours) :], *ours[len(theirs) :]][0]
        which = "hold" if len(theirs) > len(ours) else "lack"
        raise _mismatch(network, file, f"they {which} `{rest.name}`, {_text(rest)}")
    return result


def _pairs(mine: _Layer, other: _Layer, *, classes: bool) -> list[tuple[str, str]] | None:
    """Which tensor is which; None where the layers differ."""
    own, theirs = list(mine.shapes), list(other.shapes)
    if len(own) == len(theirs) == 1:
        pairs = [(own[0], theirs[0])]
    elif set(own) == set(theirs):
        pairs = [(suffix, suffix) for suffix in own]
    else:
        return None
    for a, b in pairs:
        left, right = _squeezed(mine.shapes[a]), _squeezed(other.shapes[b])
        if left[classes:] != right[classes:]:
            return None
    return pairs


def _squeezed(shape: Shape) -> Shape:
    """A shape without the ones at its end: a matrix and a 1x1 convolution are alike."""
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _layers(state: Mapping[str, Tensor]) -> list[_Layer]:
    """The layers of a state dict; a module's own tensors follow those of the modules in it."""
    layers: dict[str, dict[str, Shape]] = {}
    for key, tensor in state.items():
        name, _, suffix = key.rpartition(".")
        shapes = layers.setdefault(name, {})
        if suffix != _BATCHES:
            shapes[suffix] = tuple(tensor.shape)
    return _ordered((_Layer(name, shapes) for name, shapes in layers.items() if shapes), ())


def _natural(layers: Iterable[_Layer], kinds: Sequence[str]) -> list[_Layer]:
    """Layers by the numbers in their names: `conv1 bn1 layer1.0 … layer1.10 layer2.0 … fc`."""

    def place(part: str) -> tuple[int, list[float], int, str]:
        numbers = [float(digits) for digits in re.findall(r"[0-9]+", part)]
        if not numbers:
            first, last = any(word in part for word in ("stem", "squeeze")), "pool" in part
            numbers = [0.0 if first else inf if last else 1.5]
        words = _KINDS[0] if numbers == [0] else kinds  # a network begins with a convolution
        kind = next((k for k, word in enumerate(words) if part.startswith(word)), len(words))
        kind += part.startswith("transition")  # of DenseNet, after the block of its number
        return int(part in _ENDS), numbers, kind, "z" if part == "c" else part  # RegNet's `se c`

    return sorted(layers, key=lambda layer: [place(part) for part in layer.name.split(".")])


def _ordered(layers: Iterable[_Layer], last: Sequence[str]) -> list[_Layer]:
    """Layers in order, parts named in `last` at the end of their block, then its own tensors."""
    root = _Tree()
    for layer in layers:
        node = root
        for part in layer.name.split(".") if layer.name else ():
            node = node.parts.setdefault(part, _Tree())
        node.own = layer
    return list(root.flat(last))


class _Tree:
    """A module with the modules in it, in the order of their names' first appearance."""

    def __init__(self) -> None:
        self.parts: dict[str, _Tree] = {}
        self.own: _Layer | None = None

    def flat(self, last: Sequence[str]) -> Iterator[_Layer]:
        """Its layers."""
        for name in sorted(self.parts, key=lambda name: name in last):
            yield from self.parts[name].flat(last)
        if self.own is not None:
            yield self.own


def _classifier(network: Network, layers: Sequence[_Layer]) -> _Layer | None:
    return layers[-1] if layers and Overrides.of(network).classifier is not None else None


def _other_classes(
    classifier: _Layer, target: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> bool:
    """Whether tensors differ from the classifier's in the number of classes alone."""
    names = [classifier.tensor(suffix) for suffix in classifier.shapes]
    if any(name not in found for name in names):
        return False
    rests = [
        _squeezed(tuple(tensors[name].shape))[1:] for tensors in (target, found) for name in names
    ]
    return rests[: len(names)] == rests[len(names) :] and any(
        len(target[name]) != len(found[name]) for name in names
    )


def _check(
    target: Mapping[str, Tensor], found: Mapping[str, Tensor], file: str, network: Network
) -> None:
    missing = [key for key in target if key not in found]
    unexpected = [key for key in found if key not in target]
    shaped = [k for k in target if k in found and target[k].shape != found[k].shape]
    for keys, problem in (
        (missing, "they lack `{}`"),
        (unexpected, "they hold `{}`, which the module does not have"),
    ):
        if keys:
            raise _mismatch(network, file, problem.format(keys[0]), len(keys))
    if shaped:
        key = shaped[0]
        sizes = (format_shape(tuple(tensors[key].shape)) for tensors in (found, target))
        problem = "they hold `{}` as {}, and the module's is {}".format(key, *sizes)
        raise _mismatch(network, file, problem, len(shaped))


def _mismatch(network: Network, file: str, problem: str, count: int = 1) -> UserError:
    return error(
        "CTC408",
        f"the weights are not those of `{network.name}`: {problem}",
        path=file,
        notes=(f"so are {count - 1} more tensors",) if count > 1 else (),
        hint="take weights of the same network with the same arguments",
    )


def _text(layer: _Layer) -> str:
    return ", ".join(f"{suffix} {format_shape(shape)}" for suffix, shape in layer.shapes.items())


def _note(code: str, message: str, file: str) -> Diagnostic:
    return Diagnostic(code=code, message=message, path=file, severity=Severity.NOTE)
