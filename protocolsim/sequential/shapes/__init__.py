"""Shapes of group-sequential boundaries, one file per shape; each file ends in its `KIND`.

Private: what is public stands in the package root.
"""
