"""Execution of a study: its split into chunks (map-reduce), and the merging of their results in order."""
