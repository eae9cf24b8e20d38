"""Estimates of how well networks will learn: scores without training, and a model of results."""
