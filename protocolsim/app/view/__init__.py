"""The views of the page: one file each, found by its name."""
