"""ctcdsl: CNNs the way papers write them, at a time cost you choose."""

__version__ = "0.1.0"
