"""Training: images, the recipe of the paper's Section 5, the loop, checkpoints, the 10-view test.

Nothing here prints: the loop speaks to a `report.Callback`, and what a user sees is the command
line's work. `recipe` needs no torch, so that its defaults can be shown without loading it.
"""
