"""Networks as data: layers, stages, heads, feature maps."""

from ctcdsl.ir.layers import (
    Conv,
    Dropout,
    GlobalPool,
    HeadLayer,
    Layer,
    Linear,
    LocalResponseNorm,
    Pool,
    SpatialPyramid,
    TrunkLayer,
    Window,
)
from ctcdsl.ir.network import Head, Network, PadRule, Stage
from ctcdsl.ir.shapes import Shape, convolution_macs, pyramid_window, window_count

__all__ = [
    "Conv",
    "Dropout",
    "GlobalPool",
    "Head",
    "HeadLayer",
    "Layer",
    "Linear",
    "LocalResponseNorm",
    "Network",
    "PadRule",
    "Pool",
    "Shape",
    "SpatialPyramid",
    "Stage",
    "TrunkLayer",
    "Window",
    "convolution_macs",
    "pyramid_window",
    "window_count",
]
