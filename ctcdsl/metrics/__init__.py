"""What networks cost, before anything is trained."""

from ctcdsl.metrics.complexity import Cost, LayerCost, macs, network_cost

__all__ = ["Cost", "LayerCost", "macs", "network_cost"]
