"""Records what PyTorch allocates for operations.

Each operation puts its kernels on a tape as its module runs them on a CPU, with maps in
channels-last memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.ops.recording import Backward, Gradient, Kernel, Profile, Recording
from ctcdsl.ops.tensor import FLOAT, IMAGE, LAST, NOWHERE, STRIDED, Layout, Size, Tensor


class Tape:
    """Records the kernels of operations on `inputs`, which are numbered from 0 on.

    In training with a backward pass; `half` under autocast to bfloat16.
    """

    _asked = False

    def __init__(self, inputs: Sequence[Tensor], *, training: bool, half: bool) -> None:
        self.half = half
        self.kernels: list[Kernel] = []
        self._training = training
        self._inputs = self._count = len(inputs)
        self._sizes = [0] * len(inputs)
        self._until = [NOWHERE] * len(inputs)
        """The last kernel while which Python holds each storage."""
        self._idle: list[tuple[Size, Size]] = []
        """What each kernel makes and works in where no backward pass follows."""
        self._held: list[Tensor] = []
        self._operation = 0
        self._cached: list[int] = []

    @property
    def training(self) -> bool:
        """Whether it is training; an operation that asks is recorded in inference, too."""
        self._asked = True
        return self._training

    # ------------------------------------------------------------------- tensors

    def tensor(
        self,
        numel: int,
        itemsize: int = FLOAT,
        *,
        layout: Layout = LAST,
    ) -> Tensor:
        """A tensor of so many values an image, in a new storage."""
        return self.sized(IMAGE * itemsize * numel, itemsize, layout)

    def like(self, x: Tensor, itemsize: int | None = None, *, layout: Layout = LAST) -> Tensor:
        """A tensor of as many values as `x`, in a new storage; of its type by default."""
        if itemsize is None or itemsize == x.itemsize:
            return self.sized(x.size, x.itemsize, layout)
        return self.sized(x.size_as(itemsize), itemsize, layout)

    def sized(self, size: Size, itemsize: int, layout: Layout = LAST) -> Tensor:
        """A tensor of so many bytes, in a new storage."""
        number, storage = self._count, len(self._sizes)
        self._count += 1
        self._sizes.append(size)
        self._until.append(NOWHERE)
        return Tensor(number, storage, size, itemsize, layout)

    def parameter(self, numel: int) -> Tensor:
        """A weight in float32; its own bytes are counted apart, those of its gradient here."""
        self._count += 1
        return Tensor(self._count - 1, NOWHERE, FLOAT * numel, FLOAT, LAST, self._training)

    def view(self, x: Tensor, *, numel: int | None = None, layout: Layout | None = None) -> Tensor:
        """A tensor in the storage of `x`: a view of it, or a result in its place."""
        self._count += 1
        size = x.size if numel is None else IMAGE * x.itemsize * numel
        layout = x.layout if layout is None else layout
        return Tensor(self._count - 1, x.storage, size, x.itemsize, layout, x.learns)

    def hold(self, *tensors: Tensor) -> None:
        """Keep tensors until the operation's end, as local variables do."""
        self._held += tensors

    def cache(self, x: Tensor) -> None:
        """Keep a tensor until the forward pass ends, as autocast keeps weights in training."""
        if self._training:
            self._cached.append(x.storage)

    def extend(self, x: Tensor, kernel: int) -> None:
        """Python holds a tensor until a kernel has run."""
        if x.storage != NOWHERE:
            self._until[x.storage] = kernel

    # ------------------------------------------------------------------- kernels

    def run(
        self,
        output: Tensor,
        *inputs: Tensor,
        keeps: Sequence[Tensor] = (),
        copies: Sequence[Size] = (),
        states: Sequence[Size] = (),
        work: Size = 0,
        back: Size = 0,
        first: Size | None = None,
        strided: Size | None = None,
        passes: bool = False,
        gives: Layout | None = None,
        sums: bool = False,
        scratch: tuple[int, int] = (0, 0),
        splits: bool = False,
    ) -> Tensor:
        """Record a kernel and return its output.

        Args:
            output: Of `tensor`, or of `view`.
            inputs: What it reads; those that learn get gradients.
            keeps: What autograd keeps of inputs and output.
            copies: The bytes of what it makes besides where autograd keeps it.
            states: The same of what it computes anyway: else they are work.
            work: The bytes that it allocates while it runs.
            back: Those that its backward pass allocates while it runs, beside gradients.
            first: The same where the gradient that comes has its channels first.
            strided: The same where it is a part of another tensor.
            passes: Whether the gradients are views of the one that comes.
            gives: The layout of the gradients; by default that of the one that comes.
            sums: Whether the gradients of smaller inputs are summed up at the end.
            scratch: Bytes of work space that its library may take, forward and backward.
            splits: Whether the output is one of the equal shares that `x.chunk` makes: one kernel
                for those of all operations on `x`, which joins their gradients.
        """
        storage, at, until = output.storage, len(self.kernels), self._until
        new: Sequence[int] = (storage,)
        made, learns = output.size, False
        for x in inputs:
            if x.storage != NOWHERE:
                until[x.storage] = at
            if x.storage == storage:
                new, made = (), 0  # a view, or in place
            if x.learns:
                learns = True
        until[storage] = at
        self._idle.append((made, work + sum(states)))
        if not learns:
            self.kernels.append(Kernel(self._operation, new, made, work, scratch))
            return output
        output.learns = True
        kept = [x.storage for x in keeps if x.storage != NOWHERE]
        keeps_result = storage in kept
        if copies or states:
            keeps_result = True
            sizes = *copies, *states
            copied = range(len(until), len(until) + len(sizes))
            self._sizes += sizes
            until += [at] * len(sizes)
            kept += copied
            new = *new, *copied
            made += sum(sizes)
        weights, gradients = _gradients(output, inputs, passes, gives, sums)
        backs = back, back if first is None else first, back if strided is None else strided
        backward = Backward(output.number, weights, gradients, backs, gives, splits)
        self.kernels.append(
            Kernel(self._operation, new, made, work, scratch, kept, keeps_result, backward)
        )
        return output

    def end(self, *inputs: Tensor) -> None:
        """The operation's module returns, which held its inputs."""
        last = len(self.kernels) - 1
        for x in inputs:
            self._until[x.storage] = last
        for x in self._held:
            self._until[x.storage] = last
        self._held.clear()
        self._operation += 1

    def finish(self, output: Tensor) -> Recording:
        """The last operation has returned its output."""
        kernels, until, result = self.kernels, self._until, output.storage
        freed: list[list[int]] = [[] for _ in kernels]
        for kernel in kernels:
            for storage in kernel.new:
                if storage != result and storage not in self._cached:
                    freed[until[storage]].append(storage)
        return Recording(
            kernels,
            freed,
            self._sizes[self._inputs :],
            self._count - self._inputs,
            output,
            self._cached,
            None if self._asked and self._training else self._profile(result),
        )

    def _profile(self, result: int) -> Profile:
        alive = 0
        moments: list[tuple[Size, int]] = []
        going = [0] * len(self.kernels)
        for at, (kernel, (made, work)) in enumerate(zip(self.kernels, self._idle, strict=True)):
            alive += made
            moments.append((alive + work, kernel.scratch[0]))
            if made and kernel.new[0] != result:
                going[self._until[kernel.new[0]]] += made
            alive -= going[at]
        return Profile(moments, alive, result)


def _gradients(
    output: Tensor, inputs: Sequence[Tensor], passes: bool, gives: Layout | None, sums: bool
) -> tuple[Size, Sequence[Gradient]]:
    """The bytes of the gradients of a kernel's weights, and its other gradients."""
    weights = 0
    gradients: list[Gradient] = []
    whole = output.size
    for x in inputs:
        if x.learns:
            size, parameter = x.size, x.storage == NOWHERE
            fits = size == whole or gives == STRIDED
            if parameter and not (passes if fits else sums):
                weights += size
            else:
                gradients.append(
                    Gradient(x.number, size, parameter, passes and fits, sums and not fits)
                )
    return weights, gradients
