"""Data sets: where images are, how they are decoded, sampled and batched."""
