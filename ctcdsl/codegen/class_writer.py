"""The content of a block's class, worked out from its instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ctcdsl.checking import Node
from ctcdsl.codegen.class_code import BranchCode, ClassCode, Condition, Names
from ctcdsl.codegen.conv_class import op_call
from ctcdsl.codegen.def_unify import DefUnifier
from ctcdsl.codegen.names import parameter_name
from ctcdsl.codegen.structures import BlockClass
from ctcdsl.codegen.unify import Expression, Parameter, Unifier, Values
from ctcdsl.ir import Block, Join
from ctcdsl.lowering import may_overwrite_end
from ctcdsl.ops.calls import Call, Role
from ctcdsl.ops.graph import Builder

_ONE = Expression("1")
_LAST = Role.PADDING


class ClassWriter:
    """Works out one class."""

    def __init__(self, block_class: BlockClass, taken: Collection[str]) -> None:
        self._block_class = block_class
        self._taken = taken
        nodes = [instance.node for instance in block_class.all]
        self._inputs: Values = tuple(p.input.channels for p in nodes)
        self._outputs: Values = tuple(p.output.channels for p in nodes)
        self._unifier = _unifier(block_class, self._inputs, self._outputs)
        self._flags: dict[str, Sequence[bool]] = {}

    @property
    def def_parameters(self) -> set[str]:
        """The parameters of the `def` that the class takes."""
        return {parameter.def_parameter for parameter in self.code("").parameters} - {""}

    @property
    def functions(self) -> set[str]:
        """The functions of the language that the class calls."""
        return self._unifier.functions

    def code(self, name: str) -> ClassCode:
        """The class, by its name."""
        block_class, unifier = self._block_class, self._unifier
        count = len(block_class.forms)
        partial = [any(i.branches[k] is None for i in block_class.all) for k in range(count)]
        shares = tuple(instance.block.share for instance in block_class.all)
        share = None if None in shares else unifier.resolve(shares, Role.CHANNELS)
        numbers: dict[int, tuple[tuple[Call, tuple[Expression, ...]], ...]] = {}
        # What all instances have decides on the parameters.
        for k in sorted(range(count), key=lambda k: partial[k]):
            if block_class.forms[k] is not None:
                numbers[k] = self._branch(k)
        attributes = self._attributes(numbers)
        branches: list[BranchCode] = []
        for k in range(count):
            projection = block_class.first.node.shortcut and k == count - 1
            if block_class.forms[k] is None:
                if projection:
                    branches.append(BranchCode(k, "", ()))
                continue
            condition = None
            if partial[k]:
                present = [i.branches[k] is not None for i in block_class.all]
                stays = [not p for p in present] if projection else present
                condition = self._condition(stays, attributes[k])
            branches.append(BranchCode(k, attributes[k], numbers[k], condition))
        activation = self._activation(len(branches))
        parameters = unifier.parameters(self._taken)
        if (
            parameters or block_class.first.source
        ):  # then maps differ, and comments would hold for one instance only
            branches = [branch.without_maps() for branch in branches]
        shown = [*branches, *([activation] if activation else [])]
        names = self._locals(shown, parameters, share)
        return ClassCode(
            name,
            block_class,
            tuple(parameters),
            self._flags,
            names,
            tuple(branches),
            activation,
            *self._shapes(),
            share,
            unifier.in_channels,
        )

    def _branch(self, k: int) -> tuple[tuple[Call, tuple[Expression, ...]], ...]:
        """The calls of a branch with the expressions of their numbers."""
        chains = [instance.branches[k] for instance in self._block_class.all]
        example = next(chain for chain in chains if chain is not None)
        result: list[tuple[Call, tuple[Expression, ...]]] = []
        for at, call in enumerate(example):
            rows = [None if chain is None else chain[at].numbers for chain in chains]
            expressions: dict[int, Expression] = {}
            # Paddings follow from kernel and dilation, so they come last.
            for j, number in sorted(enumerate(call.numbers), key=lambda n: n[1].role is _LAST):
                values = tuple(None if row is None else row[j].value for row in rows)
                expressions[j] = self._unifier.resolve(values, number.role)
            resolved = tuple(expressions[j] for j in range(len(expressions)))
            counts = self._counts(chains, at)
            if counts is None:
                result.append((call, resolved))
            elif len(set(counts) - {None}) > 1:
                copies = self._unifier.count(counts)
                assert copies is not None
                self._unifier.use(copies)
                result.append((call, (*resolved, copies)))
            else:
                result += [(one, resolved) for one in call.unfolded()]
        return tuple(result)

    @property
    def counts_follow(self) -> bool:
        """Whether all numbers of copies are constants or parameters of the `def`."""
        for k, _ in enumerate(self._block_class.forms):
            chains = [instance.branches[k] for instance in self._block_class.all]
            example = next((chain for chain in chains if chain is not None), ())
            for at, _ in enumerate(example):
                counts = self._counts(chains, at)
                varies = counts is not None and len(set(counts) - {None}) > 1
                if varies and self._unifier.count(counts or ()) is None:
                    return False
        return True

    @staticmethod
    def _counts(chains: Sequence[Sequence[Call] | None], at: int) -> Values | None:
        """How often each instance makes a call; None where all calls are made once."""
        counts = tuple(None if chain is None else chain[at].copies for chain in chains)
        return counts if any(counts) else None

    def _activation(self, branches: int) -> BranchCode | None:
        """The activation of the sum, where it is a module: it has weights, or ends a chain."""
        node = self._block_class.first.node
        if node.activation is None or not (branches == 1 or node.activation.function.learned):
            return None
        free = branches == 1 and may_overwrite_end(node.branches[0])
        builder = Builder(node.output, node.name, may_overwrite=free)
        node.activation.add(builder, builder.input)
        call = op_call(builder.nodes[0])._replace(name="activation")
        numbers = tuple(self._unifier.resolve(self._outputs, n.role) for n in call.numbers)
        return BranchCode(branches, "activation", ((call, numbers),))

    def _attributes(self, numbers: Mapping[int, tuple[object, ...]]) -> dict[int, str]:
        """What the branches are called: the residual and its shortcut, or by number."""
        node = self._block_class.first.node
        if node.shortcut:
            return {0: "residual", 1: "shortcut"}
        if sum(map(bool, numbers.values())) == 1:
            adds = self._block_class.first.block.join is Join.ADD
            return dict.fromkeys(numbers, "residual" if adds else "branch")
        return {k: f"branch{k + 1}" for k in numbers}

    def _condition(self, stays: list[bool], attribute: str) -> Condition:
        """A condition that is true in exactly the instances where `stays` is."""
        unifier = self._unifier
        in_channels = unifier.find(self._inputs, Role.CHANNELS)
        out_channels = unifier.find(self._outputs, Role.CHANNELS)
        tests: list[tuple[tuple[Expression, Expression], Values, Values]] = []
        for parameter in unifier.of(Role.STRIDE):
            ones = tuple(1 for _ in stays)
            tests.append(((Expression("{}", (parameter,)), _ONE), parameter.values, ones))
        if in_channels and out_channels and in_channels != out_channels:
            pair = (in_channels, out_channels)
            if not in_channels.of:
                pair = (out_channels, in_channels)
            tests.append((pair, self._inputs, self._outputs))
        for chosen in (tests, tests[-1:], tests[:1]):
            holds = [all(a[i] == b[i] for _, a, b in chosen) for i, _ in enumerate(stays)]
            if chosen and holds == stays:
                for pair, _, _ in chosen:
                    unifier.use(*pair)
                return Condition(tuple(pair for pair, _, _ in chosen))
        name = "identity" if attribute == "shortcut" else f"with_{attribute}"
        self._flags[name] = stays
        return Condition(flag=name)

    def _locals(
        self,
        branches: Sequence[BranchCode],
        parameters: Sequence[Parameter],
        share: Expression | None,
    ) -> Names:
        """Names for compound expressions that occur several times."""
        counts: Counter[Expression] = Counter()
        if share is not None and share.compound:
            counts[share] += 1
        for branch in branches:
            for _, numbers in branch.calls:
                counts.update(e for e in numbers if e.compound)
        for condition in dict.fromkeys(b.condition for b in branches if b.condition):
            counts.update(e for pair in condition.tests for e in pair if e.compound)
        out_channels = self._unifier.find(self._outputs, Role.CHANNELS)
        several = [expression for expression, count in counts.items() if count > 1]
        taken = {*self._taken, *(p.name for p in parameters)}
        names = Names()
        hidden = [e for e in several if e != out_channels]
        inner = "hidden" if self._block_class.first.block.join is Join.ADD else "width"
        for expression in several:
            word = "out_chs" if expression == out_channels else inner
            if expression != out_channels and len(hidden) > 1:
                word += str(hidden.index(expression) + 1)
            names[expression] = parameter_name(word, taken)
            taken.add(names[expression])
        return names

    def _shapes(self) -> tuple[str | None, str | None, str | None]:
        """The input and output channels, and what divides the map's sides."""
        maps = [(i.node.input, i.node.output) for i in self._block_class.all]
        quotients: list[int] = []
        for before, after in maps:
            stride = int(before.height) // int(after.height)
            if (after.height * stride, after.width * stride) != before[1:]:
                return None, None, None
            quotients.append(stride)
        scale = self._known(tuple(quotients), Role.STRIDE)
        inputs = self._known(self._inputs, Role.CHANNELS)
        outputs = self._known(self._outputs, Role.CHANNELS)
        if self._block_class.first.block.join.concatenates:
            widths = [self._known(width, Role.CHANNELS) for width in self._widths()]
            plain = all(width is not None and not width.compound for width in widths)
            if outputs is None or (outputs.compound and plain):
                return _text(inputs), _sum(widths), _text(scale)
        return _text(inputs), _text(outputs), _text(scale)

    def _known(self, values: Values, role: Role) -> Expression | None:
        """How the class can say these values; None where it cannot."""
        expression = self._unifier.find(values, role)
        return expression if expression and self._unifier.uses(expression) else None

    def _widths(self) -> list[Values]:
        """The output channels of each branch."""
        nodes = [instance.node for instance in self._block_class.all]
        rows = [[output.channels for output in p.branch_outputs] for p in nodes]
        return [tuple(column) for column in zip(*rows, strict=True)]


def _text(expression: Expression | None) -> str | None:
    return None if expression is None else str(expression)


def _sum(terms: Sequence[Expression | None]) -> str | None:
    """The sum of terms, its constants added up; None where a term is not known."""
    texts = [str(term) for term in terms if term is not None]
    if len(texts) < len(terms):
        return None
    constant = sum(int(text) for text in texts if text.isdigit())
    counts = Counter(text for text in texts if not text.isdigit())
    parts: list[str] = []
    for text, count in counts.items():
        parts += [f"{count} * {text}"] if count > 1 and text.isidentifier() else [text] * count
    return " + ".join([*parts, *([str(constant)] if constant else [])])


def def_arguments(node: Node) -> dict[str, Any]:
    """The arguments of the `def` that a block is in."""
    assert isinstance(node.layer, Block)
    return dict(node.layer.origin.expansions[-1].arguments)


def _unifier(block_class: BlockClass, inputs: Values, outputs: Values) -> Unifier:
    source = block_class.first.source
    if source is None:
        return Unifier(inputs, outputs, _def_arguments(block_class))
    calls = [def_arguments(each.node) for each in block_class.all]
    values = {
        parameter.name: (tuple(call[parameter.name] for call in calls), parameter.default)
        for parameter in source.parameters
    }
    return DefUnifier(inputs, outputs, values)


def _def_arguments(block_class: BlockClass) -> dict[str, Values]:
    """The arguments of the blocks' `def`, those that are integers everywhere."""
    calls = [instance.block.call for instance in block_class.instances]
    first = calls[0]
    if first is None:
        return {}
    arguments: dict[str, Values] = {}
    for name, _ in first.arguments:
        values = [dict(call.arguments).get(name) if call else None for call in calls]
        integers = [int(v) for v in values if v is not None and v == int(v)]
        if len(integers) == len(values):
            arguments[name] = tuple(integers)
    return arguments
