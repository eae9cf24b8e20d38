"""How much memory training takes: the values that are alive, before anything is allocated.

Of a network of P parameters, on a batch of N images, with a bytes a value (4, or 2 in bf16):

    bytes = 12 P + (4 - a) (P - W) + a W + N x max over operations of (kept + gradients)

- 12 P: each parameter, its gradient and its momentum in float32; in bf16 a copy of 2 P besides.
- W: the filters that are standardised (a part of P). They are a copy in either precision.
- kept: the values that autograd still needs when it has come back to the operation: the input of a
  convolution, an fc layer, a norm or a max pool; the output of an activation that works in
  place, the input of one that does not; the index of 8 bytes for each value of a max pool; the
  mask of a dropout; the images themselves.
- gradients: those of the operation's output and inputs, and those that wait for other branches.

Work space of the libraries and what the allocator cannot use are not in it; `largest_batch` leaves
a tenth of the memory for them.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.lowering import lower
from ctcdsl.metrics.counts import copied_parameters, parameters
from ctcdsl.ops.graph import OpGraph, OpNode, Value
from ctcdsl.ops.op import Keeps

_HEADROOM = 0.1


class MemoryEstimate(NamedTuple):
    """The memory that training takes, in bytes."""

    static: int
    """Parameters, gradients, momenta."""
    saved: int
    """What an image keeps for the backward pass, at its end."""
    per_image: int
    """The most that an image takes at any time."""

    def training(self, batch: int) -> int:
        """Bytes for a step on so many images at once."""
        return self.static + batch * self.per_image

    def largest_batch(self, available: int) -> int:
        """The most images that a step fits in `available` bytes, 0 where not one does."""
        room = int(available * (1 - _HEADROOM)) - self.static
        return max(0, room // self.per_image)


def training_memory(network: Network, value: int = 4) -> MemoryEstimate:
    """What training a network takes, at `value` bytes for each value of a map."""
    graph = lower(network)
    params = parameters(graph.nodes)
    standardised = copied_parameters(graph.nodes)
    image = network.input.numel
    # The image comes as bytes, becomes float32, and in bf16 is rounded once more.
    image_bytes = image * (1 + 4 + (value if value < 4 else 0))
    saved, most = _alive(graph, value)
    return MemoryEstimate(
        static=12 * params + (4 - value) * (params - standardised) + value * standardised,
        saved=image_bytes + saved,
        per_image=image_bytes + most,
    )


def _alive(graph: OpGraph, value: int) -> tuple[int, int]:
    """Bytes of the values kept at the end of the forward pass, and the most at any time."""
    users: Counter[int] = Counter({graph.output.number: 1})  # the loss keeps the scores
    for node in graph.nodes:
        users.update(kept.number for kept in _keeps(node))
    users.pop(graph.input.number, None)  # counted apart
    sizes = {node.output.number: value * node.output.shape.numel for node in graph.nodes}
    saved = sum(sizes[number] for number in users)
    saved += sum(_extra(node) for node in graph.nodes)
    most = saved
    alive = saved - sizes[graph.output.number]  # the loss gives the scores free first
    gradients = {graph.output.number: sizes[graph.output.number]}
    for node in reversed(graph.nodes):
        arriving = [v.number for v in node.inputs if v.number != graph.input.number]
        new = sum(sizes[number] for number in arriving)
        most = max(most, alive + sum(gradients.values()) + new)
        gradients.pop(node.output.number, None)
        gradients.update((number, sizes[number]) for number in arriving)
        alive -= _extra(node)
        for kept in _keeps(node):
            users[kept.number] -= 1
            if users[kept.number] == 0:
                alive -= sizes[kept.number]
    return saved, most


def _keeps(node: OpNode) -> tuple[Value, ...]:
    match node.op.keeps:
        case Keeps.NOTHING:
            return ()
        case Keeps.INPUT:
            return node.inputs
        case Keeps.OUTPUT:
            return (node.output,)


def _extra(node: OpNode) -> int:
    return node.op.extra_bytes * node.output.shape.numel


def format_bytes(count: int) -> str:
    """A number of bytes for people: `1.2 GB`."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
