"""The Language Server Protocol, by pygls; the answers come from the modules around this folder."""
