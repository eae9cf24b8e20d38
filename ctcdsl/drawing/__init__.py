"""Pictures of networks and of their lineage: one layered layout, one SVG writer."""

from ctcdsl.drawing.network import draw_network

__all__ = ["draw_network"]
