"""Code from checked networks."""

from ctcdsl.codegen.names import class_name
from ctcdsl.codegen.pytorch import generate

__all__ = ["class_name", "generate"]
