"""Spaces: networks that a spec with choices allows, counted, searched within budgets, ranked."""
