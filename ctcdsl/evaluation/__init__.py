"""Evaluation of a trained network: one view, ten views, dense; scores and pictures."""
