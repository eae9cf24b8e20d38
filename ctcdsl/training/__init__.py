"""Training: what a run is asked to do, its epochs and steps, validation, checkpoints, repeating.

Nothing here prints: training calls a `Callback`, and the command line shows what it reports.
"""
