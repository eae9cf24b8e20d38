"""Designs trained by successive halving, by one process or several."""
