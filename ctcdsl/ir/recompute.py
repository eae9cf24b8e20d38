"""Parts of a network whose maps training computes again: `recompute conv2_x conv3_x.block1`.

Training keeps the input of a part alone, and computes the rest again when the backward pass
arrives there (Chen et al. 2016).
"""

from __future__ import annotations

from collections.abc import Sequence

from ctcdsl.ops.record import Record, field
from ctcdsl.text import Span


class Part(Record):
    """What is recomputed at once: a stage, or its `elements` from one to another.

    Both ends are included. Stages and elements count from 0; the head is the stage after the last.
    """

    stage: int
    elements: tuple[int, int] | None = None
    origin: Span | None = field(default=None, compare=False)

    def positions(self, lengths: Sequence[int]) -> range:
        """The positions of its layers and blocks in the chain of a network.

        Args:
            lengths: The number of layers and blocks of each stage, and of the head.
        """
        start = sum(lengths[: self.stage])
        first, last = self.elements or (0, lengths[self.stage] - 1)
        return range(start + first, start + last + 1)


def part_text(part: Part, stage: str, names: Sequence[str]) -> str:
    """A part as a spec has it.

    Args:
        part: The part.
        stage: The name of its stage.
        names: Those of the layers and blocks of the stage: `conv2_x.block1`.
    """
    if part.elements is None:
        return stage
    first, last = (names[element] for element in part.elements)
    return first if first == last else f"{first}..{last.removeprefix(f'{stage}.')}"


def part_at(run: range, lengths: Sequence[int]) -> Part:
    """The part at positions of the chain, all in one stage: that where it is all of it."""
    stage, start = 0, 0
    while run.start >= start + lengths[stage]:
        start += lengths[stage]
        stage += 1
    if len(run) == lengths[stage]:
        return Part(stage=stage)
    return Part(stage=stage, elements=(run.start - start, run.stop - 1 - start))
