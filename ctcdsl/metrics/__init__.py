"""What networks cost, before anything is trained."""

from ctcdsl.metrics.complexity import Cost, LayerCost, macs, network_cost, total_macs

__all__ = ["Cost", "LayerCost", "macs", "network_cost", "total_macs"]
