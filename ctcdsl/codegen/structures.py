"""The structures of blocks: those of one structure share a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ctcdsl.checking import Node
from ctcdsl.codegen.expansions import DefBlock
from ctcdsl.codegen.layers import Layers, calls
from ctcdsl.codegen.names import camel
from ctcdsl.elaborate.symbols import form_of
from ctcdsl.ir import ActivationLayer, Block, Conv, Join, Pair
from ctcdsl.ops.calls import Call

Chain = tuple[Call, ...]

_NAMES = {
    Join.CONCAT: "Concat",
    Join.SPLIT: "Split",
    Join.MULTIPLY: "Product",
    Join.MAXIMUM: "Maximum",
}


@dataclass(slots=True)
class Instance:
    """A block in its place, each branch as calls: none for the identity.

    A branch that was left out is None. After the author's branches comes the projection
    of the implied shortcut; None where that is the identity. `source` is what the block is in
    its `def`, where it comes from one; then its numbers have forms, and with `folds` equal calls in
    a row are one call.
    """

    node: Node
    branches: tuple[Chain | None, ...]
    source: DefBlock | None = None
    folds: bool = False

    @property
    def block(self) -> Block:
        """The block of the network."""
        assert isinstance(self.node.layer, Block)
        return self.node.layer


@dataclass(slots=True)
class BlockClass:
    """The instances of one structure, in order.

    Those of a block of a `def` are followed by `probes`, which the network does not have: the same
    block of other calls.
    """

    instances: list[Instance] = field(default_factory=list)
    probes: list[Instance] = field(default_factory=list)
    forms: list[tuple[object, ...] | None] = field(default_factory=list)

    @property
    def first(self) -> Instance:
        """The instance that represents all."""
        return self.instances[0]

    @property
    def all(self) -> list[Instance]:
        """Instances and probes."""
        return [*self.instances, *self.probes]

    def takes(self, instance: Instance, *, probe: bool = False) -> bool:
        """Add an instance, or a probe, if it has the structure of the others."""
        forms: list[tuple[object, ...] | None] = [
            None if chain is None else tuple(call.form for call in chain)
            for chain in instance.branches
        ]
        if self.instances:
            if _kind(self.first) != _kind(instance) or any(
                a != b and a is not None and b is not None
                for a, b in zip(self.forms, forms, strict=True)
            ):
                return False
            forms = [a if a is not None else b for a, b in zip(self.forms, forms, strict=True)]
        self.forms = forms
        (self.probes if probe else self.instances).append(instance)
        return True

    @property
    def usual_name(self) -> str:
        """The name of its `def`, else the usual one for the structure."""
        block, source = self.first.block, self.first.source
        if source is not None:
            return source.key[0] if source.alone else f"{camel(source.key[0])}{self._content}"
        return self._content if block.call is None else block.call.name

    @property
    def _content(self) -> str:
        """The usual name for the structure."""
        block, node = self.first.block, self.first.node
        if block.join is not Join.ADD:
            return _NAMES[block.join]
        if not node.shortcut:
            forms = [form for form in self.forms if form is not None]
            if len(forms) == 1:
                return "Branch"
            if () not in forms:
                return "Sum"
        convs = [element for element in block.branches[0].elements if isinstance(element, Conv)]
        kernels: list[Pair] = [conv.kernel for conv in convs]
        if len(convs) == 3 and kernels[0] == kernels[2] == (1, 1) and kernels[1] != (1, 1):
            depthwise = convs[1].groups == convs[1].filters > 1
            return "InvertedResidual" if depthwise else "Bottleneck"
        return "Residual"


def block_classes(instances: Iterable[Instance]) -> list[BlockClass]:
    """Group blocks by structure."""
    classes: list[BlockClass] = []
    for instance in instances:
        if not any(block_class.takes(instance) for block_class in classes):
            block_class = BlockClass()
            block_class.takes(instance)
            classes.append(block_class)
    return classes


def height(node: Node) -> int:
    """How deep blocks are nested in a block; 0 for a layer."""
    if not isinstance(node.layer, Block):
        return 0
    return 1 + max((height(inner) for branch in node.branches for inner in branch), default=0)


def _kind(instance: Instance) -> tuple[object, ...]:
    """What instances of a class have in common beside their branches."""
    block, node, source = instance.block, instance.node, instance.source
    call = block.call.name if block.call else None
    return (
        call if source is None else source.key,  # one call may be of several blocks
        block.join,
        block.share is None,
        node.activation,
        node.shortcut,
        # Of a branch that was left out nothing but the author's layers is known.
        tuple(
            tuple(type(element) for element in branch.elements) if branch.optional else None
            for branch in block.branches
        ),
    )


def instance(
    node: Node,
    layers: Layers,
    inner: Mapping[str, Call],
    source: DefBlock | None = None,
    *,
    folds: bool = False,
) -> Instance:
    """A block's instance.

    Args:
        node: The block.
        layers: Writes its layers.
        inner: The calls of the blocks within it, by name.
        source: What it is in its `def`.
        folds: Whether equal calls in a row are one call.
    """
    chains: list[Chain | None] = []
    for branch in kept_branches(node):
        chain = None if branch is None else calls(layers.chain(branch, inner))
        if chain is not None:
            chain = [call for call in chain if call.function != "nn.Identity"]
            chain = list(_folded(chain)) if folds else chain
        chains.append(None if chain is None else tuple(chain))
    if node.shortcut:
        chains.append(tuple(calls(layers.chain(node.branches[-1], inner))) or None)
    return Instance(node, tuple(chains), source, folds)


def _folded(chain: Sequence[Call]) -> Iterator[Call]:
    """Calls that are all of one word in a chain, and equal in all terms, as one call."""
    words = [call.name.rstrip("0123456789") for call in chain]
    totals = Counter(word for call, word in zip(chain, words, strict=True) if word != call.name)
    for word, run in groupby(zip(words, chain, strict=True), key=lambda pair: pair[0]):
        calls_of_word = [call for _, call in run]
        first, *others = calls_of_word
        alone = first.name == f"{word}1" and totals[word] == len(calls_of_word)
        if alone and all(_equal(first, other) for other in others):
            yield first._replace(copies=len(calls_of_word))
        else:
            yield from calls_of_word


def _equal(one: Call, other: Call) -> bool:
    """Whether calls are equal but for their names, their numbers in what gave them, too."""
    if one.form[1:] != other.form[1:]:
        return False
    pairs = zip(one.numbers, other.numbers, strict=True)
    return all(form_of(a.value) == form_of(b.value) for a, b in pairs)


def kept_branches(node: Node) -> list[Sequence[Node] | None]:
    """The chain of each of the author's branches; None for those that were left out."""
    assert isinstance(node.layer, Block)
    branches = node.layer.branches
    if len(branches) == 1:
        return [node.branches[0]]
    chains_by_branch: list[Sequence[Node] | None] = []
    chains = iter(node.branches)
    chain = next(chains, None)
    for index, branch in enumerate(branches, start=1):
        if chain is None:
            chains_by_branch.append(None)
            continue
        if chain:
            here = chain[0].name.startswith(f"{node.name}.branch{index}.")
        else:  # nothing is left of a branch whose only layer acts after the addition
            here = len(branch.elements) == 1 and isinstance(branch.elements[0], ActivationLayer)
        chains_by_branch.append(chain if here else None)
        if here:
            chain = next(chains, None)
    return chains_by_branch
