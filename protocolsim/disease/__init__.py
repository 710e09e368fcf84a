"""Diseases: what happens to a subject, one file each."""
