"""Blocks of `def`s with their numbers as expressions of the parameters: elaborated again.

The body of a `def` is read with numbers that remember what gave them. If that gives the block
that the network has, its class takes the parameters of the `def`; where a pass has changed the
block, it does not, and the block is one that no `def` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ctcdsl.checking import Network, Node
from ctcdsl.elaborate.layers import LayerElaborator
from ctcdsl.elaborate.symbols import Form, RealSymbol, Symbol, Symbolic, form_of, symbol
from ctcdsl.ir import Block, Element, PadRule, Pair, SlidingWindow, layers_of, out_channels, replace
from ctcdsl.ir.network import flat
from ctcdsl.ir.strides import NoStridedLayer, StrideAlreadySet, with_stride
from ctcdsl.ops.record import Record
from ctcdsl.shapes.infer import ShapeInference
from ctcdsl.syntax.nodes import Def, Number
from ctcdsl.text import Expansion, Span
from ctcdsl.text.sink import Diagnostics

CHANNELS = "@"
"""The name of the channels that enter a block."""


class Parameter(NamedTuple):
    """A parameter of a `def`, and its default where that is a number."""

    name: str
    default: str | None


class DefBlock(NamedTuple):
    """A block of a `def`.

    `key` is the name of the `def` and the block's text there; `alone` says that nothing else is
    there. `node` is the network's node with numbers that have a form, in which `CHANNELS` enter.
    `probes` are the same block of other calls, which show what of the class depends on what: each
    with the parameter that has another value, `CHANNELS` for the channels that enter.
    """

    key: tuple[str, str]
    alone: bool
    parameters: tuple[Parameter, ...]
    node: Node
    probes: tuple[tuple[str, Node], ...]


class Expansions:
    """The blocks of a network that came from `def`s and are as these give them."""

    def __init__(self, network: Network) -> None:
        self._network = network
        spec = network.architecture.spec
        self._defs = spec.defs if spec is not None else {}
        self._blocks: dict[str, DefBlock] = {}
        self._known: dict[tuple[object, ...], DefBlock | None] = {}
        self._probes: dict[tuple[str, str], tuple[tuple[str, Node], ...]] = {}
        for node in flat(network.nodes):
            if isinstance(node.layer, Block) and node.layer.origin.expansions:
                block = self._block(node, node.layer)
                if block is not None:
                    self._blocks[node.name] = block

    def get(self, name: str) -> DefBlock | None:
        """The block of that name; None where it is not one of a `def`."""
        return self._blocks.get(name)

    @property
    def probes(self) -> Iterator[Node]:
        """The layers of all probes."""
        for probes in self._probes.values():
            yield from flat(node for _, node in probes)

    # ------------------------------------------------------------------ reading

    def _block(self, node: Node, block: Block) -> DefBlock | None:
        expansion = block.origin.expansions[-1]
        definition = self._defs.get(expansion.name)
        if definition is None:
            return None
        key = (expansion, block.origin.span[1:], block, node.input)
        if key not in self._known:
            self._known[key] = self._read(definition, expansion, node, block)
        known = self._known[key]
        if known is None or known.node.name == node.name:
            return known
        named = self._infer(known.node.layer, node, known.node.input.channels)
        return known._replace(node=named) if named is not None else None

    def _read(
        self, definition: Def, expansion: Expansion, node: Node, block: Block
    ) -> DefBlock | None:
        span = block.origin.span
        alone = [item.primary.span for item in definition.items] == [span]
        if alone:  # a copy of it is as the first one is where the same channels enter
            expansion = expansion._replace(channels=node.input.channels)
        for at, (found, channels) in enumerate(self._found(expansion, span)):
            stride = _missing_stride(found, block)
            strided = _with_stride(found, stride)
            if strided != block or channels != node.input.channels:
                continue
            symbolic = self._own(strided, channels, node, block)
            if symbolic != node:  # where other paddings were solved for
                return None
            assert symbolic is not None

            def other(probe: Expansion, stride: Pair = stride, at: int = at) -> Node | None:
                places = self._found(probe, span)
                if at >= len(places):
                    return None
                found, channels = places[at]
                return self._own(_with_stride(found, stride), channels, node, block)

            key = (expansion.name, _one_line(span))
            if key not in self._probes:  # the first call's do for all
                # Under `pad paper` a table says which filter has which padding.
                paper = self._network.architecture.pad is PadRule.PAPER
                kernels = (3, 5, 7) if paper else ()
                self._probes[key] = tuple(_probes(expansion, node, stride, kernels, other))
            parameters = tuple(_parameter(parameter) for parameter in definition.parameters)
            return DefBlock(key, alone, parameters, symbolic, self._probes[key])
        return None

    def _found(self, expansion: Expansion, span: Span) -> list[tuple[Block, int]]:
        """The blocks at `span` in a call of a `def`, each with the channels that enter it."""
        architecture = self._network.architecture
        assert architecture.spec is not None
        diagnostics = Diagnostics()
        lets = _Constants(architecture.spec.lets)
        elaborator = LayerElaborator(diagnostics, architecture.style, self._defs, lets)
        arguments = tuple((name, symbol(value, name)) for name, value in expansion.arguments)
        channels = Symbol(expansion.channels, Form("c"))
        elements = elaborator.expand(Expansion(expansion.name, arguments, channels))
        return [] if diagnostics.num_errors else list(_blocks_at(span, elements, channels))

    def _own(self, found: Block, channels: int, node: Node, block: Block) -> Node | None:
        """A block that was found in the place of `node`, its numbers in its own terms."""
        own = _own_terms(found, channels)
        if own is None:
            return None
        return self._infer(replace(own, call=block.call), node, _entering(channels))

    def _infer(self, layer: object, node: Node, channels: int) -> Node | None:
        """A block in the place of `node`; None where it does not fit there."""
        assert isinstance(layer, Block)
        diagnostics = Diagnostics()
        inference = ShapeInference(self._network.architecture, diagnostics, {})
        shape = node.input._replace(channels=channels)
        inferred = inference.block(node.name, node.stage, layer, shape)
        return None if diagnostics.num_errors else inferred


class _Constants(Mapping[str, float | None]):
    """The values of `let`s, as constants of expressions; none is read before it is needed."""

    def __init__(self, lets: Mapping[str, float | None]) -> None:
        self._lets = lets

    def __getitem__(self, name: str) -> float | None:
        value = self._lets[name]
        return RealSymbol(value, Form(repr(value))) if isinstance(value, float) else value

    def __contains__(self, name: object) -> bool:
        return name in self._lets

    def __iter__(self) -> Iterator[str]:
        return iter(self._lets)

    def __len__(self) -> int:
        return len(self._lets)


def _blocks_at(
    span: Span, elements: Sequence[Element], channels: int
) -> Iterator[tuple[Block, int]]:
    for element in elements:
        if isinstance(element, Block) and len(element.origin.expansions) == 1:
            if element.origin.span == span:
                yield element, channels
            entering = element.in_channels(channels)
            for branch, share in zip(element.branches, entering, strict=True):
                yield from _blocks_at(span, branch.elements, share)
        channels = out_channels((element,), channels)


def _missing_stride(found: Block, block: Block) -> Pair:
    """The stride that the call adds to a block of the `def`."""
    for one, other in zip(layers_of((found,)), layers_of((block,)), strict=False):
        if not isinstance(one, SlidingWindow) or not isinstance(other, SlidingWindow):
            continue
        if one.stride == (1, 1) != other.stride:
            return other.stride
    return (1, 1)


def _with_stride(block: Block, stride: Pair) -> Block:
    if stride == (1, 1):
        return block
    try:
        (strided,) = with_stride((block,), stride)
    except (NoStridedLayer, StrideAlreadySet):
        return block
    assert isinstance(strided, Block)
    return strided


def _entering(channels: int) -> int:
    return Symbol(channels, Form(CHANNELS)) if isinstance(channels, Symbol) else channels


def _own_terms(block: Block, channels: int) -> Block | None:
    """A block with its numbers as expressions of its own channels; None where there are others."""
    entering = form_of(channels)
    others = False

    def own(number: Any) -> Any:
        nonlocal others
        form = number.form.replaced(entering, Form(CHANNELS))
        others = others or "c" in form.names
        kind = Symbol if isinstance(number, int) else RealSymbol
        return kind(number, form)

    mapped = _mapped(block, own)
    assert isinstance(mapped, Block)
    return None if others else mapped


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A record, or what is in one, with all numbers that have a form changed."""
    if isinstance(value, Symbolic):
        return change(value)
    if isinstance(value, Record):
        fields = {name: getattr(value, name) for name in value.__match_args__}
        changed = {name: _mapped(field, change) for name, field in fields.items()}
        different = {k: v for k, v in changed.items() if v is not fields[k]}
        return replace(value, **different) if different else value
    if isinstance(value, Expansion):  # whose channels nothing takes
        return value._replace(arguments=_mapped(value.arguments, change))
    if isinstance(value, tuple) and not isinstance(value, Span):
        items = [_mapped(item, change) for item in value]
        if all(one is other for one, other in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


def _probes(
    expansion: Expansion,
    node: Node,
    stride: Pair,
    always: Sequence[int],
    other: Callable[[Expansion, Pair], Node | None],
) -> Iterator[tuple[str, Node]]:
    """The block of calls that differ in one number, the first that works, and in `always`."""
    for at, (name, value) in enumerate(expansion.arguments):
        whole = isinstance(value, int)
        likely = (value + 2, 2 * value, value + 8) if whole else (value / 2, 2 * value)
        for options in (likely, *((number,) for number in always if whole)):
            for changed in options:
                arguments = list(expansion.arguments)
                arguments[at] = (name, changed)
                probe = other(expansion._replace(arguments=tuple(arguments)), stride)
                if probe is not None:
                    yield name, probe
                    break
    count, out = expansion.channels, int(node.output.channels)
    others = [channels for channels in (2 * count, 3 * count, count + 8) if channels != out]
    for widths in ([out], others):  # the shape stays, and changes
        for channels in widths:
            probe = other(expansion._replace(channels=channels), (1, 1))
            if probe is not None and (channels != count or stride != (1, 1)):
                yield CHANNELS, probe
                break


def _parameter(parameter: Any) -> Parameter:
    default = parameter.default
    number = isinstance(default, Number) and isinstance(default.value, int)
    return Parameter(parameter.text, str(default.value) if number else None)


def _one_line(span: Span) -> str:
    """A text of the spec without comments and line ends."""
    lines = (line.partition("#")[0].rstrip("\\") for line in span.text.splitlines())
    return " ".join(" ".join(lines).split())
