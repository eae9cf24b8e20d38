"""What PyTorch allocates for a network: its kernels in order, and what autograd keeps of them.

Each operation puts its kernels on a tape as its module runs them on a CPU, with maps in
channels-last memory. Nothing is computed: a tensor is its number of bytes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

DOUBLE, FLOAT, HALF, INDEX, BOOL = 8, 4, 2, 8, 1
"""Bytes of a value: float64, float32, bfloat16, int64, bool."""

_NOWHERE = -1


class Layout(IntEnum):
    """How a map lies in memory: its channels last, first, or as a part of another tensor."""

    LAST = 0
    FIRST = 1
    STRIDED = 2


class Size(NamedTuple):
    """Bytes: `fixed`, and for each image."""

    fixed: int = 0
    image: int = 0

    def of(self, batch: int) -> int:
        """Bytes for a batch."""
        return self.fixed + batch * self.image


_NONE = Size()


class Tensor(NamedTuple):
    """A tensor; a new `number` for each result, a `storage` that views and results in place share.

    `numel` counts the values of an image, or all where it is not `batched`. `learns` where autograd
    computes its gradient.
    """

    number: int
    storage: int
    numel: int
    itemsize: int
    layout: Layout = Layout.LAST
    batched: bool = True
    learns: bool = False

    @property
    def size(self) -> Size:
        """Its bytes."""
        count = self.numel * self.itemsize
        return Size(0, count) if self.batched else Size(count, 0)

    @property
    def is_parameter(self) -> bool:
        """Whether it is a weight, which has a place of its own."""
        return self.storage == _NOWHERE


class Kernel(NamedTuple):
    """A kernel of the forward pass, with its backward pass.

    `operation` is the position in the graph of what runs it. It allocates the storages `new`, and
    `work` while it runs. Autograd keeps the storages `keeps` until its backward pass, which
    allocates gradients for the `inputs` that learn, or passes its outputs' on as views, and `back`
    while it runs, by the layout of the gradient that comes. The gradients are `gives`, or as the
    one that comes where that is None. With `sums` those of smaller inputs are sums of gradients as
    large as the output, which it makes last. `scratch` is what a library may take besides for work
    space, forward and backward.
    """

    operation: int
    inputs: tuple[Tensor, ...]
    outputs: list[Tensor]
    new: tuple[int, ...]
    work: Size
    keeps: tuple[int, ...]
    back: tuple[Size, Size, Size]
    passes: bool
    gives: Layout | None
    sums: bool
    scratch: tuple[int, int]

    @property
    def learns(self) -> bool:
        """Whether it has a backward pass."""
        return self.outputs[0].learns


Sizes = tuple[Tensor, ...]
"""Bytes, as those of tensors."""


class Segment(NamedTuple):
    """Kernels that training runs again in the backward pass, from `first` up to `stop`.

    `source` is the storage of their input. The second time ends before or with the kernel `last`,
    the last one of which autograd keeps anything: with it where it keeps what it computes.
    """

    source: int
    first: int
    stop: int
    last: int
    with_last: bool


class Tape:
    """Records kernels. `training` with a backward pass; `half` under autocast to bfloat16."""

    def __init__(self, *, training: bool, half: bool) -> None:
        self.training = training
        self.half = half
        self.kernels: list[Kernel] = []
        self.sizes: list[Size] = []
        """The bytes of each storage."""
        self.until: list[int] = []
        """The last kernel while which Python holds each storage."""
        self.results: list[Tensor] = []
        """The output of each operation."""
        self.segments: list[Segment] = []
        """The kernels that training runs twice."""
        self.operation = 0
        self._held: list[Tensor] = []
        self._cached: list[Tensor] = []
        self._splits: dict[int, Kernel] = {}
        self._count = 0

    # ------------------------------------------------------------------- tensors

    def tensor(
        self,
        numel: int,
        itemsize: int = FLOAT,
        *,
        layout: Layout = Layout.LAST,
        batched: bool = True,
    ) -> Tensor:
        """A tensor in a new storage."""
        self._count += 1
        count = numel * itemsize
        storage = len(self.sizes)
        self.sizes.append(Size(0, count) if batched else Size(count, 0))
        self.until.append(-1)
        return Tensor(self._count, storage, numel, itemsize, layout, batched)

    @staticmethod
    def measure(numel: int, itemsize: int, *, batched: bool = True) -> Tensor:
        """A tensor that is no more than a number of bytes, for `run`."""
        return Tensor(0, _NOWHERE, numel, itemsize, batched=batched)

    def parameter(self, numel: int) -> Tensor:
        """A weight in float32; its own bytes are counted apart, those of its gradient here."""
        self._count += 1
        return Tensor(self._count, _NOWHERE, numel, FLOAT, batched=False, learns=self.training)

    def view(self, x: Tensor, *, numel: int | None = None, layout: Layout | None = None) -> Tensor:
        """A tensor in the storage of `x`: a view of it, or a result in its place."""
        self._count += 1
        _, storage, size, itemsize, same, batched, learns = x
        return Tensor(
            self._count,
            storage,
            size if numel is None else numel,
            itemsize,
            same if layout is None else layout,
            batched,
            learns,
        )

    def hold(self, *tensors: Tensor) -> None:
        """Keep tensors until the operation's end, as local variables do."""
        self._held += tensors

    # ------------------------------------------------------------------- kernels

    def run(
        self,
        output: Tensor,
        *inputs: Tensor,
        keeps: Sizes = (),
        copies: Sizes = (),
        work: Sizes = (),
        back: Sizes = (),
        first: Sizes | None = None,
        strided: Sizes | None = None,
        passes: bool = False,
        gives: Layout | None = None,
        sums: bool = False,
        scratch: tuple[int, int] = (0, 0),
    ) -> Tensor:
        """Record a kernel and return its output.

        Args:
            output: Of `tensor`, or of `view`.
            inputs: What it reads; those that learn get gradients.
            keeps: What autograd keeps of inputs and output.
            copies: What it makes for autograd besides.
            work: What it allocates while it runs.
            back: What its backward pass allocates while it runs, beside gradients.
            first: The same where the gradient that comes has its channels first.
            strided: The same where it is a part of another tensor.
            passes: Whether the gradients are views of the one that comes.
            gives: The layout of the gradients; by default that of the one that comes.
            sums: Whether the gradients of smaller inputs are summed up at the end.
            scratch: Bytes of work space that its library may take, forward and backward.
        """
        learns, storage = False, output.storage
        new = [storage]
        for x in inputs:
            learns = learns or x.learns
            if x.storage == storage:
                new = []
        kept: list[int] = []
        if learns:  # in training alone
            kept = [x.storage for x in keeps if x.storage != _NOWHERE]
            states = [self.tensor(x.numel, x.itemsize, batched=x.batched).storage for x in copies]
            new += states
            kept += states
        if output.learns is not learns:
            output = output._replace(learns=learns)
        always = total(back)
        kernel = Kernel(
            self.operation,
            inputs,
            [output],
            tuple(new),
            total(work),
            tuple(kept),
            (
                always,
                always if first is None else total(first),
                always if strided is None else total(strided),
            ),
            passes,
            gives,
            sums,
            scratch,
        )
        self._touch((output, *inputs))
        self.kernels.append(kernel)
        return output

    def share(self, x: Tensor, numel: int) -> Tensor:
        """One of the equal shares that `x.chunk` makes: one kernel for all, which joins them."""
        output = self.view(x, numel=numel, layout=Layout.STRIDED)
        kernel = self._splits.get(x.number)
        if kernel is not None:
            kernel.outputs.append(output)
            return output
        output = self.run(output, x, gives=Layout.LAST)
        self._splits[x.number] = self.kernels[-1]
        return output

    def cache(self, x: Tensor) -> None:
        """Keep a tensor until the forward pass ends, as autocast keeps weights."""
        self._cached.append(x)

    def finish(self) -> None:
        """The forward pass ends."""
        self._touch(self._cached, len(self.kernels) - 1)

    def end(self, output: Tensor) -> None:
        """The operation's module returns its output."""
        self.results.append(output)
        self._touch(self._held, len(self.kernels) - 1)
        self._held.clear()
        self.operation += 1

    def recompute(self, x: Tensor, first: int) -> None:
        """Run the kernels from `first` on again in the backward pass, from `x`."""
        keeping = [at for at in range(first, len(self.kernels)) if self.kernels[at].keeps]
        if keeping:
            last = self.kernels[keeping[-1]]
            computed = {*last.new, last.outputs[0].storage}
            with_last = any(storage in computed for storage in last.keeps)
            self.segments.append(
                Segment(x.storage, first, len(self.kernels), keeping[-1], with_last)
            )

    def extend(self, x: Tensor, kernel: int) -> None:
        """Python holds a tensor until a kernel has run."""
        self._touch((x,), kernel)

    def _touch(self, tensors: tuple[Tensor, ...] | list[Tensor], kernel: int | None = None) -> None:
        at = len(self.kernels) if kernel is None else kernel
        until = self.until
        for tensor in tensors:
            storage = tensor.storage
            if storage != _NOWHERE and until[storage] < at:
                until[storage] = at


def total(tensors: Sizes) -> Size:
    """The bytes of tensors together."""
    if not tensors:
        return _NONE
    fixed = image = 0
    for tensor in tensors:
        if tensor.batched:
            image += tensor.numel * tensor.itemsize
        else:
            fixed += tensor.numel * tensor.itemsize
    return Size(fixed, image)
