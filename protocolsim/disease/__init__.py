"""Diseases: what happens to a subject, one file each.

Private: what is public stands in the package root.
"""
