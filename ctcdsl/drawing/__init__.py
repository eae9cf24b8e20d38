"""Layered layouts and SVG."""
