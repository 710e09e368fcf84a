"""Endpoints: the numbers a trial reports, one file per kind.

Private: what is public stands in the package root.
"""
