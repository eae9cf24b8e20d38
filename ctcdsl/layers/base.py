"""What a kind of layer is: its word and arguments, its shape rule, and its operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from ctcdsl.ops.calls import Argument
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.record import Record, field, replace
from ctcdsl.ops.shapes import Pair, Shape
from ctcdsl.text import Label, Origin, Span
from ctcdsl.text.sink import Diagnostics

if TYPE_CHECKING:
    from ctcdsl.layers.activations import Activation
    from ctcdsl.layers.arguments import Declaration

MAX_KERNEL = 1_000
MAX_WIDTH = 1_000_000


class Context(NamedTuple):
    """Where a layer is: its padding, the network's classes, and where errors go.

    `padding` is that of both sides, `far` what there is more of it below and on the right;
    averages leave out what is `uncounted`.
    `remark` says of a layer that nobody wrote where it comes from.
    """

    padding: Pair = (0, 0)
    far: Pair = (0, 0)
    uncounted: bool = False
    classes: int = 0
    diagnostics: Diagnostics | None = None
    remark: str = ""

    def error(self, code: str, message: str, at: Span | Origin | Label, *, hint: str = "") -> None:
        """Report an error, where errors are reported."""
        if self.diagnostics is not None:
            self.diagnostics.error(code, message, at, hint=hint)


class Helper(NamedTuple):
    """A class that generated code brings along for a layer: one module for its operations.

    `template` is its text in `codegen/templates/helpers/`, filled with the `calls` of its
    operations; `paths` say where each of those with a module is in it: "" is the class itself,
    `gate.1` a part.
    """

    name: str
    template: str
    arguments: tuple[Argument, ...]
    paths: tuple[str, ...]


class LayerKind(Record):
    """A layer: what the author wrote. Subclasses are the kinds, one a file.

    `origin` is the author's text; it survives rewrites, so that an error in a rewritten layer
    still points at the author's line. Equality ignores it. A kind that leaves out a rule does
    not import: there are no defaults for what a layer does.
    """

    origin: Origin = field(compare=False)

    widths: ClassVar[tuple[str, ...]]
    """Its fields that are numbers of channels, which rewrites may change."""

    def __init_subclass__(cls, *, abstract: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not abstract:
            own = [(name, getattr(cls, name, None)) for name in _REQUIRED]
            missing = [name for name, rule in own if rule is getattr(LayerKind, name, None)]
            if missing:
                raise TypeError(f"{cls.__name__} does not say its {', '.join(missing)}")

    @property
    def keyword(self) -> str:
        """Its word in the language, from which its name in a network is made."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What papers call it, with its main number: the text of its box in a picture."""
        raise NotImplementedError

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The shape of its output; None, reported, where it does not fit."""
        raise NotImplementedError

    def out_channels(self, channels: int) -> int:
        """The channels, or features, of its output; its input's where they are not known yet."""
        raise NotImplementedError

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """Add its operations to a graph; return its output."""
        raise NotImplementedError

    @property
    def channelwise(self) -> bool:
        """Whether each channel of its output depends on the same channel of its input alone."""
        raise NotImplementedError

    @property
    def pixelwise(self) -> bool:
        """Whether each position of its output depends on the same position of its input alone."""
        raise NotImplementedError

    @property
    def growth(self) -> int:
        """How many times as high and wide it makes maps: what strides divide."""
        raise NotImplementedError

    @property
    def last_activation(self) -> Activation | None:
        """The activation that its output comes from."""
        raise NotImplementedError

    def without_activation(self) -> LayerKind | None:
        """It without its last activation; None where nothing is left."""
        raise NotImplementedError

    def form(self) -> LayerKind:
        """It without widths and strides: what is equal in the layers that a stage repeats."""
        return replace(self, **dict.fromkeys(self.widths, 1))

    def helper(self, in_channels: int) -> Helper | None:
        """Its class in generated code, where its operations are no chain of modules."""
        return None

    @property
    def problem(self) -> tuple[str, str] | None:
        """What is wrong with its arguments together, and what to do; mostly nothing."""
        return None

    @property
    def kind(self) -> str:
        """Its kind in reports: its word, unless several share it."""
        return self.keyword


_REQUIRED = (
    *("keyword", "title", "infer", "out_channels", "lower", "channelwise", "pixelwise"),
    *("widths", "growth", "last_activation"),
)


class MapLayer(LayerKind, abstract=True):
    """A layer that takes a map and gives one."""


class SameShapeLayer(MapLayer, abstract=True):
    """A layer of the trunk that keeps its map's shape."""

    growth = 1

    def infer(self, x: Shape, context: Context) -> Shape | None:
        """The shape of its input."""
        return x

    def out_channels(self, channels: int) -> int:
        """Those of its input."""
        return channels


class MapOrVectorLayer(SameShapeLayer, abstract=True):
    """A layer that takes a map as well as a vector, and keeps its shape."""


class VectorLayer(LayerKind, abstract=True):
    """A layer whose output is a vector: the first of them begins a head without a name."""

    growth = 1


# ------------------------------------------------------------------------ the table


class Word(NamedTuple):
    """A word of the language that is a layer: how it is described, and what it takes.

    `make` makes a layer of its `kind` of the arguments' values, by name.
    """

    word: str
    group: str
    summary: str
    example: str
    arguments: tuple[Declaration, ...]
    kind: type[LayerKind]
    make: Callable[..., LayerKind]


WORDS: dict[str, Word] = {}
"""Every word that is a layer, in the order in which pages list them."""

K = TypeVar("K", bound=LayerKind)


def layer(
    word: str,
    *,
    summary: str,
    example: str = "",
    arguments: tuple[Declaration, ...] = (),
    **fixed: Any,
) -> Callable[[type[K]], type[K]]:
    """Register a kind under a word; `fixed` are the fields that this word decides."""

    def register(kind: type[K]) -> type[K]:
        def make(**values: Any) -> LayerKind:
            return kind(**fixed, **values)

        WORDS[word] = Word(word, "layer", summary, example, arguments, kind, make)
        return kind

    return register
