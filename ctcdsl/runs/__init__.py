"""The folder of a run: checkpoints, log, and what the run was asked to do."""
