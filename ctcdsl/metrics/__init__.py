"""What networks cost, before anything is trained."""

from ctcdsl.metrics.complexity import DEFINITION, LayerCost, NetworkCost, network_cost, total_macs

__all__ = ["DEFINITION", "LayerCost", "NetworkCost", "network_cost", "total_macs"]
