"""Code from checked networks."""

from ctcdsl.codegen.pytorch import class_name, generate

__all__ = ["class_name", "generate"]
