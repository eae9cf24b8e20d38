"""Files that are written whole, and locks."""
