"""Syntax tree to architecture: names resolved, repeats unrolled."""
