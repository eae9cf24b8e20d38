"""The class of a convolution with its norm and activation: one for all that differ in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ctcdsl.checking import Node
from ctcdsl.codegen.calls import WIDTH, format_call, signature
from ctcdsl.codegen.render import render
from ctcdsl.ir import Activation, Conv, Style
from ctcdsl.layers.norms import Norm
from ctcdsl.layers.standardisation import Standardisation
from ctcdsl.lowering import has_class, layer_ops
from ctcdsl.ops.activation import Activate
from ctcdsl.ops.calls import Argument, Call, Code, Role
from ctcdsl.ops.convolution import Conv2d, ZeroPad2d
from ctcdsl.ops.graph import OpNode
from ctcdsl.text.diagnostic import InternalError


class Kind(NamedTuple):
    """What the convolutions of one class have in common; activations that are learned, too."""

    norm: Norm | None
    preactivation: bool
    standardisation: Standardisation | None
    learned: Activation | None

    @classmethod
    def of(cls, conv: Conv) -> Kind:
        """That of a convolution."""
        activation = conv.activation
        learned = activation if activation and activation.function.learned else None
        return cls(conv.norm, conv.preactivation, conv.standardisation, learned)


@dataclass(slots=True, eq=False)
class ConvClass:
    """A class, with the convolutions that it makes."""

    kind: Kind
    name: str = ""
    uses: list[tuple[Conv, list[OpNode]]] = field(default_factory=list)
    """Each with its operations, without a padding before them, which is a module of its own."""

    @property
    def activations(self) -> list[Activation | None]:
        """The activations that occur."""
        return list(dict.fromkeys(conv.activation for conv, _ in self.uses))

    @property
    def words(self) -> str:
        """What its name says: `ConvNormAct`."""
        parts = ["Norm"] * (self.kind.norm is not None) + ["Act"] * any(self.activations)
        own = "Conv" if self.kind.standardisation is None else "StdConv"
        return "".join([*parts, own] if self.kind.preactivation else [own, *parts])

    @property
    def same(self) -> bool:
        """Whether all paddings keep their maps: half the kernel."""
        convs = [_conv(ops) for _, ops in self.uses]
        return any(conv.padding != (0, 0) for conv in convs) and all(
            conv.kernel[0] == conv.kernel[1]
            and conv.padding == (conv.kernel[0] // 2, conv.kernel[1] // 2)
            and conv.dilation == (1, 1)
            for conv in convs
        )

    # -------------------------------------------------------------------- calls

    def call(self, conv: Conv, ops: Sequence[OpNode]) -> Call:
        """The call that makes a convolution."""
        ((op, output),) = ((n.op, n.output.shape) for n in ops if isinstance(n.op, Conv2d))
        return Call(self.name, tuple(self._arguments(conv, ops)), op.note(output))

    def _arguments(self, conv: Conv, ops: Sequence[OpNode]) -> Iterator[Argument]:
        for argument in Conv2d.arguments(_conv(ops)):
            if argument.keyword == "kernel_size":
                yield argument._replace(keyword="kernel")
            elif argument.keyword == "bias":
                yield argument._replace(default=str(self.kind.norm is None))
            elif argument.keyword != "padding" or not self.same:
                yield argument
        if len(self.activations) > 2:
            yield Argument(str(_activation(ops)), "act")
        elif len(self.activations) == 2 and None in self.activations:
            yield Argument(str(conv.activation is not None), "act", "True")
        elif len(self.activations) == 2:
            yield Argument(str(_activation(ops)), "act")

    # --------------------------------------------------------------------- text

    def text(self) -> str:
        """The class."""
        calls = [self.call(*use) for use in self.uses]
        options = list(_options(calls))
        pairs = {a.keyword for call in calls for a in call.arguments if len(a.numbers) == 2}
        parameters = ["self", "in_chs: int", "out_chs: int", f"kernel: {_int('kernel', pairs)}"]
        for option in options:
            annotation = (
                "bool" if option.keyword in ("bias", "act") else _int(option.keyword, pairs)
            )
            if option.default is None:
                annotation = "nn.Module"
            default = "" if option.default is None else f" = {option.default}"
            parameters.append(f"{option.keyword}: {annotation}{default}")
        lines = {
            "conv": self._convolution([option.keyword for option in options]),
            "norm": self._norm(),
            "act": self._activation(),
        }
        order = ("norm", "act", "conv") if self.kind.preactivation else ("conv", "norm", "act")
        return render(
            "helpers/convolution.py",
            name=self.name,
            summary=self._summary(),
            signature=signature("def __init__", parameters, "None"),
            lines=[line for part in order for line in lines[part]],
        )

    def _summary(self) -> str:
        own = "convolution" if self.kind.standardisation is None else "standardised convolution"
        titles = [self.kind.norm.title] if self.kind.norm else []
        present = [activation for activation in self.activations if activation]
        if len(present) == 1:
            unless = " unless `act` is false" if None in self.activations else ""
            titles.append(f"{present[0].title}{unless}")
        elif present:
            titles.append("activation")
        text = ", ".join([*titles, own] if self.kind.preactivation else [own, *titles])
        return f"{text[0].upper()}{text[1:]}."

    def _convolution(self, options: Sequence[str]) -> list[str]:
        node = next(node for node in self.uses[0][1] if isinstance(node.op, Conv2d))
        more = node.op.arguments()[len(Conv2d.arguments(_conv([node]))) :]  # constants of the class
        arguments = ["in_chs", "out_chs", "kernel"]
        padding = "kernel // 2" if self.same else "padding" if "padding" in options else ""
        if "stride" in options:
            arguments += ["stride", *([padding] if padding else [])]
        elif padding:
            arguments.append(f"padding={padding}")
        arguments += [
            f"{word}={word}" for word in ("dilation", "groups", "bias") if word in options
        ]
        if self.kind.norm is not None and "bias" not in options:
            arguments.append("bias=False")
        code = Code(node.op.module, (*arguments, *Call("", more).render().arguments))
        return format_call(code, 8, start="self.conv = ")

    def _norm(self) -> list[str]:
        node = next((node for node in self.uses[0][1] if node.role == "norm"), None)
        if node is None:
            return []
        call = op_call(node)
        width = "in_chs" if self.kind.preactivation else "out_chs"
        numbers = [width if n.role is Role.CHANNELS else str(n.value) for n in call.numbers]
        return format_call(call.render(numbers), 8, start="self.norm = ")

    def _activation(self) -> list[str]:
        present = [(c, ops) for c, ops in self.uses if c.activation is not None]
        if not present:
            return []
        count = len(self.activations)
        if count > 2 or (count == 2 and None not in self.activations):
            return ["self.act = act"]
        width = "in_chs" if self.kind.preactivation else "out_chs"
        call = op_call(next(n for n in present[0][1] if isinstance(n.op, Activate)))
        code = call.render([width] * len(call.numbers))
        otherwise = " if act else nn.Identity()" if count == 2 else ""
        line = f"self.act = {code}{otherwise}"
        if 8 + len(line) <= WIDTH:
            return [line]
        return ["self.act = (", f"    {code}{otherwise}", ")"]


def conv_classes(nodes: Iterable[Node], style: Style, *, series: bool) -> dict[Kind, ConvClass]:
    """The classes that the convolutions of a network need, in order of appearance."""
    classes: dict[Kind, ConvClass] = {}
    for node in nodes:
        conv = node.layer
        if isinstance(conv, Conv) and has_class(node, conv, style, series=series):
            kind = Kind.of(conv)
            ops = [op for op in layer_ops(node) if not isinstance(op.op, ZeroPad2d)]
            classes.setdefault(kind, ConvClass(kind)).uses.append((conv, ops))
    taken: list[str] = []
    for conv_class in classes.values():
        words = conv_class.words
        number = taken.count(words) + 1
        taken.append(words)
        conv_class.name = words if number == 1 else f"{words}{number}"
    return classes


def part_name(node: OpNode) -> str:
    """What the class calls the module of an operation."""
    if isinstance(node.op, Conv2d):
        return "conv"
    return "act" if isinstance(node.op, Activate) else "norm"


def op_call(node: OpNode) -> Call:
    """The call of an operation's module."""
    op = node.op
    if not op.module:
        raise InternalError(f"{node.layer}: {op} is no module, and its layer no class")
    arguments = op.arguments()
    if node.in_place:
        arguments = (*arguments, Argument("True", "inplace"))
    return Call(op.module, arguments, op.note(node.output.shape))


def _conv(ops: Sequence[OpNode]) -> Conv2d:
    return next(node.op for node in ops if isinstance(node.op, Conv2d))


def _activation(ops: Sequence[OpNode]) -> Code:
    node = next((node for node in ops if isinstance(node.op, Activate)), None)
    return Code("nn.Identity", ()) if node is None else op_call(node).render()


def _int(keyword: str, pairs: set[str]) -> str:
    return "int | tuple[int, int]" if keyword in pairs else "int"


def _options(calls: Sequence[Call]) -> Iterator[Argument]:
    """The arguments after the kernel that some call gives, in order; those without default last."""
    given = [
        arguments[0]
        for arguments in zip(*(call.arguments for call in calls), strict=True)
        if arguments[0].keyword != "kernel"
        and arguments[0].keyword
        and any(Call("", (argument,)).render().arguments for argument in arguments)
    ]
    yield from sorted(given, key=lambda argument: argument.default is not None)
