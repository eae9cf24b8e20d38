"""The command line: thin commands over the rooms below, and all that is shown."""
