"""What networks cost, before anything is trained."""

from ctcdsl.metrics.complexity import DEFINITION, Cost, LayerCost, network_cost, total_macs

__all__ = ["DEFINITION", "Cost", "LayerCost", "network_cost", "total_macs"]
