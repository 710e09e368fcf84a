"""The kinds of statistics that a look may read, one a file, each found by its file's name."""
