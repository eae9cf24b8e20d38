"""What the layers and blocks of a network's chain keep and need in training, one by one.

From it follows what a step takes where the maps of some parts are computed again, without following
its kernels for each choice of parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ctcdsl.checking import Network
from ctcdsl.ir.network import flat
from ctcdsl.lowering import lower
from ctcdsl.metrics.groups import grouped
from ctcdsl.metrics.liveness import RANDOM_STATE, Phase, Simulation
from ctcdsl.metrics.recorder import Recorder
from ctcdsl.metrics.step import Optimizer, Precision, image_bytes, weights_of
from ctcdsl.metrics.trace import Call, Trace, trace
from ctcdsl.ops.graph import OpGraph
from ctcdsl.ops.tensor import bytes_of


class Link(NamedTuple):
    """A layer or block of the chain; bytes for a batch, with the work space of kernels.

    `before` is what autograd keeps of the links before it, without its own input, of `input` bytes;
    `forward` and `backward` the most that is alive while it runs, `gradients` those of the weights
    of later links, which are there before its backward pass. `inside` is what it keeps beside
    its input and its output. It `keeps_input` and `keeps_output`, which may be `in_place` of its
    input. `macs` are those of all its operations, `again` of those that run a second time where it
    is the last of a part; None where it keeps nothing.
    """

    before: int
    input: int
    forward: int
    backward: int
    gradients: int
    inside: int
    keeps_input: bool
    keeps_output: bool
    in_place: bool
    macs: int
    again: int | None


class ChainMemory(NamedTuple):
    """The links of a chain, the last of which is the loss; `static` memory, that of the `end`."""

    links: tuple[Link, ...]
    static: int
    end: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a forward pass, of one image."""
        return sum(link.macs for link in self.links)

    def need(self, first: int, last: int) -> int:
        """The most that is alive beside what is kept of earlier links, if a part is recomputed.

        The part's input is alive, too.
        """
        part = self.links[first : last + 1]
        gradient = self.links[last + 1].input + self.links[last].gradients
        most = max(max(link.forward + gradient, link.backward) for link in part)
        return most - self.links[first].before + 2 * RANDOM_STATE

    def again(self, first: int, last: int) -> int | None:
        """The MACs of a part that are computed a second time; None where it keeps nothing."""
        for end in range(last, first - 1, -1):
            again = self.links[end].again
            if again is not None:
                return again + sum(link.macs for link in self.links[first:end])
        return None


def chain_memory(
    network: Network, batch: int, *, precision: Precision, optimizer: Optimizer
) -> ChainMemory:
    """The links of a network that recomputes nothing."""
    graph = lower(network)._replace(recomputed=())
    groups = grouped(graph)
    kernels = trace(graph, groups, Recorder(half=precision == "bf16"))
    simulation = Simulation(kernels)
    simulation.forward()
    simulation.backward()
    static = weights_of(groups, optimizer)
    held = static.weights + static.state + batch * image_bytes(network, labels=True)
    owner = _owners(network, graph)
    count = len(network.nodes) + 1
    most = {Phase.FORWARD: [0] * count, Phase.BACKWARD: [0] * count}
    later = [0] * count
    for moment in reversed(simulation.moments):
        if moment.phase is Phase.BACKWARD:  # the first of each stays
            later[owner[moment.operation]] = moment.gradients
    for moment in simulation.moments:
        alive = bytes_of(moment.alive, batch) + moment.scratch
        values = most[moment.phase]
        values[owner[moment.operation]] = max(values[owner[moment.operation]], alive)
    most_alive = list(zip(most[Phase.FORWARD], most[Phase.BACKWARD], later, strict=True))
    links = _links(kernels, graph, owner, batch, most_alive)
    return ChainMemory(tuple(links), held, held + static.gradients + static.copied)


def _owners(network: Network, graph: OpGraph) -> list[int]:
    """The link of each operation, and of the loss."""
    of_layer = {
        layer.name: index for index, node in enumerate(network.nodes) for layer in flat((node,))
    }
    return [*(of_layer[node.layer] for node in graph.nodes), len(network.nodes)]


def _links(
    trace: Trace,
    graph: OpGraph,
    owner: Sequence[int],
    batch: int,
    alive: Sequence[tuple[int, int, int]],
) -> list[Link]:
    """The links; `alive` are the most of each forward and backward, and gradients of weights."""
    count = len(alive)
    calls: list[list[Call]] = [[] for _ in range(count)]
    macs: list[dict[int, int]] = [{} for _ in range(count)]  # by operations
    for call in trace.calls:
        calls[owner[call.first]].append(call)
    for at, node in enumerate(graph.nodes):
        macs[owner[at]][at] = node.macs
    size = [bytes_of(x, batch) for x in trace.sizes]
    links: list[Link] = []
    kept = 0  # of all links so far
    entering, held = 0, True  # the images are the caller's
    for index in range(count):
        kept_here = {storage for call in calls[index] for storage in call.keeps}
        made = {storage for call in calls[index] for storage in call.new}
        leaving = calls[index][-1].result if macs[index] else entering
        inside = sum(size[s] for s in (kept_here & made) - {leaving, entering})
        entering_size = 0 if entering == 0 else size[entering]
        links.append(
            Link(
                before=kept - (entering_size if held else 0),
                input=entering_size,
                forward=alive[index][0],
                backward=alive[index][1],
                gradients=alive[index][2],
                inside=inside,
                keeps_input=entering in kept_here or entering == 0,
                keeps_output=leaving in kept_here,
                in_place=leaving == entering,
                macs=sum(macs[index].values()),
                again=_again(calls[index], macs[index]),
            )
        )
        if entering in kept_here and not held:
            kept += entering_size
            held = True
        kept += inside
        if leaving != entering:
            held = leaving in kept_here
            kept += size[leaving] if held else 0
        entering = leaving
    return links


def _again(calls: Sequence[Call], macs: Mapping[int, int]) -> int | None:
    """The MACs of a link up to where a second run ends: before its last operation that keeps."""
    keeping = [
        call.first + kernel.operation
        for call in calls
        for kernel in call.recording.kernels
        if kernel.keeps
    ]
    return sum(macs[at] for at in macs if at < keeping[-1]) if keeping else None
