"""The built-in passes, one file for each family."""
