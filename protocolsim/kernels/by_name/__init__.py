"""From one subject written by name to a kernel over many: its words, its loop over rows, its loops over columns."""
