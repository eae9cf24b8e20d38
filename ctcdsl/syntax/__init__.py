"""The syntax of .ctc files: parser, syntax tree, formatter, word table."""
