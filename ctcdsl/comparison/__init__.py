"""Several networks and seeds under one recipe."""
