"""Architectures to networks: the name, map and padding of every layer and block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctcdsl.ir import (
    Architecture,
    Block,
    Branch,
    Element,
    Join,
    Layer,
    PadRule,
    Pair,
    Pool,
    Shape,
    SlidingWindow,
    VectorLayer,
    replace,
    report_shares,
)
from ctcdsl.ir.names import names
from ctcdsl.ir.network import Network, Node, Padded
from ctcdsl.layers.base import Context, LayerKind
from ctcdsl.shapes.blocks import (
    Chain,
    after,
    check_shapes_match,
    final_activation,
    shortcut,
    steps_of,
    without_final_activation,
)
from ctcdsl.shapes.maps import maps_hold, paddings_for_maps
from ctcdsl.shapes.messages import no_rule, note_style_padding, note_unpadded_pools
from ctcdsl.shapes.padding import PaddingRule, covers_map, tensorflow
from ctcdsl.text.sink import Diagnostics


def infer_network(
    architecture: Architecture, diagnostics: Diagnostics, previous: Network | None = None
) -> Network | None:
    """Infer every map of a network; None where an error was reported.

    Stages that it shares with `previous` are taken from there.
    """
    paper = _under_paper(architecture)
    nodes = (
        _with_maps(architecture, diagnostics, previous, paper_holds=paper is not None)
        if architecture.maps
        else ShapeInference(architecture, diagnostics, {}, previous).run()
    )
    if nodes is None:
        return None
    note_unpadded_pools(nodes, diagnostics)
    if paper is not None:
        note_style_padding(architecture, nodes, paper.nodes, diagnostics)
    return Network(architecture, nodes)


def _with_maps(
    architecture: Architecture,
    diagnostics: Diagnostics,
    previous: Network | None,
    *,
    paper_holds: bool,
) -> Chain | None:
    """The nodes with paddings that make `maps` hold: the rule's, which mostly do, or others."""
    quiet = Diagnostics()
    by_rule = ShapeInference(architecture, quiet, {}, previous)
    nodes = by_rule.run(under_maps=True)
    if nodes is not None and not quiet.reported:
        return nodes
    paddings = paddings_for_maps(
        architecture, diagnostics, paper_holds=paper_holds, rule_misses=by_rule.misses_maps
    )
    if paddings is None:
        return None
    return ShapeInference(architecture, diagnostics, paddings, previous).run()


def _under_paper(architecture: Architecture) -> Network | None:
    """A plain row as `pad paper` pads it, where only its `style` brought `pad same`.

    None where the author named the rule, or where the paper's cannot pad the network.
    """
    if architecture.pad_implied_by is None or architecture.pad is PadRule.PAPER:
        return None
    if any(
        isinstance(element, Block) for stage in architecture.stages for element in stage.elements
    ):
        return None
    paper = replace(architecture, pad=PadRule.PAPER, pad_implied_by=None)
    return infer_network(paper, Diagnostics())


class ShapeInference:
    """Infers the nodes of one network and reports layers and blocks that do not fit.

    `paddings` replaces the rule's for some layers of the trunk, by (stage, index). A stage of
    `previous` with the same input and paddings is reused.
    """

    def __init__(
        self,
        architecture: Architecture,
        diagnostics: Diagnostics,
        paddings: Mapping[tuple[int, int], Pair],
        previous: Network | None = None,
    ) -> None:
        self._architecture = architecture
        self._diagnostics = diagnostics
        self._paddings = paddings
        self.misses_maps = False
        # Layers whose padding is not always the rule's.
        self._adapting: tuple[type, ...] = (Pool,) if architecture.pad is PadRule.SAME else ()
        if paddings or architecture.pad is PadRule.TF:
            self._adapting = (LayerKind,)
        remark = f"`{architecture.name}` takes the paper's head"
        self._context = Context(
            classes=architecture.classes,
            diagnostics=diagnostics,
            remark=remark if architecture.head.implied else "",
        )
        self._previous: dict[int | None, list[Node]] = {}
        self._old = old = previous.architecture if previous is not None else architecture
        if previous is not None and old.pad == architecture.pad and old.style == architecture.style:
            for node in previous.nodes:
                self._previous.setdefault(node.stage, []).append(node)

    def run(self, *, under_maps: bool = False) -> Chain | None:
        """Infer trunk and head; None where an error was reported.

        With `under_maps` also None, without a report, at the first stage that misses its `maps`.
        """
        architecture = self._architecture
        before = self._diagnostics.num_errors
        shape = architecture.input
        nodes: list[Node] = []
        for index, (name, stage) in enumerate(
            zip(architecture.stage_names, architecture.stages, strict=True)
        ):
            chain = self._reused(index, shape) or self._chain(name, index, stage.elements, shape)
            if chain is None:
                return None
            if under_maps and not maps_hold(architecture, index, chain):
                self.misses_maps = True
                return None
            nodes += chain
            shape = chain[-1].output
        if self._diagnostics.num_errors > before or not self._head(shape, nodes):
            return None
        return tuple(nodes)

    def _reused(self, index: int, shape: Shape) -> Sequence[Node] | None:
        """A stage's nodes in the previous network; None where stage, input or paddings differ."""
        chain = self._previous.get(index)
        stage = self._architecture.stages[index]
        if not chain or self._old.stages[index] is not stage or chain[0].input != shape:
            return None
        rule = PaddingRule(self._architecture.pad)
        for k, (element, node) in enumerate(zip(stage.elements, chain, strict=True)):
            if not isinstance(element, Block):
                padding = rule.next(element)
                if not node.map_dependent and not isinstance(element, self._adapting):
                    if padding != node.padding:
                        return None
                elif self._padding(padding, element, node.input, (index, k)) != node.padded:
                    return None
        return chain

    def _padding(
        self,
        padding: Pair | None,
        layer: Layer,
        shape: Shape,
        place: tuple[int | None, int] | None,
    ) -> Padded:
        """A layer's padding, that of the rule or another.

        `place` is its stage, None in the head, and index there; None inside of a block.
        """
        tf = self._architecture.pad is PadRule.TF
        if tf and isinstance(layer, SlidingWindow) and layer.padding is None:
            return tensorflow(layer, shape)
        if place is None:
            return Padded(padding)
        stage, index = place
        if stage is not None and (stage, index) in self._paddings:
            return Padded(self._paddings[stage, index], map_dependent=True)
        same = self._architecture.pad is PadRule.SAME
        if same and padding != (0, 0) and covers_map(layer, shape):
            return Padded((0, 0), map_dependent=True)
        return Padded(padding)

    # ----------------------------------------------------------------- chains

    def extend(
        self,
        elements: Sequence[Element],
        shape: Shape,
        rule: PaddingRule,
        *,
        head: bool = False,
        inner: bool = False,
    ) -> Chain | None:
        """Infer elements that follow others in a stage, or are a head; None where they do not fit.

        `rule` is that of the elements before, and continues with these; `inner` is for those of
        a branch.
        """
        name, stage = (self._architecture.head.name, None) if head else ("stage1", 0)
        return self._chain(name, stage, elements, shape, inner=inner, rule=rule)

    def _chain(
        self,
        prefix: str,
        stage: int | None,
        elements: Sequence[Element],
        shape: Shape,
        *,
        inner: bool = False,
        rule: PaddingRule | None = None,
    ) -> Chain | None:
        """Infer a chain of elements; None, reported, where a window does not fit.

        The head, whose `stage` is None, is padded by the rule as a stage is. A `rule` is that of
        what precedes in the same chain.
        """
        rule = rule or PaddingRule(self._architecture.pad)
        chain: list[Node] = []
        vector = False
        pairs = zip(names(prefix, elements), elements, strict=True)
        for index, (name, element) in enumerate(pairs):
            if isinstance(element, Block):
                block = self.block(name, stage, element, shape)
                if block is None:
                    return None
                chain.append(block)
            else:
                padding = rule.next(element)
                far, uncounted, by_map = (0, 0), False, False
                if isinstance(element, self._adapting):
                    place = None if inner else (stage, index)
                    found = self._padding(padding, element, shape, place)
                    padding, far, uncounted, by_map = found
                if padding is None:
                    assert isinstance(element, SlidingWindow)
                    no_rule(element, self._architecture.pad, self._diagnostics)
                    return None
                context = self._context
                if (padding, far) != context[:2]:
                    context = Context(padding, far, *context[2:])  # `_replace` takes twice as long
                output = element.infer(shape, context)
                if output is None:
                    return None
                vector = vector or isinstance(element, VectorLayer)
                node = Node(name, stage, element, shape, output, padding, vector)
                if by_map or uncounted or far != (0, 0):
                    node = node._replace(map_dependent=by_map, far=far, uncounted=uncounted)
                chain.append(node)
            shape = chain[-1].output
        return tuple(chain)

    # ----------------------------------------------------------------- blocks

    def block(self, name: str, stage: int | None, block: Block, shape: Shape) -> Node | None:
        """Infer a block with the input `shape`; None, reported, where its branches do not fit."""
        several = len(block.branches) > 1
        adds = block.join is Join.ADD
        activation = final_activation(block, self._diagnostics) if adds else None
        chains: list[Chain] = []
        branches: list[Branch] = []
        reports = self._diagnostics
        if block.join is Join.SPLIT and not report_shares(
            shape.channels, len(block.branches), block.share, block.origin, reports
        ):
            return None
        inputs = [shape._replace(channels=n) for n in block.in_channels(shape.channels)]
        ok = True
        for index, branch in enumerate(block.branches):
            prefix = f"{name}.branch{index + 1}" if several else name
            elements = without_final_activation(branch.elements, activation)
            chain = self._chain(prefix, stage, elements, inputs[index], inner=True)
            if chain is None:
                ok = False
            elif not branch.optional or not ok or after(chain, shape) == after(chains[0], shape):
                chains.append(chain)
                branches.append(branch)
        rule = self._architecture.pad
        if not ok or not check_shapes_match(block, branches, chains, inputs, rule, reports):
            return None
        lone = adds and not several
        if lone:
            style = self._architecture.style
            steps, target = steps_of(chains[0]), after(chains[0], shape)
            chain = shortcut(name, stage, block.origin, steps, shape, target, style, reports)
            if chain is None:
                return None
            chains.append(chain)
        node = Node(name, stage, block, shape, shape, branches=tuple(chains))
        output = node.branch_outputs[0]
        if block.join.concatenates:
            output = output._replace(channels=sum(each.channels for each in node.branch_outputs))
        node = node._replace(output=output)
        return node._replace(shortcut=lone, activation=activation)

    # ------------------------------------------------------------------- head

    def _head(self, shape: Shape, nodes: list[Node]) -> bool:
        head = self._architecture.head
        old = self._previous.get(None)
        same = self._old.head is head and self._old.classes == self._architecture.classes
        if old and same and old[0].input == shape:
            nodes += old
            return True
        chain = self._chain(head.name, None, head.layers, shape)
        nodes += chain or ()
        return chain is not None
