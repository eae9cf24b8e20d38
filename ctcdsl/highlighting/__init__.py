"""Colours for editors, from one list of patterns."""
