"""Words and notations of other tools and papers: what people type, and the row for it."""
