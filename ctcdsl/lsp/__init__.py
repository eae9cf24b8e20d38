"""What editors need: colours, and a language server."""
