"""The identity: `id`."""

from __future__ import annotations

from ctcdsl.layers.base import Context, MapOrVectorLayer, layer
from ctcdsl.ops.graph import Builder, Value
from ctcdsl.ops.operators import Identity as IdentityOp

_IDENTITY = IdentityOp()


@layer("id", summary="identity")
class Identity(MapOrVectorLayer):
    """Changes nothing: the branch of a block that passes its input on."""

    keyword = "id"
    title = "identity"
    channelwise = True
    pixelwise = True
    widths = ()
    last_activation = None

    def lower(self, graph: Builder, x: Value, context: Context) -> Value:
        """One operation."""
        return graph.add(_IDENTITY, x)
