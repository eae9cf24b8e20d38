"""How images are shared by several processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Shard(NamedTuple):
    """The part of the images that one of several processes works on."""

    rank: int = 0
    world: int = 1

    def of(self, indices: Sequence[int], min_images: int = 1) -> list[int]:
        """Every `world`-th index from number `rank` on; all shares together are `indices`.

        Where a share would have less than `fewest`, the first processes share all of them.
        """
        world = max(1, min(self.world, len(indices) // min_images))
        return list(indices[self.rank :: world]) if self.rank < world else []


SINGLE_SHARD = Shard()
