"""What networks cost, before anything is trained."""

from ctcdsl.metrics.complexity import DEFINITION, Cost, LayerCost, macs, network_cost, total_macs

__all__ = ["DEFINITION", "Cost", "LayerCost", "macs", "network_cost", "total_macs"]
