"""Architecture to network: every map inferred, paddings chosen, blocks joined."""
