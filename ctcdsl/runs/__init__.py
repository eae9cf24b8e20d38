"""The folder of a run: checkpoints, log, and how the run was started."""
