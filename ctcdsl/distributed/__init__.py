"""One process or several that train and test together."""
