"""The kinds of layers, one home each: word, arguments, shape rule, operations.

Importing the room imports every file of it, so that a new kind is a new file and no line here.
"""

import os
from importlib import import_module

# The order is that of the words on pages and in completion.
from ctcdsl.layers.pooling import GlobalPool, Pool  # isort: skip
from ctcdsl.layers.pyramid import SpatialPyramid  # isort: skip
from ctcdsl.layers.linear import Linear  # isort: skip
from ctcdsl.layers.dropout import Dropout  # isort: skip
from ctcdsl.layers.lrn import LocalResponseNorm  # isort: skip
from ctcdsl.layers.squeeze_excite import SqueezeExcite  # isort: skip
from ctcdsl.layers.scale import Scale  # isort: skip
from ctcdsl.layers.response_norm import GlobalResponseNorm  # isort: skip
from ctcdsl.layers.shuffle import Shuffle  # isort: skip
from ctcdsl.layers.identity import Identity  # isort: skip
from ctcdsl.layers.norms import NORMS, Norm, NormLayer  # isort: skip
from ctcdsl.layers.activations import ACTIVATIONS, Activation, ActivationLayer  # isort: skip
from ctcdsl.layers.convolution import Conv, ConvLayer  # isort: skip
from ctcdsl.layers.transposed import ConvTranspose  # isort: skip
from ctcdsl.layers.base import WORDS, Context, LayerKind, MapOrVectorLayer, VectorLayer
from ctcdsl.layers.style import CONV_RELU, NO_CONSTANTS, Constants, Style
from ctcdsl.layers.windows import SlidingWindow

for _file in sorted(os.listdir(os.path.dirname(__file__))):
    _module, _, _suffix = _file.partition(".")
    if _suffix in ("py", "pyc") and _module != "__init__":  # compiled alone in the playground
        import_module(f"{__name__}.{_module}")

__all__ = [
    "ACTIVATIONS",
    "CONV_RELU",
    "NORMS",
    "NO_CONSTANTS",
    "WORDS",
    "Activation",
    "ActivationLayer",
    "Constants",
    "Context",
    "Conv",
    "ConvLayer",
    "ConvTranspose",
    "Dropout",
    "GlobalPool",
    "GlobalResponseNorm",
    "Identity",
    "LayerKind",
    "Linear",
    "LocalResponseNorm",
    "MapOrVectorLayer",
    "Norm",
    "NormLayer",
    "Pool",
    "Scale",
    "Shuffle",
    "SlidingWindow",
    "SpatialPyramid",
    "SqueezeExcite",
    "Style",
    "VectorLayer",
]
